"""The five views: which there are, which is shown, and drawing the one that is.

Only the table is there from the start. Each other view is imported, made and mounted when it is first shown: four
that nobody has asked for yet would hold up the first paint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from textual.widget import Widget

from tui.core.grouping import RowKey
from tui.model import Model
from tui.options import ScreenOptions
from tui.switched import Switched
from tui.widgets.row_table import RowTable
from tui.widgets.table_view import TableView

if TYPE_CHECKING:
    from bpf.interfaces import Interface
    from tui.core.fields import Writing
    from tui.widgets.account_page import AccountPage
    from tui.widgets.details import Details
    from tui.widgets.event_table import EventTable
    from tui.widgets.interface_table import InterfaceTable

_FILTERED = "The filter hides all of the last handshakes.\n\nEsc clears it."


def with_keys() -> Sequence[type[Widget]]:
    """What has keys of its own, in the order of the help."""
    from tui.widgets.account_page import AccountPage
    from tui.widgets.details import Details
    from tui.widgets.event_table import EventTable
    from tui.widgets.filter_line import FilterLine
    from tui.widgets.interface_table import InterfaceTable

    return (TableView, RowTable, Details, EventTable, InterfaceTable, AccountPage, FilterLine)


class Views(Switched):
    """Those of what is seen here; made by the app, in whose switcher they are."""

    names = ("table", "details", "events", "interfaces", "probe")

    def __init__(self, model: Model, options: ScreenOptions, changed: Callable[[], None]) -> None:
        super().__init__()
        self._model = model
        self._glyphs = options.glyphs
        self.table = RowTable(model.rows, options.glyphs, options.columns, options.thresholds)
        self.table_view = TableView(model.rows, self.table, changed)
        self._detailed: RowKey | None = None

    @cached_property
    def details(self) -> Details:
        """View 2."""
        from tui.widgets.details import Details

        made = Details(self._writing())
        made.id = "details"
        return made

    @cached_property
    def events(self) -> EventTable:
        """View 3."""
        from tui.widgets.event_table import EventTable

        made = EventTable(self._model.events, self._writing())
        made.id = "events"
        return made

    @cached_property
    def interfaces(self) -> InterfaceTable:
        """View 4."""
        from tui.widgets.interface_table import InterfaceTable

        made = InterfaceTable(self._glyphs)
        made.id = "interfaces"
        return made

    @cached_property
    def probe(self) -> AccountPage:
        """View 5."""
        from tui.widgets.account_page import AccountPage

        return AccountPage()

    def focused(self, name: str) -> Widget:
        focused: Widget = getattr(self, name)
        return focused

    def _writing(self) -> Writing:
        from tui.core.fields import Writing

        model = self._model
        return Writing(model.labels, model.wall_offset_ns(), self._glyphs, model.rows.now_ns)

    def show(self, name: str) -> None:
        """Go to a view. Details are those of the selected row, or of the first."""
        if name == "details":
            self._detailed = self._chosen()
        super().show(name)

    def take_interfaces(self, interfaces: Sequence[Interface], selection: Sequence[str], now_ns: int) -> None:
        """Show what there is by now, if that is shown."""
        if self.current == "interfaces":
            self.interfaces.take(interfaces, selection, now_ns)

    def draw(self, empty: str) -> None:
        if self.current == "table":
            self.table.draw(empty)
        elif self.current == "events":
            self.events.write_with(self._writing())
            self.events.draw(_FILTERED if len(self._model.events) else empty)
        elif self.current == "details":
            self.details.write_with(self._writing())
            self._draw_details(empty)

    def _draw_details(self, empty: str) -> None:
        from tui.detailing import detail_of

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
