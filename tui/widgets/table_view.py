"""View 1: the table of rows, and the keys that say what its rows are and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from bpf.event import Direction
from tui.core.columns import COLUMNS
from tui.core.grouping import Grouping
from tui.core.rows import Rows
from tui.core.window import Window
from tui.widgets.row_table import RowTable

T = TypeVar("T")
_DIRECTIONS = (None, Direction.OUTBOUND, Direction.INBOUND)


class TableView(Container):
    """The table and its keys. `changed` is called when a key changed what the model shows."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort(1)", "Sort", id="table.sort"),
        Binding(
            "comma,less_than_sign", "sort(-1)", "Sort by the column before", id="table.sort_back", show=False
        ),
        Binding("S", "reverse", "Reverse", id="table.reverse", show=False),
        Binding("a", "group", "Group", id="table.group"),
        Binding("w", "window", "Window", id="table.window", show=False),
        Binding("d", "direction", "Direction", id="table.direction", show=False),
        Binding("o", "freeze", "Hold the order of rows", id="table.freeze", show=False),
        Binding("m", "mark", "Mark a baseline, or forget it", id="table.mark", show=False),
    ]

    def __init__(self, rows: Rows, table: RowTable, changed: Callable[[], None]) -> None:
        super().__init__(id="table")
        self._rows = rows
        self._table = table
        self._changed = changed

    def compose(self) -> ComposeResult:
        yield self._table

    def action_sort(self, step: int) -> None:
        # Only by what can be seen: else the rows would seem to be in no order.
        ids = [each.id for each in COLUMNS if each.value and self._table.has_column(each.id)]
        column_id, _ = self._rows.sorting
        place = ids.index(column_id) if column_id in ids else -1
        self._rows.sort_by(ids[(place + step) % len(ids)])
        self._changed()

    def action_reverse(self) -> None:
        column_id, descending = self._rows.sorting
        self._rows.sort_by(column_id, not descending)
        self._changed()

    @on(RowTable.HeaderClicked)
    def _sort_by_click(self, message: RowTable.HeaderClicked) -> None:
        message.stop()
        if message.column_id == self._rows.sorting[0]:
            self.action_reverse()
        elif any(each.id == message.column_id and each.value for each in COLUMNS):
            self._rows.sort_by(message.column_id)
            self._changed()

    def action_group(self) -> None:
        self._rows.group_by(_after(tuple(Grouping), self._rows.grouping))
        self._changed()

    def action_window(self) -> None:
        self._rows.look_at(_after(tuple(Window), self._rows.window))
        self._changed()

    def action_direction(self) -> None:
        self._rows.face(_after(_DIRECTIONS, self._rows.direction))
        self._changed()

    def action_freeze(self) -> None:
        self._rows.freeze(not self._rows.is_frozen)
        self._changed()

    def action_mark(self) -> None:
        if self._rows.marked_ns is None:
            self._rows.mark()
            self.notify("Baseline marked: changes since then are shown. m again forgets it.", markup=False)
        else:
            self._rows.unmark()
        self._changed()


def _after(choices: tuple[T, ...], chosen: T) -> T:
    return choices[(choices.index(chosen) + 1) % len(choices)]
