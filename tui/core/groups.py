"""Groups: the cells of one direction or both, added up to the rows of one grouping, and to totals."""

from __future__ import annotations

from itertools import chain

from tui.core.cell import Cell
from tui.core.cells import Cells, Rest
from tui.core.codes import Delta
from tui.core.grouping import BY_HOST, Grouping, Labels, RowKey
from tui.core.pending import Pending
from tui.core.row import Changed, Row
from tui.core.tally import Tally
from tui.core.window import Moment

_OF_ONE_HOST = BY_HOST - {Grouping.NETWORK}


class Totals(Row):
    """All cells that are shown. Which these are it looks up when asked: thousands may come and go before."""

    __slots__ = ("_gone", "_shown")
    _gone: int
    _shown: list[Cell]

    @property
    def cells(self) -> list[Cell]:
        """What it is made of."""
        self.drop_gone()
        return self._shown

    @cells.setter
    def cells(self, cells: list[Cell]) -> None:
        self._gone = 0
        self._shown = cells

    def hold(self, cell: Cell) -> None:
        """Let a cell belong to it that is in a row now; its tally is added elsewhere."""
        self._shown.append(cell)

    def drop_some(self, gone: int) -> None:
        """Let go of cells that are in no row any more, so many; now if that is worth looking at all."""
        self._gone += gone
        if 2 * self._gone > len(self._shown):
            self.drop_gone()
        self.outdate()

    def drop_gone(self) -> None:
        """Let go of all of them."""
        if self._gone:
            self._gone = 0
            self._shown = [cell for cell in self._shown if cell.row is not None]


class Groups:
    """Made anew for another grouping or direction. What changes a row says so in `changed`. One thread."""

    def __init__(
        self, cells: Cells, grouping: Grouping, direction: int | None, moment: Moment, labels: Labels
    ) -> None:
        """`direction`: the only one that is shown; None: both are."""
        self._cells = cells
        self._grouping = grouping
        self._direction = direction
        self._moment = moment
        self._labels = labels
        self.rows: dict[RowKey, Row] = {}
        self.totals = Totals((), grouping, moment, labels)
        """The same figures as a row's, over all cells that are shown."""

    def is_shown(self, cell: Cell) -> bool:
        """Whether a cell belongs to a row."""
        return self._direction is None or cell.key.direction == self._direction

    def adopt(self, cell: Cell) -> Row:
        """Let a cell be shown, with all it has counted."""
        row = self._join(cell)
        self.totals.tally.merge(cell.tally)
        self.totals.outdate()
        return row

    def add(self, pending: Pending, changed: Changed) -> None:
        """Add entries to cells, and to all that they are a part of: run for every cell that something came of."""
        shown: list[bytearray] = []
        cells, wanted, has_failures = self._cells, self._direction, pending.has_failures
        find, turn = cells.by_key.get, cells.turn
        for key, entries in pending.entries.items():
            cell = find(key) or cells.seen(key)
            cell.seen = turn
            tally, row = cell.tally, cell.row
            tally.add(entries, has_failures)
            if row is None:
                if wanted is not None and cell.key.direction != wanted:
                    continue
                row = self._join(cell)
            elif row.tally is not tally:
                row.tally.add(entries, has_failures)
            shown.append(entries)
            changed[row] = None if row in changed else entries
        self.totals.tally.add(b"".join(shown))

    def count(self, cell: Cell, news: Delta | Tally, changed: Changed) -> None:
        """Let a cell count, and all that it is a part of."""
        if not self.is_shown(cell):
            cell.tally.apply(news)
            return
        row = cell.row or self._join(cell)
        cell.tally.apply(news)
        if row.tally is not cell.tally:
            row.tally.apply(news)
        self.totals.tally.apply(news)
        changed[row] = None

    def bound(self, changed: Changed) -> list[Row]:
        """Of too many cells, add up the least recent: rows of hosts become one, what others say stays as it is.

        Returns rows that are no more.
        """
        hosts = self._cells.surplus()
        if not hosts:
            return []
        gone = (
            self._give_up(hosts, changed)
            if self._grouping in _OF_ONE_HOST
            else self._fold_all(hosts, changed)
        )
        self.totals.drop_some(sum(map(len, hosts)))
        return gone

    def _give_up(self, hosts: list[list[Cell]], changed: Changed) -> list[Row]:
        """Add whole hosts to the rest, of which no row has others."""
        gone: dict[Row, None] = {}
        for rest, cells in self._cells.rests_of(chain.from_iterable(hosts)).items():
            shown = [cell for cell in cells if cell.row is not None]
            other = rest.row or (self._join(rest) if shown else None)
            rest.absorb(*cells)
            if other is not None:
                if other.tally is not rest.tally:
                    other.tally.merge_all([cell.tally for cell in shown])
                other.outdate()
                changed[other] = None
            for cell in shown:
                assert cell.row is not None
                gone[cell.row] = None
                cell.row = None
        for row in gone:
            changed.pop(row, None)
            del self.rows[row.key]
        return list(gone)

    def _fold_all(self, hosts: list[list[Cell]], changed: Changed) -> list[Row]:
        """Add hosts to the rest, of which rows may have others, too."""
        shrunk: dict[Row, bool] = {}
        for cells in hosts:
            for cell in cells:
                if cell.row is not None:
                    cell.row.kept -= 1
            for cell in cells:
                self._fold(cell, changed, shrunk)
        is_by_host = self._grouping in BY_HOST
        gone = [row for row in shrunk if not row.kept and (is_by_host or not row.has_cells)]
        for row in gone:
            self._dissolve(row, changed, shrunk)
        for row, is_less in shrunk.items():
            row.drop_gone()
            if row.cells:
                changed[row] = None
            if row.cells and is_less:
                row.recount()
        return gone

    def _dissolve(self, row: Row, changed: Changed, shrunk: dict[Row, bool]) -> None:
        """Let go of a row that nothing is kept of."""
        for cell in row.cells:
            if isinstance(cell, Rest) and cell.row is row:
                self._fold(cell, changed, shrunk)
                self._cells.drop(cell)
        changed.pop(row, None)
        del self.rows[row.key]

    def _fold(self, cell: Cell, changed: Changed, shrunk: dict[Row, bool]) -> None:
        """Add a cell to the rest. `shrunk`: rows that cells were taken from, and whether they have lost something."""
        row = cell.row
        network = b""
        if self._grouping is Grouping.NETWORK and row is not None and row.kept:
            network = bytes(row.key[0])
        rest = self._cells.rest_of(cell.key, network)
        if row is None:
            rest.absorb(cell)
            return
        shrunk.setdefault(row, False)
        if self._grouping.key_of(rest.key) == row.key:
            rest.absorb(cell)
            row.replace(cell, rest)
            if rest.row is None:
                rest.row = row
                self.totals.hold(rest)
        else:
            other = rest.row or self._join(rest)
            rest.absorb(cell)
            if other.tally is not rest.tally:
                other.tally.merge(cell.tally)
            other.outdate()
            changed[other] = None
            shrunk[row] = True
        cell.row = None

    def _join(self, cell: Cell) -> Row:
        key = self._grouping.key_from(cell.id) if cell.is_kept else self._grouping.key_of(cell.key)
        row = self.rows.get(key)
        if row is None:
            row = self.rows[key] = Row(key, self._grouping, self._moment, self._labels, cell.tally)
        row.add(cell)
        cell.row = row
        self.totals.hold(cell)
        return row
