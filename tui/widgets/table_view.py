"""View 1: the table of rows, and the keys that say what its rows are and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from bpf.event import Direction
from tui.core.grouping import Grouping
from tui.core.rows import Rows
from tui.core.window import Window
from tui.widgets.row_table import Listing, RowTable

T = TypeVar("T")
DIRECTIONS = (None, Direction.OUTBOUND, Direction.INBOUND)


class Sorted(Protocol):
    """Rows that can be put in order."""

    @property
    def sorting(self) -> tuple[str, bool]:
        """The sort column's id, and whether it is descending."""

    def sort_by(self, column_id: str, descending: bool | None = None) -> None:
        """Order rows by a column, in its own direction if none is given."""

    @property
    def is_frozen(self) -> bool:
        """Whether rows stay where they are whatever their figures."""

    def freeze(self, is_frozen: bool) -> None:
        """Let rows stay where they are, or move again."""


class ListingView(Container):
    """A table, and the keys that put it in order. `changed` is called when one did."""

    def __init__(self, rows: Sorted, table: Listing[Any], changed: Callable[[], None]) -> None:
        super().__init__(id="table")
        self._sorted = rows
        self._table = table
        self._changed = changed

    def compose(self) -> ComposeResult:
        yield self._table

    def action_sort(self, step: int) -> None:
        # Only by what can be seen: else the rows would seem to be in no order.
        ids = self._table.sortable()
        if not ids:  # Nothing can: another view is shown, or this one is not laid out yet.
            return
        column_id, _ = self._sorted.sorting
        place = ids.index(column_id) if column_id in ids else -1
        self._sorted.sort_by(ids[(place + step) % len(ids)])
        self._changed()

    def action_reverse(self) -> None:
        column_id, descending = self._sorted.sorting
        self._sorted.sort_by(column_id, not descending)
        self._changed()

    @on(Listing.HeaderClicked)
    def _sort_by_click(self, message: Listing.HeaderClicked) -> None:
        message.stop()
        if message.column_id == self._sorted.sorting[0]:
            self.action_reverse()
        elif message.column_id in self._table.sortable():
            self._sorted.sort_by(message.column_id)
            self._changed()

    def action_freeze(self) -> None:
        self._sorted.freeze(not self._sorted.is_frozen)
        self._changed()


class TableView(ListingView):
    """The table of what is seen here, and its keys."""

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
        super().__init__(rows, table, changed)
        self._rows = rows

    def action_group(self) -> None:
        self._rows.group_by(after(tuple(Grouping), self._rows.grouping))
        self._changed()

    def action_window(self) -> None:
        self._rows.look_at(after(tuple(Window), self._rows.window))
        self._changed()

    def action_direction(self) -> None:
        self._rows.face(after(DIRECTIONS, self._rows.direction))
        self._changed()

    def action_mark(self) -> None:
        if self._rows.marked_ns is None:
            self._rows.mark()
            self.notify("Baseline marked: changes since then are shown. m again forgets it.", markup=False)
        else:
            self._rows.unmark()
        self._changed()


def after(choices: tuple[T, ...], chosen: T) -> T:
    """What comes after the one chosen, round and round."""
    return choices[(choices.index(chosen) + 1) % len(choices)]
