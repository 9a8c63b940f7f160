"""What may stand in a line of a recording: each value checked, as anybody may have written it. All raise ValueError."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache

TEXT_MAX = 1024
"""No name is longer, in characters: what was read stays in memory, and packs well into a small file."""
_SECOND_NS = 1_000_000_000


def moment_ns(value: object) -> int:
    """Read `2026-11-22T12:00:00.123456789Z` as Unix time, before 2262 as in captures."""
    said = text(value)
    if (
        len(said) != 30
        or said[19] != "."
        or said[29] != "Z"
        or not (said[20:29].isdecimal() and said.isascii())
    ):
        raise ValueError(said)
    return whole(_second_ns(said[:19]) + int(said[20:29]), 1 << 63)


@lru_cache(maxsize=64)
def _second_ns(text: str) -> int:
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    seconds = int(moment.timestamp())
    if seconds < 0:
        raise ValueError(text)
    return seconds * _SECOND_NS


def whole(value: object, bound: int) -> int:
    """Take a whole number from 0 up to below `bound`."""
    if type(value) is not int or not 0 <= value < bound:
        raise ValueError(value)
    return value


def text(value: object, at_most: int = TEXT_MAX) -> str:
    """Take text of so many characters at most."""
    if type(value) is not str or len(value) > at_most:
        raise ValueError(value)
    return value


def truth(value: object) -> bool:
    """Take true or false."""
    if type(value) is not bool:
        raise ValueError(value)
    return value
