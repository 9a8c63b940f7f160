"""A cell: the finest there is to count, handshakes and open connections of one kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.core.grouping import CellKey, cell_key_from
from tui.core.live import Live
from tui.core.owners import Owners
from tui.core.tally import Tally

if TYPE_CHECKING:
    from tui.core.row import Row


class Cell:
    """Made and written by `Rows` only."""

    is_kept = True
    """Whether it is of one host; else it adds up what is left of several."""
    __slots__ = ("_owners", "id", "live", "mark", "row", "seen", "tally")

    def __init__(self, key: bytes) -> None:
        self.id = key
        """Its key as bytes (`tui.core.grouping.key_bytes`)."""
        self.tally = Tally()
        self.seen = 0
        """In which turn of `Cells` something came of it last."""
        self.row: Row | None = None
        """None: no refresh has seen it yet, or its direction is not shown."""
        self.mark: dict[int, int] | None = None
        """Counts by code at the baseline; None: it was not there then."""
        self._owners: Owners | None = None
        self.live: Live | None = None
        """What its open connections say; None: there has been no sample of any."""

    @property
    def key(self) -> CellKey:
        """What tells it from others."""
        return cell_key_from(self.id)

    @property
    def pids(self) -> tuple[int, ...]:
        """The latest processes whose handshakes and connections these were, some of them."""
        return self._owners.pids if self._owners else ()

    @property
    def cgroups(self) -> tuple[int, ...]:
        """... and their units."""
        return self._owners.cgroups if self._owners else ()

    @property
    def owners(self) -> Owners:
        """To note them."""
        if self._owners is None:
            self._owners = Owners()
        return self._owners

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show of it yet."""
        return self.tally.is_empty and not (self.live and not self.live.tally.is_empty)

    def give_live(self) -> Live:
        """Return what its open connections say, made now if there has been none."""
        if self.live is None:
            self.live = Live()
        return self.live

    def take_samples(self) -> None:
        """Count what came of its open connections."""
        delta = self.give_live().take()
        for pid in delta.pids or ():
            self.owners.add(pid, 0)
        for cgroup in delta.cgroups or ():
            self.owners.add(0, cgroup)
