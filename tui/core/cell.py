"""A cell: the finest there is to count, handshakes and open connections of one kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bpf.event import Handshake
from tui.core.codes import Delta
from tui.core.grouping import CellKey
from tui.core.live import Live
from tui.core.tally import Tally

if TYPE_CHECKING:
    from tui.core.row import Row

_PIDS = 64
"""So many ids are kept of a cell."""


class _Held:
    """What came to a cell in a pause: counted already, but not shown yet."""

    __slots__ = ("cgroups", "pids", "tally")

    def __init__(self) -> None:
        self.tally = Tally()
        self.pids: tuple[int, ...] = ()
        self.cgroups: tuple[int, ...] = ()


class Cell:
    """Made and written by `Rows` only."""

    __slots__ = ("cgroups", "held", "key", "live", "mark", "pending", "pids", "row", "tally")

    def __init__(self, key: CellKey) -> None:
        self.key = key
        self.tally = Tally()
        self.pending: list[Handshake] = []
        """Came since the last refresh."""
        self.held: _Held | None = None
        """None: nothing waits but what is pending."""
        self.row: Row | None = None
        """None: no refresh has seen it yet, or its direction is not shown."""
        self.mark: dict[int, int] | None = None
        """Counts by code at the baseline; None: it was not there then."""
        self.pids: tuple[int, ...] = ()
        self.cgroups: tuple[int, ...] = ()
        self.live: Live | None = None
        """What its open connections say; None: there has been no sample of any."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show of it yet."""
        return not self.tally.counts and not (self.live and self.live.tally.counts)

    def give_live(self) -> Live:
        """Return what its open connections say, made now if there has been none."""
        if self.live is None:
            self.live = Live()
        return self.live

    def digest(self) -> None:
        """Count what is pending, which then takes no more room however much it was, and however long it goes on."""
        if self.held is None:
            self.held = _Held()
        delta = self._counted()
        self.held.tally.apply(delta)
        _note_owners(self.held, delta.pids, delta.cgroups)

    def take(self) -> Delta | Tally:
        """Count what came since the last time; return it."""
        if self.held is None:
            delta = self._counted()
            news: Delta | Tally = delta
            _note_owners(self, delta.pids, delta.cgroups)
        else:
            self.digest()
            news = self.held.tally
            _note_owners(self, self.held.pids, self.held.cgroups)
            self.held = None
        self.tally.apply(news)
        return news

    def take_samples(self) -> None:
        """Count what came of its open connections."""
        delta = self.give_live().take()
        _note_owners(self, delta.pids, delta.cgroups)

    def _counted(self) -> Delta:
        delta = Delta(self.pending)
        self.pending = []
        return delta


def _note_owners(to: Cell | _Held, pids: Iterable[int] | None, cgroups: Iterable[int] | None) -> None:
    if pids:
        to.pids = _latest(to.pids, pids)
    if cgroups:
        to.cgroups = _latest(to.cgroups, cgroups)


def _latest(known: tuple[int, ...], new: Iterable[int]) -> tuple[int, ...]:
    """Some of each: of a process that forks for each connection they would be without end."""
    more = set(new).difference(known)
    return (*known, *more)[-_PIDS:] if more else known
