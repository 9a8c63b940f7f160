"""A page of lines, under a title and above a line of keys; scrolls by whole lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.strip import Strip

from tui.core.format import Glyphs, shorten_middle
from tui.core.runs import Line
from tui.widgets.line_view import LineView

_WHEEL_LINES = 3
_AROUND = 2
"""Lines that do not scroll: title and keys."""


class Page(LineView, can_focus=True):
    """Shows what it is made of by who knows that; what was shown last stays when that is gone."""

    COMPONENT_CLASSES = {"details--title", "details--keys", "details--gone", "details--message"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "scroll_lines(1)", "Down", show=False, id="details.down"),
        Binding("up,k", "scroll_lines(-1)", "Up", show=False, id="details.up"),
        Binding("pagedown", "scroll_pages(1)", "Next page", show=False, id="details.page_down"),
        Binding("pageup", "scroll_pages(-1)", "Previous page", show=False, id="details.page_up"),
        Binding("home,g", "scroll_to_end(False)", "Top", show=False, id="details.top"),
        Binding("end,G", "scroll_to_end(True)", "Bottom", show=False, id="details.bottom"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.gone = ""
        """Why what is shown is not there any more; empty: it is."""
        self._message = ""
        self._page: Sequence[Line] = ()
        self._top = 0
        self._early: list[Callable[[], None]] = []
        """What keys asked for before it had a size: how far that is, the first layout tells."""

    def page(self, width: int, rows: int) -> Sequence[Line] | None:
        """All lines, of which `rows` are seen at a time; None: there is nothing to show."""
        raise NotImplementedError

    def page_title(self) -> str:
        """What it is about."""
        raise NotImplementedError

    @property
    def glyphs(self) -> Glyphs:
        """What it is drawn with."""
        raise NotImplementedError

    def show(self, message: str = "") -> None:
        """Draw what there is, or `message` if there is nothing."""
        self._message = message
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        width, height = self.size
        if width and height:
            self._page = self.page(width, self._page_rows) or ()
            early, self._early = self._early, []
            for scroll in early:
                scroll()
        self._scroll(0)

    @property
    def _page_rows(self) -> int:
        return max(1, self.size.height - _AROUND)

    def action_scroll_lines(self, lines: int) -> None:
        self._once_laid_out(lambda: self._scroll(lines))

    def action_scroll_pages(self, pages: int) -> None:
        self._once_laid_out(lambda: self._scroll(pages * max(1, self._page_rows - 1)))

    def action_scroll_to_end(self, is_bottom: bool) -> None:
        self._once_laid_out(lambda: self._scroll(len(self._page) if is_bottom else -self._top))

    def _once_laid_out(self, scroll: Callable[[], None]) -> None:
        if self.size:
            scroll()
        else:
            self._early.append(scroll)

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
        text = " " + shorten_middle(self.page_title(), width - 1, self.glyphs)
        style = self.get_component_rich_style("details--title")
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _keys(self, width: int) -> Strip:
        if self.gone:
            style = self.get_component_rich_style("details--gone")
            return Strip([Segment(f" {self.gone} Esc goes back", style)]).adjust_cell_length(width, style)
        below = len(self._page) - self._top - self._page_rows
        text = " Esc goes back"
        if below > 0 or self._top:
            text += f"  j k PgDn PgUp scroll  {self._top:,} lines above, {max(0, below):,} below"
        style = self.get_component_rich_style("details--keys")
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)
