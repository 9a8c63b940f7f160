"""The two views of a fleet: its table, and the details of a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from textual.widget import Widget

from tui.core.format import Glyphs
from tui.core.runs import Line
from tui.fleet.detail import FleetDetail
from tui.fleet.question import Question, RowKey
from tui.fleet.screen.model import FleetModel
from tui.fleet.screen.table import FleetTable, FleetTableView
from tui.options import ScreenOptions
from tui.switched import Switched
from tui.widgets.page import Page

if TYPE_CHECKING:
    from tui.fleet.row import FleetRow

_GONE = "This row is gone, or rows are others now."
_ASKING = "Asking for the details..."


class FleetDetails(Page):
    """Draws a `FleetDetail`."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._own_glyphs = glyphs
        self._detail: FleetDetail | None = None
        self._label = ""

    def draw(self, detail: FleetDetail | None, label: str, gone: str, empty: str) -> None:
        """Take over what is known by now; `label`: what the row is called; `empty`: why there is nothing."""
        self.gone, self._detail, self._label = gone, detail, label
        self.show(empty)

    def page(self, width: int, rows: int) -> Sequence[Line] | None:
        from tui.fleet.detail_page import fleet_detail_page

        return fleet_detail_page(self._detail, width, self._own_glyphs) if self._detail else None

    def page_title(self) -> str:
        return self._label

    @property
    def glyphs(self) -> Glyphs:
        return self._own_glyphs


class FleetViews(Switched):
    """Made by the app, in whose switcher they are."""

    names = ("table", "details")

    def __init__(self, model: FleetModel, options: ScreenOptions, changed: Callable[[], None]) -> None:
        super().__init__()
        self._model = model
        self.fleet_table = FleetTable(model.rows, options.glyphs, options.columns, options.thresholds)
        self.table = self.fleet_table
        self.table_view = FleetTableView(model, self.fleet_table, changed)
        self._details = FleetDetails(options.glyphs)
        self._details.id = "details"
        self._chosen: tuple[Question, RowKey] | None = None
        self._label = ""

    def focused(self, name: str) -> Widget:
        return self.fleet_table if name == "table" else self._details

    def show(self, name: str) -> None:
        """Go to a view. Details are those of the selected row, or of the first."""
        if name == "details":
            self._choose()
        super().show(name)

    def _choose(self) -> None:
        rows = self._model.rows
        row: FleetRow | None = self.fleet_table.selected or next(iter(rows.rows(0, 1)), None)
        self._chosen = (rows.question, row.key) if row else None

    @property
    def detailed(self) -> RowKey | None:
        """The row whose details are to be asked for: None in other views, and once rows are others."""
        if self.current != "details" or self._chosen is None:
            return None
        question, key = self._chosen
        return key if question.grouping is self._model.standing.wanted.grouping else None

    def draw(self, empty: str) -> None:
        if self.current == "table":
            self.fleet_table.draw(empty)
            return
        if self._chosen is None:
            self._choose()
        if self._chosen is None:
            self._details.draw(None, "", "", empty)
            return
        question, key = self._chosen
        row = self._model.rows.find(key) if self._model.rows.question.grouping is question.grouping else None
        if row:
            self._label = f"{row.grouping.value}: {row.label}"
        detail = self._model.detail
        is_own = detail and detail.key == key and detail.question.grouping is question.grouping
        self._details.draw(detail if is_own else None, self._label, "" if row else _GONE, _ASKING)
