"""What TCP itself says of open connections: of one cell's, and of a row's. Never mixed with what handshakes say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from tui.core.codes import RETRANSMITS, SEGMENTS, Delta
from tui.core.connection import Connection
from tui.core.histogram import nearest_rank
from tui.core.tally import Tally
from tui.core.trend import SLICE_NS
from tui.core.window import KEPT_SLICES, Moment, Window

T = TypeVar("T")
KEPT_NS = KEPT_SLICES * SLICE_NS
"""A connection that has sent nothing for so long is not followed any more: it may have ended unseen."""


class Live:
    """Of one cell. Made and written by `Connections` only."""

    __slots__ = ("connections", "min_rtts_ns", "pending", "srtts_ns", "tally", "times_ns")

    def __init__(self) -> None:
        self.connections: dict[int, Connection] = {}
        """By cookie, as of the last refresh."""
        # Of the same, and in the same order: rows with 50,000 connections are added up in C.
        self.times_ns: dict[int, int] = {}
        self.srtts_ns: dict[int, int] = {}
        self.min_rtts_ns: dict[int, int] = {}
        """0: there is none yet."""
        self.tally = Tally()
        """Of its samples, also those of connections that are closed by now: round trips as latencies, and segments."""
        self.pending = Delta()
        """Came since the last refresh."""

    def show(self, cookie: int, connection: Connection) -> None:
        """Let a connection be as it was sampled last."""
        flow = connection.flow
        self.connections[cookie] = connection
        self.times_ns[cookie] = flow.time_ns
        self.srtts_ns[cookie] = flow.srtt_ns
        self.min_rtts_ns[cookie] = flow.min_rtt_ns

    def hide(self, cookie: int) -> None:
        """Let a connection be gone."""
        for table in (self.connections, self.times_ns, self.srtts_ns, self.min_rtts_ns):
            del table[cookie]

    def take(self) -> Delta:
        """Count what came; return it."""
        news = self.pending
        if news.counts:
            self.tally.apply(news)
            self.pending = Delta()
        return news


class LiveFigures:
    """Of the connections of some cells, at a moment; worked out when asked, and then remembered.

    They are those open, as far as is known, that sent something in the window; if that is all, in the last 15 minutes.
    """

    __slots__ = ("_lives", "_min_rtts_ns", "_moment", "_srtts_ns", "_tally")

    def __init__(self, lives: Sequence[Live], moment: Moment) -> None:
        self._lives = lives
        self._moment = moment
        self._srtts_ns: list[int] | None = None
        self._min_rtts_ns: list[int] | None = None
        self._tally: Tally | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._srtts())

    @property
    def connections(self) -> list[Connection]:
        """All of them."""
        return self._of_window(lambda live: live.connections)

    @property
    def srtt_ns(self) -> int | None:
        """The median of the connections' smoothed round trips."""
        return _median(self._srtts())

    @property
    def srtt_max_ns(self) -> int | None:
        """The greatest of them."""
        return max(self._srtts(), default=None)

    @property
    def min_rtt_ns(self) -> int | None:
        """The median of the connections' least round trips."""
        return _median(self._min_rtts())

    @property
    def min_rtt_max_ns(self) -> int | None:
        """The greatest of them."""
        return max(self._min_rtts(), default=None)

    @property
    def bloat(self) -> float | None:
        """How many times the least the smoothed round trip is, of the connection where that is most."""
        return max((each.bloat for each in self.connections if each.bloat), default=None)

    @property
    def is_bloated(self) -> bool:
        """Whether a connection has had a queue on its path for a while."""
        return any(each.is_bloated for each in self.connections)

    @property
    def loss_percent(self) -> float | None:
        """How many of 100 segments with data sent in the window were sent again; None: none was sent."""
        segments = retransmits = 0
        for live in self._lives:
            tally, first_slice = live.tally, self._moment.first_slice
            counts = tally.since(first_slice) if first_slice else tally.counts
            segments += counts.get(SEGMENTS, 0)
            retransmits += counts.get(RETRANSMITS, 0)
        return 100 * retransmits / segments if segments else None

    @property
    def tally(self) -> Tally:
        """All samples, added up, also those of connections that are closed by now."""
        if self._tally is None:
            self._tally = self._lives[0].tally if len(self._lives) == 1 else _merged(self._lives)
        return self._tally

    def _srtts(self) -> list[int]:
        if self._srtts_ns is None:
            self._srtts_ns = self._of_window(lambda live: live.srtts_ns)
        return self._srtts_ns

    def _min_rtts(self) -> list[int]:
        if self._min_rtts_ns is None:
            self._min_rtts_ns = list(filter(None, self._of_window(lambda live: live.min_rtts_ns)))
        return self._min_rtts_ns

    def _of_window(self, table_of: Callable[[Live], Mapping[int, T]]) -> list[T]:
        """What such a table has of each connection."""
        if self._moment.window is Window.ALL:  # What is older than that, `Connections` has hidden.
            return list(chain.from_iterable(table_of(live).values() for live in self._lives))
        first_ns = self._moment.first_slice * SLICE_NS
        return [
            value
            for live in self._lives
            for value, time_ns in zip(table_of(live).values(), live.times_ns.values(), strict=True)
            if time_ns >= first_ns
        ]


def _median(values: list[int]) -> int | None:
    """By nearest rank. Puts them in order, which is quicker the second time."""
    values.sort()
    return values[nearest_rank(0.5, len(values)) - 1] if values else None


def _merged(lives: Iterable[Live]) -> Tally:
    merged = Tally()
    for live in lives:
        merged.merge(live.tally)
    return merged
