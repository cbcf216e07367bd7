"""A component in Python without isopool's contract: the functions of texts.wit. An `option` is a value or `None`, and a raised
`Err` is the error of a `result`."""

import statistics

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.measure import Counts


class Measure(exports.Measure):
    def count(self, text: str) -> Counts:
        return Counts(lines=len(text.splitlines()), words=len(text.split()), bytes=len(text.encode()))

    def word_at(self, text: str, place: int) -> str | None:
        words = text.split()
        return words[place] if place < len(words) else None

    def mean(self, numbers: list[float]) -> float:
        if not numbers:
            raise Err("no numbers have no mean")
        return statistics.fmean(numbers)
