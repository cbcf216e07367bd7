"""Makes a module of tasks: the functions of the contract's `runner`, and what becomes of exceptions and logs.

Nothing here is about any one task; copy it as it is.
"""

import inspect
import json
import logging
import os
import traceback
from collections.abc import Callable

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.runner import Failure, FailureKind, Function
from wit_world.imports import host

logger = logging.getLogger("tasks")

# Where the sources stand in the module.
_HERE = f"{os.path.dirname(__file__)}/"

# Every task by its name, with the codecs that it speaks.
_tasks: dict[str, tuple[Callable, tuple[str, ...]]] = {}


def task(*codecs: str) -> Callable[[Callable], Callable]:
    """Makes a function a task. It speaks `json`: its arguments and its value are what `json` makes of them; or `raw`: it
    takes one `bytes` and returns one."""

    def add(function: Callable) -> Callable:
        _tasks[function.__name__] = (function, codecs)
        return function

    return add


class Runner(exports.Runner):
    """What the module exports."""

    def functions(self) -> list[Function]:
        return [
            Function(name, str(inspect.signature(function)), inspect.getdoc(function) or "", list(codecs))
            for name, (function, codecs) in _tasks.items()
        ]

    def run(self, name: str, codec: str, argument: bytes) -> bytes:
        if name not in _tasks:
            raise Err(Failure(FailureKind.UNKNOWN_FUNCTION, name, []))
        function, codecs = _tasks[name]
        if codec not in codecs:
            raise Err(Failure(FailureKind.UNKNOWN_CODEC, codec, []))
        arguments = [argument] if codec == "raw" else _decoded(function, argument)
        try:
            value = function(*arguments)
        except BaseException as error:  # `sys.exit` is no way to end a task
            raise Err(Failure(FailureKind.FAILED, _message(error), _trace(error))) from None
        return value if codec == "raw" else _encoded(value)


def _decoded(function: Callable, argument: bytes) -> list:
    """The arguments of a function. A wrong number of them is told here, before it could look like an error of its own."""
    try:
        arguments = json.loads(argument)
        if not isinstance(arguments, list):
            raise TypeError("expected an array of arguments")
        inspect.signature(function).bind(*arguments)
    except (TypeError, ValueError, RecursionError) as error:
        raise Err(Failure(FailureKind.ARGUMENT_CODEC, _message(error), [])) from None
    return arguments


def _encoded(value: object) -> bytes:
    try:
        return json.dumps(value, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Err(Failure(FailureKind.RESULT_CODEC, _message(error), [])) from None


def _message(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _trace(error: BaseException) -> list[str]:
    """The frames of an exception, and its causes with theirs. Frames begin with `at`; those of this file are left out."""
    lines = []
    cause: BaseException | None = error
    while cause is not None:
        if cause is not error:
            lines.append(_message(cause))
        for frame in traceback.extract_tb(cause.__traceback__):
            if frame.filename != __file__:
                lines.append(f"at {frame.filename.removeprefix(_HERE)}:{frame.lineno} in {frame.name}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return lines


class _Handler(logging.Handler):
    """What the tasks log reaches the caller."""

    LEVELS = ((logging.ERROR, host.Level.ERROR), (logging.WARNING, host.Level.WARN), (logging.INFO, host.Level.INFO))

    def emit(self, record: logging.LogRecord) -> None:
        level = next((level for least, level in self.LEVELS if record.levelno >= least), host.Level.DEBUG)
        host.log(host.LogRecord(level, record.name, record.getMessage(), record.pathname.removeprefix(_HERE), record.lineno))


logging.basicConfig(level=logging.DEBUG, handlers=[_Handler()])
import tasks  # noqa: E402, F401  (it fills the table, and needs `task`)
