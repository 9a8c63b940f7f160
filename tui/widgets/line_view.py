"""A widget that is a list of lines, formatted beforehand: a redraw repaints only those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from rich.segment import Segment
from rich.style import Style
from textual.app import RenderResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from tui.core.runs import Line, Role
from tui.widgets.changes import changes


class LineView(Widget):
    """Line API without a scroll offset of Textual's: neither a redraw nor a key needs a layout.

    The style of a `Role` is that of the component class "line-view--" and its value.
    """

    COMPONENT_CLASSES = {f"line-view--{role.value}" for role in Role}

    def __init__(self) -> None:
        super().__init__()
        self._strips: list[Strip] = []
        self.plain = Style.null()
        """The style of the widget itself, asked for once a redraw: it is worked out anew each time (0.1 ms)."""

    def format_lines(self, width: int, height: int) -> list[Strip]:
        """The lines to show, up to `height` of them, each `width` wide."""
        raise NotImplementedError

    def redraw(self) -> None:
        """Format all lines and repaint what changed of them."""
        width, height = self.size
        before = self._strips
        self.plain = self.rich_style
        strips = self.format_lines(width, height)[:height] if width and height else []
        self._strips = strips + [Strip.blank(width, self.plain)] * (height - len(strips))
        if len(before) != len(self._strips):
            self.refresh()
            return
        self._refresh_changes(before, self._strips)

    def _refresh_changes(self, before: Sequence[Strip], after: Sequence[Strip]) -> None:
        """Repaint the cells in which lines differ, if there are any."""
        regions = [
            Region(begin, y, end - begin, 1)
            for y, (old, new) in enumerate(zip(before, after, strict=True))
            if old is not new and old != new
            for begin, end in changes(old, new)
        ]
        if regions:  # Without any, all would be repainted.
            self.refresh(*regions)

    def strip_of(self, line: Line, width: int) -> Strip:
        """A line in the styles of its roles."""
        segments = [
            Segment(text, self.get_component_rich_style(f"line-view--{role.value}"))
            for text, role in line
            if text
        ]
        return Strip(segments).adjust_cell_length(width, self.plain)

    def message_strips(self, message: str, width: int, height: int, component: str) -> list[Strip]:
        """Lines of text in the middle of a view that has nothing else to show."""
        style = self.get_component_rich_style(component)
        lines = [part for line in message.splitlines() for part in wrap(line, width) or [""]]
        blank = [Strip.blank(width, self.plain)] * max(0, (height - len(lines)) // 3)
        told = [
            Strip([Segment(line.center(width), style)]).adjust_cell_length(width, style) for line in lines
        ]
        return blank + told

    def render(self) -> RenderResult:
        """Nothing: lines are rendered one by one."""
        return ""

    def render_line(self, y: int) -> Strip:
        """The line at `y`, as `redraw` formatted it."""
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self.is_mounted:
            self.redraw()

    def on_resize(self) -> None:
        self.redraw()
