"""Following open connections from sample to sample: whose each is, what it has sent since, when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bpf.event import Flow
from tui.core.cell import Cell
from tui.core.connection import Connection, cell_key_of, sampled
from tui.core.grouping import CellKey
from tui.core.live import KEPT_NS

LIMIT = 65_536
"""Those that sent last are followed, so many."""


class _Followed:
    """What has come of a connection, whether it is shown yet or not."""

    __slots__ = ("cell", "connection", "live")

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.live = cell.give_live()
        self.connection: Connection | None = None
        """None: it is not followed any more."""


class Connections:
    """Samples in (`ingest`); what cells show of them changes with `refresh` only. One thread; 4 us a sample."""

    def __init__(self, cell_of: Callable[[CellKey], Cell], limit: int = LIMIT) -> None:
        self._cell_of = cell_of
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        """Forget all."""
        self._followed: dict[int, _Followed] = {}
        """By cookie; those that sent last come last."""
        self._changed: dict[int, _Followed] = {}
        """Those to be shown, and those no longer to be shown."""
        self._cells: dict[Cell, None] = {}
        """Those with something new."""

    def ingest(self, flows: Iterable[Flow]) -> None:
        """Take samples, those of one connection in the order they were taken."""
        followed = self._followed
        for flow in flows:
            cookie = flow.cookie
            if not flow.srtt_ns:  # Of one that was refused TCP knows nothing.
                continue
            each = followed.pop(cookie, None) or self._changed.get(cookie) or self._follow(flow)
            _count(each, flow)
            self._cells[each.cell] = None
            followed[cookie] = each
            if flow.is_closing:
                self._let_go(cookie)
            else:
                each.connection = sampled(flow, each.connection)
                self._changed[cookie] = each
        while len(followed) > self._limit:
            self._let_go(next(iter(followed)))

    def _follow(self, flow: Flow) -> _Followed:
        each = _Followed(self._cell_of(cell_key_of(flow)))
        each.live.pending.add_owner(flow.pid, flow.cgroup)
        return each

    def _let_go(self, cookie: int) -> None:
        each = self._followed.pop(cookie)
        each.connection = None
        if cookie in each.live.connections:
            self._changed[cookie] = each
            self._cells[each.cell] = None
        else:  # Nobody has seen it, and in a pause there may be any number of these.
            self._changed.pop(cookie, None)

    def refresh(self, now_ns: int) -> list[Cell]:
        """Let cells show what has come, and no longer what is over; return those that changed."""
        for cookie in self._silent(now_ns):
            self._let_go(cookie)
        for cookie, each in self._changed.items():
            if each.connection is None:
                each.live.hide(cookie)
            else:
                each.live.show(cookie, each.connection)
        cells = list(self._cells)
        for cell in cells:
            cell.take_samples()
        self._changed, self._cells = {}, {}
        return cells

    def _silent(self, now_ns: int) -> list[int]:
        """Those that have not been heard of for long."""
        found = []
        for cookie, each in self._followed.items():
            if each.connection and each.connection.flow.time_ns >= now_ns - KEPT_NS:
                break
            found.append(cookie)
        return found


def _count(each: _Followed, flow: Flow) -> None:
    """Count a sample, and what was sent since the one before: earlier retransmissions may be those of a SYN."""
    before = each.connection.flow if each.connection else flow
    segments, retransmits = flow.segments - before.segments, flow.retransmits - before.retransmits
    each.live.pending.add_sample(flow.time_ns, flow.srtt_ns, max(0, segments), max(0, retransmits))
