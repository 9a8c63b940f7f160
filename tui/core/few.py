"""Figures of a few handshakes, read from their entries: a table of counts would take longer to make than to ask."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from math import isqrt
from operator import mul

from tui.core.entries import FAILURE, columns, table_of
from tui.core.figures import Exact, Figures
from tui.core.histogram import bucket_of, middle_ns, nearest_rank
from tui.core.trend import SLICE_NS, SLICES, level_of


class FewFigures(Figures):
    """The same as of the table of these entries."""

    __slots__ = (
        "_entries",
        "_established",
        "_first_slice",
        "_has_failures",
        "_is_exact",
        "_latencies",
        "_table",
    )

    def __init__(self, entries: bytes, first_slice: int, is_exact: bool) -> None:
        """Of the entries from a slice on."""
        self._entries = entries
        self._first_slice = first_slice
        self._is_exact = is_exact
        times_ns, words = columns(entries)
        if first_slice:
            first_ns = first_slice * SLICE_NS
            words = [word for at, word in zip(times_ns, words, strict=True) if at >= first_ns]
        words.sort()
        self._has_failures = bool(words) and words[-1] >= FAILURE
        if self._has_failures:
            del words[bisect_left(words, FAILURE) :]
        self._established = len(words)
        if words and not words[0]:
            words = [word for word in words if word]
        self._latencies = words
        """In order."""
        self._table: Figures | None = None
        """Made when something is asked that the latencies alone do not say."""

    def _all(self) -> Figures:
        if self._table is None:
            words = self._latencies
            exact = Exact(
                words[0] if words else None,
                words[-1] if words else 0,
                sum(words),
                sum(map(mul, words, words)),
            )
            self._table = Figures(
                table_of(self._entries, self._first_slice), exact if self._is_exact else None
            )
        return self._table

    @property
    def latencies(self) -> int:
        """Handshakes with a latency: what quantiles are made of."""
        return len(self._latencies)

    @property
    def established(self) -> int:
        """Established handshakes, those without a latency included."""
        return self._established

    def failed(self, *codes: int) -> int:
        """Handshakes refused, unreachable or unanswered: of these codes; none: of any."""
        return self._all().failed(*codes) if self._has_failures else 0

    @property
    def retransmits(self) -> int:
        """SYNs (SYN-ACKs) sent again."""
        return self._all().retransmits if self._has_failures else 0

    @property
    def min_ns(self) -> int | None:
        """The least latency."""
        return self._end(0)

    @property
    def max_ns(self) -> int | None:
        """The greatest latency."""
        return self._end(-1)

    def _end(self, place: int) -> int | None:
        if not self._latencies:
            return None
        ns = self._latencies[place]
        return ns if self._is_exact else middle_ns(bucket_of(ns))

    def rank_ns(self, rank: int) -> int:
        """The `rank`-th smallest latency; there must be so many."""
        latencies = self._latencies
        near_ns = middle_ns(bucket_of(latencies[rank - 1]))
        if not self._is_exact:
            return near_ns
        if rank in (1, len(latencies)):
            return latencies[rank - 1]
        return min(max(near_ns, latencies[0]), latencies[-1])

    @property
    def jitter_ns(self) -> int | None:
        """The standard deviation of the latencies; None: see `Figures`."""
        if not self._is_exact:
            return self._all().jitter_ns
        latencies, count = self._latencies, len(self._latencies)
        if count < 2:
            return None
        return isqrt(count * sum(map(mul, latencies, latencies)) - sum(latencies) ** 2) // count

    def connects(self) -> Figures:
        """What connect() took."""
        return self._all().connects()


def latencies_of(entries: bytes) -> list[int]:
    """All latencies, in order."""
    words = array("Q", entries)[1::2].tolist()
    words.sort()
    if words and (not words[0] or words[-1] >= FAILURE):
        words = [word for word in words if 0 < word < FAILURE]
    return words


def quantile_of(entries: bytes, q: float) -> int | None:
    """What `FewFigures` says, of all of them: quicker, as rows of a hundred thousand hosts are ordered by it."""
    words = latencies_of(entries)
    count = len(words)
    if not count:
        return None
    rank = nearest_rank(q, count)
    latency_ns = words[rank - 1]
    if rank in (1, count):
        return latency_ns
    return min(max(middle_ns(bucket_of(latency_ns)), words[0]), words[-1])


def last_latency_of(entries: bytes) -> int | None:
    """Of the latest that had one; of several that ended at the same time, the greatest."""
    times_ns, words = columns(entries)
    if times_ns and 0 < words[-1] < FAILURE and times_ns[-1] > max(times_ns[:-1], default=-1):
        return words[-1]  # They are nearly in order.
    timed = [each for each in zip(times_ns, words, strict=True) if 0 < each[1] < FAILURE]
    return max(timed)[1] if timed else None


def levels_of(entries: bytes, slice_: int) -> bytes:
    """What `Counted.levels` says."""
    first = slice_ - SLICES + 1
    slowest = [0] * SLICES
    for time_ns, word in zip(*columns(entries), strict=True):
        place = time_ns // SLICE_NS - first
        if 0 <= place < SLICES and slowest[place] < word < FAILURE:
            slowest[place] = word
    return bytes([level_of(latency_ns) if latency_ns else 0 for latency_ns in slowest])
