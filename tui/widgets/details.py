"""The page of details of a row, under a title and above a line of keys; scrolls by whole lines."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.strip import Strip

from tui.core.detail import Detail
from tui.core.detail_page import detail_page
from tui.core.fields import Writing
from tui.core.format import shorten_middle
from tui.core.runs import Line
from tui.widgets.line_view import LineView

_WHEEL_LINES = 3
_AROUND = 2
"""Lines that do not scroll: title and keys."""
GONE = "This row is gone: another grouping or direction, or a reset, took it away."


class Details(LineView, can_focus=True):
    """Draws a `Detail`; None: the row is gone, and what was last known of it stays."""

    COMPONENT_CLASSES = {"details--title", "details--keys", "details--gone", "details--message"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_lines(1)", "Down", show=False, id="details.down"),
        Binding("up,k", "scroll_lines(-1)", "Up", show=False, id="details.up"),
        Binding("pagedown", "scroll_pages(1)", "Next page", show=False, id="details.page_down"),
        Binding("pageup", "scroll_pages(-1)", "Previous page", show=False, id="details.page_up"),
        Binding("home,g", "scroll_to_end(False)", "Top", show=False, id="details.top"),
        Binding("end,G", "scroll_to_end(True)", "Bottom", show=False, id="details.bottom"),
    ]

    def __init__(self, writing: Writing) -> None:
        super().__init__()
        self._writing = writing
        self._detail: Detail | None = None
        self._message = ""
        self._is_gone = False
        self._page: list[Line] = []
        self._top = 0

    def write_with(self, writing: Writing) -> None:
        """Write handshakes in this way from the next `draw` on."""
        self._writing = writing

    def draw(self, detail: Detail | None, empty: str = "") -> None:
        """Take over what is known by now. `empty` says why there has not been any row."""
        self._is_gone = detail is None
        self._detail = None if empty else detail or self._detail
        self._message = empty
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.size
        if self._detail and width and height:
            self._page = detail_page(self._detail, width, self._page_rows, self._writing)
        elif not self._detail:
            self._page = []
        self._scroll(0)

    @property
    def _page_rows(self) -> int:
        return max(1, self.size.height - _AROUND)

    def action_scroll_lines(self, lines: int) -> None:
        self._scroll(lines)

    def action_scroll_pages(self, pages: int) -> None:
        self._scroll(pages * max(1, self._page_rows - 1))

    def action_scroll_to_end(self, is_bottom: bool) -> None:
        self._scroll(len(self._page) if is_bottom else -self._top)

    def on_mouse_scroll_down(self) -> None:
        self._scroll(_WHEEL_LINES)

    def on_mouse_scroll_up(self) -> None:
        self._scroll(-_WHEEL_LINES)

    def _scroll(self, lines: int) -> None:
        self._top = max(0, min(self._top + lines, len(self._page) - self._page_rows))
        self.redraw()

    def format_lines(self, width: int, height: int) -> list[Strip]:
        """Title, what is in sight of the page, keys."""
        if not self._page and self._message:
            return self.message_strips(self._message, width, height, "details--message")
        shown = self._page[self._top : self._top + self._page_rows]
        body = [self.strip_of(line, width) for line in shown]
        blank = [Strip.blank(width, self.plain)] * (height - _AROUND - len(body))
        return [self._title(width), *body, *blank, self._keys(width)]

    def _title(self, width: int) -> Strip:
        title = self._detail.title if self._detail else ""
        text = " " + shorten_middle(title, width - 1, self._writing.glyphs)
        style = self.get_component_rich_style("details--title")
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _keys(self, width: int) -> Strip:
        if self._is_gone:
            style = self.get_component_rich_style("details--gone")
            return Strip([Segment(f" {GONE} Esc goes back", style)]).adjust_cell_length(width, style)
        below = len(self._page) - self._top - self._page_rows
        text = " Esc goes back"
        if below > 0 or self._top:
            text += f"  j k PgDn PgUp scroll  {self._top:,} lines above, {max(0, below):,} below"
        style = self.get_component_rich_style("details--keys")
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)
