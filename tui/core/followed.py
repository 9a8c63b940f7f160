"""Followed: a quantile as more latencies come. While its rank stays in its bucket no others need be looked at."""

from __future__ import annotations

from array import array

from tui.core.entries import FAILURE
from tui.core.histogram import end_ns, middle_ns, nearest_rank


class Followed:
    """Nothing but `stays` may be told of what is counted meanwhile. One thread."""

    __slots__ = ("_below", "_count", "_end_ns", "_first_ns", "_q", "_up_to", "value_ns")

    def __init__(self, q: float, bucket: int, below: int, within: int, count: int) -> None:
        """Of `count` latencies, `below` are in lower buckets and `within` in its own. It must not be an extreme."""
        self.value_ns = middle_ns(bucket)
        self._q = q
        self._first_ns = end_ns(bucket - 1) if bucket else 0
        self._end_ns = end_ns(bucket)
        self._below = below
        self._up_to = below + within
        self._count = count

    def stays(self, entries: bytes | bytearray) -> bool:
        """Add entries (`tui.core.entries`); False: the quantile may be another now, and is to be asked for anew."""
        first_ns, end_ns = self._first_ns, self._end_ns
        for word in array("Q", entries)[1::2]:
            if word < end_ns:
                if word >= first_ns:
                    self._up_to += 1
                elif word:
                    self._below += 1
                    self._up_to += 1
                else:
                    self._count -= 1
            elif word >= FAILURE:
                self._count -= 1
            self._count += 1
        return self._below < nearest_rank(self._q, self._count) <= self._up_to
