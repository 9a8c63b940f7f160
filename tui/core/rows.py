"""The model of the table: handshakes in, rows out, grouped, filtered and in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bpf.event import Flow, Handshake
from tui.core.cell import Cell
from tui.core.cells import LIMIT, Cells
from tui.core.codes import Delta
from tui.core.column import Main
from tui.core.connections import Connections
from tui.core.grouping import CellKey, Grouping, Labels, RowKey, bytes_of, cell_key_from
from tui.core.groups import Groups
from tui.core.pending import Pending
from tui.core.ranking import Ranking
from tui.core.row import Changed, Row
from tui.core.window import Moment, Window

_PENDING_MAX = 50_000
"""So many handshakes wait for a refresh as they are; more, in a pause, are counted first."""

_MUCH = 1500
"""Cells of which something came: a refresh takes 3 to 9 ms then, the more the more are new."""


class Rows:
    """Handshakes and samples in (`ingest`), rows out (`rows`). `refresh`, at each redraw, takes over what came.

    Where much has come (`has_much`), a refresh or two before keep that short.

    Without `refresh` (a paused screen) rows, figures and order stand still; sorting, filtering, grouping and windows
    still work. One thread writes and reads. No call blocks or does I/O; times are of the source's clock, in ns.

    Everything is counted in cells, each of one host, service, process, interface and direction; a row is the sum of
    its cells, so rows can be grouped anew at any time, and are exact sums of their parts.
    """

    def __init__(
        self, began_ns: int, labels: Labels, pending_max: int = _PENDING_MAX, limit: int = LIMIT
    ) -> None:
        """`began_ns`: since when handshakes have been watched; rates are averages from then on at the earliest.

        `limit`: so many cells are kept apart.
        """
        self._labels = labels
        self._pending_max = pending_max
        self._limit = limit
        self._ranking = Ranking("count")
        self._grouping = Grouping.HOST
        self._direction: int | None = None
        self._window = Window.ALL
        self._main = Main.HANDSHAKE
        self._other_sorting: tuple[str, bool | None] = ("srtt_max", None)
        self._cells = Cells(limit)
        self._connections = Connections(self._cell_of)
        self.reset(began_ns)

    def reset(self, now_ns: int) -> None:
        """Forget everything and begin at `now_ns`. Sorting, filter, grouping, direction, window and figure stay."""
        self._moment = Moment.at(now_ns, self._window)
        for cell in self._cells:
            cell.row = None  # A row has its cells: left so, both would wait for the garbage collector.
        self._cells = Cells(self._limit)
        self._pending = Pending(self._pending_max, self._limit)
        self._connections.reset()
        self.marked_ns: int | None = None
        """When the baseline was marked; None: there is none."""
        self._clear_rows()

    def _clear_rows(self) -> None:
        self._groups = Groups(self._cells, self._grouping, self._direction, self._moment, self._labels)
        self._ranking.begin(self._groups.rows)

    def _cell_of(self, key: CellKey) -> Cell:
        return self._cells.seen(bytes_of(key))

    def ingest(self, handshakes: Sequence[Handshake], flows: Iterable[Flow] = ()) -> None:
        """Take handshakes, and samples of open connections. What is shown waits for `refresh`."""
        self._connections.ingest(flows)
        self._pending.ingest(handshakes)

    @property
    def has_much(self) -> bool:
        """Whether so much came that a refresh takes some ms."""
        return len(self._pending.entries) >= _MUCH

    def refresh(self, now_ns: int) -> None:
        """Take over what was ingested, and the passing of time: figures and order are then those of `now_ns`."""
        moment = self._moment
        first = moment.rate_first_slice
        has_aged = moment.move_to(now_ns)
        changed = self._apply()
        self._apply_samples(changed)
        if has_aged:
            self._add_aged(changed, first, moment.rate_first_slice)
        self._ranking.forget(self._groups.bound(changed))
        self._ranking.move(changed)

    def _apply(self) -> Changed:
        """Count what came; return the rows that it changed."""
        pending, self._pending = self._pending, Pending(self._pending_max, self._limit)
        changed: Changed = {}
        self._groups.add(pending, changed)
        seen = self._cells.seen
        for key, handshakes in pending.deltas.items():
            self._groups.count(seen(key), Delta(handshakes), changed)
        for key, held in pending.held.items():
            cell = seen(key)
            self._groups.count(cell, held.tally, changed)
            if held.owners:
                cell.owners.merge(held.owners)
        for key, held in pending.rest.items():
            self._groups.count(self._cells.rest_of(cell_key_from(key)), held.tally, changed)
        for key, pid, cgroup in pending.owners:
            self._cells.by_key[key].owners.add(pid, cgroup)
        for row in changed:
            row.outdate()
        self.totals.outdate()
        return changed

    def _apply_samples(self, changed: Changed) -> None:
        for cell in self._connections.refresh(self._moment.now_ns):
            cell.seen = self._cells.turn
            row = cell.row or (self._groups.adopt(cell) if self._groups.is_shown(cell) else None)
            if row is not None:
                row.outdate_live()
                changed[row] = None
                self.totals.outdate_live()

    def _add_aged(self, changed: Changed, before: int, first: int) -> None:
        """Once in 5 s: rows of which something has left the window have changed, too.

        It began with slice `before`, and begins with `first`. A filter is asked about all rows: they are older.
        """
        self.totals.outdate()
        ranking = self._ranking
        if not ranking.is_time_dependent and self._window is Window.ALL:
            return
        for row in self._groups.rows.values():
            has_left = row.tally.has_between(before, first) or row.has_samples
            if has_left:
                row.outdate()
            if has_left or ranking.has_filter:
                changed[row] = None

    @property
    def totals(self) -> Row:
        """The same figures as a row's, over all that the direction lets through, whatever the filter."""
        return self._groups.totals

    def sort_by(self, column_id: str, descending: bool | None = None) -> None:
        """Order rows by a column (KeyError), in its own direction if none is given.

        Rows without the figure come last in both directions, those that failed most often first; equals are in the
        order of their addresses. Raises ValueError for a column that has no order.
        """
        self._ranking.sort_by(column_id, descending)
        self._ranking.rebuild()

    @property
    def sorting(self) -> tuple[str, bool]:
        """The sort column's id, and whether it is descending."""
        return self._ranking.sorting

    @property
    def main(self) -> Main:
        """What the figures in sight are about."""
        return self._main

    def turn_to(self, main: Main) -> None:
        """Let the table be about something else, in the order that it was in when it was last."""
        if main is not self._main:
            self._main = main
            wanted, self._other_sorting = self._other_sorting, self.sorting
            self.sort_by(*wanted)

    @property
    def is_frozen(self) -> bool:
        """Whether rows stay where they are whatever their figures."""
        return self._ranking.is_frozen

    def freeze(self, is_frozen: bool) -> None:
        """Let rows stay where they are, or move again. Rows that come meanwhile go to the end.

        Sorting, another grouping or direction, and a reset let them move again, too.
        """
        self._ranking.freeze(is_frozen)
        if not is_frozen:
            self._ranking.rebuild()

    def narrow(self, predicate: Callable[[Row], bool] | None) -> None:
        """Show only rows that `predicate` lets through; None: all. It is asked anew when a row changes."""
        self._ranking.narrow(predicate)

    @property
    def grouping(self) -> Grouping:
        """What a row stands for."""
        return self._grouping

    def group_by(self, grouping: Grouping) -> None:
        """Let rows stand for something else, with all that was counted."""
        self._grouping = grouping
        self._regroup()

    @property
    def direction(self) -> int | None:
        """The one direction that is shown; None: both."""
        return self._direction

    def face(self, direction: int | None) -> None:
        """Show handshakes of one direction only; None: of both."""
        self._direction = direction
        self._regroup()

    @property
    def window(self) -> Window:
        """What the figures are made of."""
        return self._window

    def look_at(self, window: Window) -> None:
        """Make the figures of another window."""
        self._window = self._moment.window = window
        self._outdate_all()

    def mark(self) -> None:
        """Make what was counted up to now, as of the last refresh, the baseline."""
        self.marked_ns = self._moment.now_ns
        for cell in self._cells:
            cell.mark = dict(cell.tally.counts) or None
        self._outdate_all()

    def unmark(self) -> None:
        """Have no baseline any more."""
        self.marked_ns = None
        for cell in self._cells:
            cell.mark = None
        self._outdate_all()

    def _outdate_all(self) -> None:
        self.totals.outdate()
        for row in self._groups.rows.values():
            row.outdate()
        self._ranking.review()

    def _regroup(self) -> None:
        """Make all rows anew of the cells that have been shown."""
        self._cells.forget_networks()
        self._clear_rows()
        for cell in self._cells:
            cell.row = None
            if not cell.is_empty and self._groups.is_shown(cell):
                self._groups.adopt(cell)
        self._ranking.review()

    def rows(self, start: int, stop: int) -> list[Row]:
        """The rows in places `start` to `stop - 1` of the visible order, fewer where it ends."""
        return [self._groups.rows[key] for key in self._ranking.keys(start, stop)]

    def find(self, key: RowKey) -> Row | None:
        """The row of a key; None: there is none."""
        return self._groups.rows.get(key)

    def rank(self, row: Row) -> int | None:
        """The place of `row` in the visible order; None: filtered out, or gone by a reset or another grouping."""
        return self._ranking.rank(row) if self._groups.rows.get(row.key) is row else None

    @property
    def now_ns(self) -> int:
        """When the figures were taken."""
        return self._moment.now_ns

    @property
    def shown(self) -> int:
        """How many rows the filter lets through, as of the last refresh."""
        return len(self._ranking)

    def __len__(self) -> int:
        """How many rows there are, as of the last refresh."""
        return len(self._groups.rows)
