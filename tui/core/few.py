"""Figures of a few handshakes, read from their entries: a table of counts would take longer to make than to ask."""

from __future__ import annotations

from tui.core.entries import FAILURE, columns, table_of
from tui.core.figures import Exact, Figures
from tui.core.histogram import bucket_of, middle_ns, nearest_rank
from tui.core.trend import SLICE_NS


class FewFigures(Figures):
    """The same as of the table of these entries."""

    __slots__ = ("_entries", "_first_slice", "_is_exact", "_latencies", "_table")

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
        if words and (not words[0] or words[-1] >= FAILURE):
            words = [word for word in words if 0 < word < FAILURE]
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
                sum(word * word for word in words),
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
        return self._all().established

    def failed(self, *codes: int) -> int:
        """Handshakes refused, unreachable or unanswered: of these codes; none: of any."""
        return self._all().failed(*codes)

    @property
    def retransmits(self) -> int:
        """SYNs (SYN-ACKs) sent again."""
        return self._all().retransmits

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
        return self._all().jitter_ns

    def connects(self) -> Figures:
        """What connect() took."""
        return self._all().connects()


def latencies_of(entries: bytes) -> list[int]:
    """All latencies, in order."""
    words: list[int] = memoryview(entries).cast("Q").tolist()[1::2]
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
