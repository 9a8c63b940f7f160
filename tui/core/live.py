"""What TCP itself says of open connections: of one cell's, and of a row's. Never mixed with what handshakes say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui.core.codes import RETRANSMITS, SEGMENTS, Delta
from tui.core.connection import Connection
from tui.core.histogram import nearest_rank
from tui.core.tally import Tally
from tui.core.trend import SLICE_NS
from tui.core.window import KEPT_SLICES, Moment

KEPT_NS = KEPT_SLICES * SLICE_NS
"""A connection that has sent nothing for so long is not followed any more: it may have ended unseen."""


class Live:
    """Of one cell. Made and written by `Connections` only."""

    __slots__ = ("connections", "pending", "tally")

    def __init__(self) -> None:
        self.connections: dict[int, Connection] = {}
        """By cookie, as of the last refresh."""
        self.tally = Tally()
        """Of its samples, also those of connections that are closed by now: round trips as latencies, and segments."""
        self.pending = Delta()
        """Came since the last refresh."""

    def take(self) -> Delta:
        """Count what came; return it."""
        news = self.pending
        if news.counts:
            self.tally.apply(news)
            self.pending = Delta()
        return news


class LiveFigures:
    """Of some cells, at a moment; worked out when asked, and then remembered."""

    __slots__ = ("_lives", "_min_rtts_ns", "_moment", "_srtts_ns", "_tally", "connections")

    def __init__(self, lives: Sequence[Live], moment: Moment) -> None:
        self._lives = lives
        self._moment = moment
        first_ns = moment.live_first_ns
        self.connections = [
            each for live in lives for each in live.connections.values() if each.flow.time_ns >= first_ns
        ]
        """Those open, as far as is known, that sent something in the window; if that is all, in the last 15 minutes."""
        self._srtts_ns: list[int] | None = None
        self._min_rtts_ns: list[int] | None = None
        self._tally: Tally | None = None

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
            self._srtts_ns = sorted(each.flow.srtt_ns for each in self.connections)
        return self._srtts_ns

    def _min_rtts(self) -> list[int]:
        if self._min_rtts_ns is None:
            found = (each.flow.min_rtt_ns for each in self.connections)
            self._min_rtts_ns = sorted(filter(None, found))
        return self._min_rtts_ns


def _median(ordered: Sequence[int]) -> int | None:
    return ordered[nearest_rank(0.5, len(ordered)) - 1] if ordered else None


def _merged(lives: Iterable[Live]) -> Tally:
    merged = Tally()
    for live in lives:
        merged.merge(live.tally)
    return merged
