"""The table of rows: draws only the lines that are visible, repaints only those that changed.

A DataTable takes 50 to 100 ms for a repaint whatever its size, and one at 10,000 rows answers keys after seconds. This
one is a widget of Textual's line API with a scroll offset of its own, so neither a redraw nor a key needs a layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from tui.core.column import GAP, Column, ColumnOf, Main
from tui.core.columns import COLUMNS, chosen_for, fit
from tui.core.format import ASCII, Glyphs
from tui.core.row import Row
from tui.core.rows import Rows
from tui.core.thresholds import NO_THRESHOLDS, Thresholds
from tui.widgets.changes import is_simple
from tui.widgets.line_view import LineView
from tui.widgets.listed import Ordered, R

_HEADER_LINES = 1
_WHEEL_LINES = 3
_NAMES = ("host", "box")
"""The columns whose text may be wider than it is long."""


class Listing(LineView, Generic[R], can_focus=True):
    """Rows in their order, below a header. The selection follows its row wherever that moves."""

    COMPONENT_CLASSES = {
        "row-table--header",
        "row-table--sorted",
        "row-table--trend",
        "row-table--fail",
        "row-table--quiet",
        "row-table--warn",
        "row-table--bad",
        "row-table--cursor",
        "row-table--message",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "Next row", show=False, id="table.down"),
        Binding("up,k", "move(-1)", "Previous row", show=False, id="table.up"),
        Binding("pagedown", "page(1)", "Next page", show=False, id="table.page_down"),
        Binding("pageup", "page(-1)", "Previous page", show=False, id="table.page_up"),
        Binding("home,g", "jump(False)", "First row", show=False, id="table.first"),
        Binding("end,G", "jump(True)", "Last row", show=False, id="table.last"),
        Binding("enter", "open", "Details", id="table.open"),
    ]

    @dataclass
    class RowChosen(Message):
        """The selected row was to be opened."""

    @dataclass
    class HeaderClicked(Message):
        """The header of a column was clicked."""

        column_id: str

    def __init__(self, rows: Ordered[R], glyphs: Glyphs, thresholds: Thresholds = NO_THRESHOLDS) -> None:
        super().__init__()
        self._thresholds = thresholds
        self._has_thresholds = thresholds != NO_THRESHOLDS
        self._rows = rows
        self._glyphs = glyphs
        self._message = ""
        self._top = 0
        self._selected: R | None = None

    def columns(self) -> list[tuple[ColumnOf[R], int]]:
        """Those in sight, and their widths."""
        raise NotImplementedError

    def sortable(self) -> Sequence[str]:
        """The columns in sight that rows can be ordered by, in the order of the key that does it."""
        return [column.id for column, _ in self.columns() if column.value]

    def is_dim(self, row: R) -> bool:
        """Whether there is nothing to see of it now."""
        raise NotImplementedError

    def own_style(self, column: ColumnOf[R], row: R, is_dim: bool) -> str:
        """How a cell looks if not like the rest of its row."""
        if column.value is None:
            return "" if is_dim else "trend"
        if column.id == "fail":
            return "fail" if row.figure("fail") else ""
        if column.is_latency:
            if column.is_thin(row):
                return "quiet"
            return self._thresholds.level_of(row.figure(column.id)) if self._has_thresholds else ""
        return ""

    def title_of(self, column: ColumnOf[R]) -> str:
        """The header of a column."""
        return column.title if self._glyphs is not ASCII else column.title.replace("Δ", "d")

    @property
    def selected(self) -> R | None:
        """The row under the cursor."""
        return self._selected

    def all_rows(self) -> Sequence[R]:
        """Those in sight and those above and below, in their order."""
        return self._rows.rows(0, self._rows.shown)

    @property
    def place(self) -> tuple[int, int]:
        """The first row in sight, and how many there is room for."""
        return self._top, self._page_rows()

    def clear_selection(self) -> bool:
        """Take the cursor away and go back to the first row; False if there was none."""
        had_one = self._selected is not None or self._top > 0
        self._selected, self._top = None, 0
        self.draw()
        return had_one

    def draw(self, message: str = "") -> None:
        """Format the visible rows, or `message` where there are none, and repaint the lines that changed."""
        self._message = message
        self.redraw()

    def action_move(self, rows: int) -> None:
        place = self._place()
        if place is None:
            self._select(self._top)
        else:
            self._select(place + rows)

    def action_page(self, pages: int) -> None:
        place = self._place()
        self._select((self._top if place is None else place) + pages * max(1, self._page_rows()))

    def action_jump(self, to_last: bool) -> None:
        self._select(self._rows.shown - 1 if to_last else 0)

    def action_open(self) -> None:
        if self._selected is None:
            self._select(self._top)
        if self._selected:
            self.post_message(self.RowChosen())

    def on_mouse_scroll_down(self) -> None:
        self._scroll(_WHEEL_LINES)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-_WHEEL_LINES)

    def on_click(self, event: events.Click) -> None:
        if event.y >= _HEADER_LINES:
            row = self._top + event.y - _HEADER_LINES
            if row < self._rows.shown:
                self._select(row)
                if event.chain == 2:
                    self.action_open()
            return
        x = 0
        for column, width in self.columns():
            if x <= event.x < x + width + GAP:
                self.post_message(self.HeaderClicked(column.id))
            x += width + GAP

    def _place(self) -> int | None:
        return self._rows.rank(self._selected) if self._selected else None

    def _page_rows(self) -> int:
        return max(0, self.size.height - _HEADER_LINES)

    def _select(self, place: int) -> None:
        place = max(0, min(place, self._rows.shown - 1))
        self._selected = next(iter(self._rows.rows(place, place + 1)), None)
        self.draw(self._message)

    def _scroll(self, lines: int) -> None:
        """Look elsewhere without a cursor: one that were kept in sight would pull the view back."""
        self._selected = None
        self._top = max(0, min(self._top + lines, self._rows.shown - self._page_rows()))
        self.draw(self._message)

    def format_lines(self, width: int, height: int) -> list[Strip]:
        """Header and rows, or why there are none."""
        columns = self.columns()
        self._keep_in_sight()
        rows = self._rows.rows(self._top, self._top + self._page_rows())
        strips = [self._header(columns, width), *(self._row(row, columns, width) for row in rows)]
        if not rows:
            strips += self.message_strips(self._message, width, height - 1, "row-table--message")
        return strips

    def _keep_in_sight(self) -> None:
        rows = self._page_rows()
        if self._selected and self._rows.find(self._selected.key) is not self._selected:
            # Made anew: the row may be there again, as another object.
            again = self._rows.find(self._selected.key)
            self._selected = again if again and again.grouping is self._selected.grouping else None
        place = self._place()
        if place is None:
            self._selected = None
        else:
            self._top = min(max(self._top, place - rows + 1), place)
        self._top = max(0, min(self._top, self._rows.shown - rows))

    def _header(self, columns: list[tuple[ColumnOf[R], int]], width: int) -> Strip:
        sort_id, descending = self._rows.sorting
        plain = self.get_component_rich_style("row-table--header")
        marked = self.get_component_rich_style("row-table--sorted")
        segments = []
        for column, column_width in columns:
            is_sorted = column.id == sort_id
            title = self.title_of(column) + (self._glyphs.sort_marks[descending] if is_sorted else "")
            text = title.ljust(column_width) if column.align == "left" else title.rjust(column_width)
            segments += [
                Segment(text[:column_width], marked if is_sorted else plain),
                Segment(" " * GAP, plain),
            ]
        return Strip(segments).adjust_cell_length(width, plain)

    def _row(self, row: R, columns: list[tuple[ColumnOf[R], int]], width: int) -> Strip:
        is_selected = row is self._selected
        is_dim = self.is_dim(row)
        plain = self._style("cursor" if is_selected else "quiet" if is_dim else "")
        segments: list[Segment] = []
        run = ""
        used = 0
        has_wide = False
        for column, column_width in columns:
            text = column.cell(row, column_width, self._glyphs)
            if column.id in _NAMES:
                has_wide |= not is_simple(text)
            used += column_width + GAP
            # In reverse, a sparkline would show what is not there.
            own = self.own_style(column, row, is_dim) if column.value is None or not is_selected else ""
            if not own:
                run += text + " " * GAP
                continue
            # Few: every segment costs bytes over SSH.
            segments += [Segment(run, plain), Segment(text, self._style(own))]
            run = " " * GAP
        run = run.ljust(len(run) + width - used)[: len(run) + width - used]
        if run:
            segments.append(Segment(run, plain))
        return Strip(segments).adjust_cell_length(width, plain) if has_wide else Strip(segments, width)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"row-table--{name}") if name else self.plain


class RowTable(Listing[Row]):
    """The rows of what is seen here."""

    def __init__(
        self,
        rows: Rows,
        glyphs: Glyphs,
        chosen: Sequence[str] = (),
        thresholds: Thresholds = NO_THRESHOLDS,
    ) -> None:
        """`chosen`: which columns, in which order; none: all."""
        super().__init__(rows, glyphs, thresholds)
        self._model = rows
        self._chosen = chosen

    def columns(self) -> list[tuple[Column, int]]:
        is_marked = self._model.marked_ns is not None
        ids = chosen_for(self._model.main, self._chosen)
        return fit(self.size.width, ids, self._model.sorting[0], is_marked=is_marked)

    def sortable(self) -> Sequence[str]:
        seen = {column.id for column, _ in self.columns()}
        return [each.id for each in COLUMNS if each.value and each.id in seen]

    def is_dim(self, row: Row) -> bool:
        return row.is_quiet or (self._model.main is Main.LIVE and not row.live.count)

    def own_style(self, column: Column, row: Row, is_dim: bool) -> str:
        if column.id == "bloat":
            return "warn" if row.live.is_bloated else ""
        return super().own_style(column, row, is_dim)

    def title_of(self, column: Column) -> str:
        return self._model.grouping.value if column.id == "host" else super().title_of(column)
