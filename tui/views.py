"""The five views: which there are, which is shown, and drawing the one that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.widget import Widget
from textual.widgets import ContentSwitcher

from tui.core.fields import Writing
from tui.core.grouping import RowKey
from tui.detailing import detail_of
from tui.model import Model
from tui.options import ScreenOptions
from tui.widgets.account_page import AccountPage
from tui.widgets.details import Details
from tui.widgets.event_table import EventTable
from tui.widgets.filter_line import FilterLine
from tui.widgets.interface_table import InterfaceTable
from tui.widgets.row_table import RowTable
from tui.widgets.table_view import TableView

WITH_KEYS: Sequence[type[Widget]] = (
    TableView,
    RowTable,
    Details,
    EventTable,
    InterfaceTable,
    AccountPage,
    FilterLine,
)
"""What has keys of its own, in the order of the help."""
_FILTERED = "The filter hides all of the last handshakes.\n\nEsc clears it."


class Views:
    """Made by the app, in whose switcher they are. The UI thread's."""

    def __init__(self, model: Model, options: ScreenOptions, changed: Callable[[], None]) -> None:
        self._model = model
        self._glyphs = options.glyphs
        self.table = RowTable(model.rows, options.glyphs, options.columns, options.thresholds)
        self._table_view = TableView(model.rows, self.table, changed)
        self.details = Details(self._writing())
        self.events = EventTable(model.events, self._writing())
        self.interfaces = InterfaceTable(options.glyphs)
        self.probe = AccountPage()
        self.details.id, self.events.id, self.interfaces.id = "details", "events", "interfaces"
        self._focused: dict[str, Widget] = {
            "table": self.table,
            "details": self.details,
            "events": self.events,
            "interfaces": self.interfaces,
            "probe": self.probe,
        }
        self.current = "table"
        self._detailed: RowKey | None = None

    @property
    def widgets(self) -> Sequence[Widget]:
        """All of them, for the switcher."""
        return (self._table_view, self.details, self.events, self.interfaces, self.probe)

    @property
    def with_keys(self) -> Sequence[tuple[str, Widget]]:
        """Which view has which keys, in the order of the help."""
        return [("table", self._table_view), *self._focused.items()]

    def _writing(self) -> Writing:
        model = self._model
        return Writing(model.labels, model.wall_offset_ns(), self._glyphs, model.rows.now_ns)

    def show(self, name: str) -> None:
        """Go to a view. Details are those of the selected row, or of the first."""
        if name == "details":
            self._detailed = self._chosen()
        self.current = name
        self.table.app.query_one(ContentSwitcher).current = name
        self.focus()

    def after(self, step: int) -> str:
        """The view so many after the one that is shown."""
        names = list(self._focused)
        return names[(names.index(self.current) + step) % len(names)]

    def focus(self) -> None:
        """Give the keys to the view that is shown."""
        widget = self._focused[self.current]
        widget.screen.set_focus(widget)

    def draw(self, empty: str) -> None:
        """Draw the view that is shown; `empty` says why there are no rows."""
        if self.current == "table":
            self.table.draw(empty)
        elif self.current == "events":
            self.events.write_with(self._writing())
            self.events.draw(_FILTERED if len(self._model.events) else empty)
        elif self.current == "details":
            self.details.write_with(self._writing())
            self._draw_details(empty)

    def _draw_details(self, empty: str) -> None:
        rows = self._model.rows
        if self._detailed is None:
            self._detailed = self._chosen()
        row = rows.find(self._detailed) if self._detailed is not None else None
        detail = (
            detail_of(row, self._model.events, self._model.labels, rows.now_ns, rows.main) if row else None
        )
        self.details.draw(detail, empty if self._detailed is None else "")

    def _chosen(self) -> RowKey | None:
        """The row whose details are wanted: the selected one, or the first."""
        row = self.table.selected or next(iter(self._model.rows.rows(0, 1)), None)
        return row.key if row else None
