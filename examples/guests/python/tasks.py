"""Tasks in Python. What they are for is the standard library: parsers and mathematics that are there already."""

import json
import statistics
import tomllib

from runner import logger, task


@task("json")
def word_count(text: str) -> int:
    """Counts the words of a text: what stands between white space."""
    return len(text.split())


@task("json")
def describe(numbers: list[float]) -> dict[str, float]:
    """Mean, median and standard deviation of a sample."""
    if len(numbers) < 10:
        logger.warning("a sample of %d says little", len(numbers))
    return {
        "mean": statistics.fmean(numbers),
        "median": statistics.median(numbers),
        "stdev": statistics.stdev(numbers),
    }


@task("raw")
def toml_to_json(toml: bytes) -> bytes:
    """A document of TOML as JSON; dates become strings."""
    try:
        document = tomllib.loads(toml.decode())
    except ValueError as cause:
        raise ValueError(f"{len(toml)} bytes are no TOML") from cause
    return json.dumps(document, default=str).encode()
