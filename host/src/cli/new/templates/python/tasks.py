"""Tasks in Python. Each call of one has an interpreter of its own: nothing that one leaves is there for the next."""

import statistics

from runner import logger, task


@task("json")
def word_count(text: str) -> int:
    """Counts the words of a text: what stands between white space."""
    return len(text.split())


@task("json")
def median(numbers: list[float]) -> float:
    """The median of a sample."""
    if len(numbers) < 10:
        logger.info("a sample of %d says little", len(numbers))
    return statistics.median(numbers)
