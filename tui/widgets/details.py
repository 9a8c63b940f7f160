"""The page of details of a row."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core.detail import Detail
from tui.core.detail_page import detail_page
from tui.core.fields import Writing
from tui.core.format import Glyphs
from tui.core.runs import Line
from tui.widgets.page import Page

GONE = "This row is gone: another grouping or direction, or a reset, took it away."


class Details(Page):
    """Draws a `Detail`; None: the row is gone, and what was last known of it stays."""

    def __init__(self, writing: Writing) -> None:
        super().__init__()
        self._writing = writing
        self._detail: Detail | None = None

    def write_with(self, writing: Writing) -> None:
        """Write handshakes in this way from the next `draw` on."""
        self._writing = writing

    def draw(self, detail: Detail | None, empty: str = "") -> None:
        """Take over what is known by now. `empty` says why there has not been any row."""
        self.gone = GONE if detail is None else ""
        self._detail = None if empty else detail or self._detail
        self.show(empty)

    def page(self, width: int, rows: int) -> Sequence[Line] | None:
        return detail_page(self._detail, width, rows, self._writing) if self._detail else None

    def page_title(self) -> str:
        return self._detail.title if self._detail else ""

    @property
    def glyphs(self) -> Glyphs:
        return self._writing.glyphs
