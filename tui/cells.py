"""What a repaint sends to the terminal: the cells that changed.

Of a line, Textual sends all up to the last cell that changed: its ChopsUpdate leaves out what lies behind only.
"""

from __future__ import annotations

from rich.color import ColorSystem
from rich.console import Console, RenderableType
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from tui.widgets.changes import is_simple


class CellsUpdate(ChopsUpdate):
    """The same, span by span of cells."""

    def render_segments(self, console: Console) -> str:
        """What is written."""
        written = []
        for y, begin, end in self.spans:
            for chop_end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                first, last = max(begin, x), min(end, chop_end)
                if strip is not None and first < last:
                    written.append(f"\x1b[{y + 1};{first + 1}H")
                    whole = first == x and last == chop_end
                    written.append(
                        strip.render(console) if whole else _cut(strip, first - x, last - x, console)
                    )
        return "".join(written)


def _cut(strip: Strip, first: int, last: int, console: Console) -> str:
    """Write part of a line. `Strip.crop` does that, too; a strip it makes costs more than to write it."""
    color_system = console._color_system or ColorSystem.TRUECOLOR
    written = []
    x = 0
    for text, style, _ in strip:
        if not is_simple(text):
            return strip.crop(first, last).render(console)
        piece = text[max(0, first - x) : max(0, last - x)]
        if piece:
            written.append(piece if style is None else Strip.render_style(style, piece, color_system))
        x += len(text)
    return "".join(written)


def cells_only(renderable: RenderableType | None) -> RenderableType | None:
    """What is displayed, without cells that have not changed."""
    if isinstance(renderable, ChopsUpdate):
        return CellsUpdate(renderable.chops, renderable.spans, renderable.chop_ends)
    return renderable
