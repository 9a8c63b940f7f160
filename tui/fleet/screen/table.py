"""View 1 of a fleet: its table, and the keys that say what its rows are and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import BindingType

from tui.core.column import ColumnOf
from tui.core.format import Glyphs
from tui.core.thresholds import Thresholds
from tui.fleet.columns import fit
from tui.fleet.question import RowKey
from tui.fleet.row import FleetRow
from tui.fleet.rows import FleetRows
from tui.fleet.screen.model import FleetModel
from tui.widgets.row_table import Listing
from tui.widgets.table_view import ListingView, TableView


class FleetTable(Listing[FleetRow]):
    """The rows of a fleet."""

    def __init__(
        self, rows: FleetRows, glyphs: Glyphs, chosen: Sequence[str], thresholds: Thresholds
    ) -> None:
        """`chosen`: which columns, in which order; none of a fleet's among them: all."""
        super().__init__(rows, glyphs, thresholds)
        self._fleet = rows
        self._columns_chosen = chosen

    def columns(self) -> list[tuple[ColumnOf[FleetRow], int]]:
        return fit(
            self.size.width,
            self._fleet.question.grouping,
            self._columns_chosen,
            self._fleet.sorting[0],
            is_marked=self._fleet.marked_for_s is not None,
        )

    def is_dim(self, row: FleetRow) -> bool:
        return row.is_quiet

    @property
    def in_sight(self) -> Sequence[RowKey]:
        """The keys of the rows that are drawn, in an order that is not theirs."""
        first, count = self.place
        return sorted(row.key for row in self._fleet.rows(first, first + count))


class FleetTableView(ListingView):
    """The table and its keys."""

    BINDINGS: ClassVar[list[BindingType]] = TableView.BINDINGS

    def __init__(self, model: FleetModel, table: FleetTable, changed: Callable[[], None]) -> None:
        super().__init__(model.rows, table, changed)
        self._model = model

    def action_group(self) -> None:
        self._model.next_grouping()
        self._changed()

    def action_window(self) -> None:
        self._model.next_window()
        self._changed()

    def action_mark(self) -> None:
        rows = self._model.rows
        if rows.marked_for_s is None:
            rows.mark()
            self.notify("Baseline marked: changes since then are shown. m again forgets it.", markup=False)
        else:
            rows.unmark()
        self._changed()

    def action_direction(self) -> None:
        self._model.next_direction()
        self._changed()
