"""What a repaint sends to the terminal: the cells that changed.

Of a line, Textual sends all up to the last cell that changed: its ChopsUpdate leaves out what lies behind only.
"""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.control import Control
from textual._compositor import ChopsUpdate


class CellsUpdate(ChopsUpdate):
    """The same, span by span of cells."""

    def render_segments(self, console: Console) -> str:
        """What is written."""
        written = []
        for y, begin, end in self.spans:
            for chop_end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                first, last = max(begin, x), min(end, chop_end)
                if strip is not None and first < last:
                    whole = first == x and last == chop_end
                    cut = strip if whole else strip.crop(first - x, last - x)
                    written += [Control.move_to(first, y).segment.text, cut.render(console)]
        return "".join(written)


def cells_only(renderable: RenderableType | None) -> RenderableType | None:
    """What is displayed, without cells that have not changed."""
    if isinstance(renderable, ChopsUpdate):
        return CellsUpdate(renderable.chops, renderable.spans, renderable.chop_ends)
    return renderable
