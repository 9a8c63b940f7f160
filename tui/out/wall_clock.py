"""Writing wall-clock time: as RFC 3339 text, or for people."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache

_SECOND_NS = 1_000_000_000


def timestamp(wall_ns: int) -> str:
    """Write nanoseconds since the Unix epoch as UTC: `2026-11-22T12:00:00.123456789Z`."""
    return "%s.%09dZ" % (_to_the_second(wall_ns // _SECOND_NS), wall_ns % _SECOND_NS)


def clock_text(wall_ns: int) -> str:
    """Write it to the second, for people: `2026-11-22 12:00:00Z`."""
    return _to_the_second(wall_ns // _SECOND_NS).replace("T", " ") + "Z"


@lru_cache(maxsize=64)
def _to_the_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
