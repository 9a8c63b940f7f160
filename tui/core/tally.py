"""Tally: everything counted of one row or cell, since the start and in the last fifteen minutes; tallies add up."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core.codes import ESTABLISHED_END, FAILURES, Delta
from tui.core.counted import Counted
from tui.core.entries import ENTRY, FAILURE, columns, failures_in, table_of, times_of
from tui.core.few import FewFigures, last_latency_of, latencies_of, levels_of, quantile_of
from tui.core.figures import Figures
from tui.core.followed import Followed
from tui.core.packing import Slice
from tui.core.trend import SLICE_NS
from tui.core.window import Moment, Window

_FEW = 48
"""So many entries, or up to twice as many, are kept as they came: that is smaller than tables, and counting many at
once is quicker."""
_ENTRY_BYTES = ENTRY.size
_FEW_BYTES = _FEW * _ENTRY_BYTES
_CHANCE = 8
"""A byte of the first latency: which hosts count theirs earlier, so that thousands as busy do not all in one redraw."""


class Tally:
    """One writer. Nothing is shown before it was added, so a model that adds nothing stands still.

    Most hosts of a hundred thousand have few handshakes: what these say is read from the entries themselves.
    """

    __slots__ = ("_counted", "_few", "established", "failed")

    def __init__(self) -> None:
        self._few = b""
        """Entries not counted in the tables yet."""
        self._counted: Counted | None = None
        """None: there have not been more than that."""
        self.established = 0
        self.failed = 0

    def add(self, entries: bytes | bytearray, has_failures: bool = True) -> None:
        """Add entries (`tui.core.entries`). `has_failures`: whether there may be some among them."""
        count = len(entries) // _ENTRY_BYTES
        if has_failures:
            failed = failures_in(entries)
            self.failed += failed
            count -= failed
        self.established += count
        few = self._few + entries
        if len(few) > _FEW_BYTES and len(few) > _FEW_BYTES * (16 + few[_CHANCE] % 16) // 16:
            self._few = b""
            self._tables().add(few)
        else:
            self._few = few

    def apply(self, delta: Delta | Tally) -> None:
        """Add what a delta, or another tally, has counted."""
        if isinstance(delta, Tally):
            self.merge(delta)
            return
        if not delta.counts:
            return
        for code, count in delta.by_code().items():
            if code < ESTABLISHED_END:
                self.established += count
            elif code in FAILURES:
                self.failed += count
        self._tables().apply(delta)

    def merge(self, other: Tally) -> None:
        """Add what another has counted: the same as if all of it had been added here."""
        if other._counted is not None:
            self._tables().merge(other._counted)
            counted = other._few
            self.established += other.established
            self.failed += other.failed
            if counted:
                self._tables().add(counted)
        elif other._few:
            self.add(other._few)

    def merge_all(self, others: Sequence[Tally]) -> None:
        """The same of many, most of which have counted few."""
        self.add(b"".join([each._few for each in others if each._counted is None]))
        for each in others:
            if each._counted is not None:
                self.merge(each)

    def _tables(self) -> Counted:
        """To be written to."""
        if self._counted is None:
            self._counted = Counted()
        return self._counted

    def _read(self) -> Counted:
        """All of it, to be read: of few, tables are made for the moment."""
        counted = self._counted if self._counted is not None else Counted()
        if self._few:
            counted.add(self._few)
            if counted is self._counted:
                self._few = b""
        return counted

    @property
    def is_empty(self) -> bool:
        """Whether nothing was counted."""
        return not self._few and self._counted is None

    @property
    def counts(self) -> dict[int, int]:
        """Since the start, by code. Not to be written."""
        return table_of(self._few) if self._counted is None else self._read().counts

    @property
    def last_seen_ns(self) -> int:
        """When the last one ended; 0: there was none."""
        if self._counted is None:
            return max(times_of(self._few), default=0)
        return self._read().last_seen_ns

    @property
    def last_latency_ns(self) -> int | None:
        """Of the latest handshake that had one; of several that ended at the same time, the greatest."""
        if self._counted is not None:
            return self._read().last_latency_ns
        return last_latency_of(self._few)

    def figures(self, moment: Moment) -> Figures:
        """What the window holds; of everything extremes and jitter are exact, of less as exact as quantiles are."""
        is_all = moment.window is Window.ALL
        if self._counted is None:
            return FewFigures(self._few, 0 if is_all else moment.first_slice, is_all)
        return self.all_time if is_all else Figures(self._read().past.since(moment.first_slice))

    def quantile_ns(self, q: float) -> int | None:
        """Of all, what `all_time` says; of a few handshakes in a sixth of the time."""
        if self._counted is not None:
            return self._counted.quantile_ns(q, latencies_of(self._few))
        return quantile_of(self._few, q)

    def follow(self, q: float) -> Followed | None:
        """The same, to be followed; None: it is not worth it, or not possible."""
        return self._counted.follow(q, latencies_of(self._few)) if self._counted is not None else None

    @property
    def all_time(self) -> Figures:
        """Everything since the start."""
        return self._read().all_time

    def since(self, first_slice: int) -> dict[int, int]:
        """Counts by code, from a slice on that is in the last two minutes, or begins a half minute of the last 15."""
        if self._counted is None:
            return table_of(self._few, first_slice)
        return self._read().past.since(first_slice)

    def recent(self, first_slice: int) -> int:
        """Established handshakes from a slice on; which, see `since`."""
        if self._counted is not None:
            return self._read().past.recent(first_slice)
        first_ns = first_slice * SLICE_NS
        if not self.failed:
            return sum(map(first_ns.__le__, times_of(self._few)))
        times_ns, words = columns(self._few)
        return sum(at >= first_ns and word < FAILURE for at, word in zip(times_ns, words, strict=True))

    def has_between(self, first_slice: int, end_slice: int) -> bool:
        """Whether anything was counted from a slice on, before another; which, see `since`."""
        if self._counted is not None:
            return self._read().past.has_between(first_slice, end_slice)
        first_ns, end_ns = first_slice * SLICE_NS, end_slice * SLICE_NS
        times_ns = times_of(self._few)
        # All of one window or none of it, mostly: asked of all rows every 5 s.
        if not times_ns or max(times_ns) < first_ns or min(times_ns) >= end_ns:
            return False
        return any(first_ns <= at < end_ns for at in times_ns)

    def levels(self, slice_: int) -> bytes:
        """24 levels, oldest first, the last that of `slice_`: the slowest handshake of each; 0: none had a latency."""
        return levels_of(self._few, slice_) if self._counted is None else self._read().past.levels(slice_)

    def history(self) -> list[Slice]:
        """The last fifteen minutes, oldest first: slices of 5 s, and older than two minutes, of half a minute."""
        return self._read().past.history()
