"""A rectangle of characters to draw on, and the characters charts are drawn with."""

from __future__ import annotations

from dataclasses import dataclass

from tui.core.format import Glyphs
from tui.core.runs import Line, Role

NOTHING = "no latency"
"""Stands in the middle of a chart that has nothing to draw."""


@dataclass(frozen=True, slots=True)
class ChartGlyphs:
    """What charts need besides the `Glyphs` of figures."""

    has_braille: bool
    """Lines are drawn with 2 x 4 dots a character."""
    p50: str
    """What lines are drawn with where there is no braille."""
    p99: str
    corner: str
    rule: str
    upright: str
    tick: str
    """On an axis of latencies, or times: there is a label for this place."""
    tick_beside: str
    mark: str
    """Points down, at where a quantile is."""
    plumb: str
    """Below a mark, down to the bar."""
    shades: str
    """Of a heatmap: from nothing to most."""


_UNICODE = ChartGlyphs(True, "o", "*", "└", "─", "│", "┴", "┤", "▼", "┊", " ·░▒▓█")
_ASCII = ChartGlyphs(False, "o", "*", "+", "-", "|", "+", "+", "v", ":", " .:+#@")


def chart_glyphs(glyphs: Glyphs) -> ChartGlyphs:
    """Those that go with `glyphs`."""
    return _ASCII if glyphs.ellipsis.isascii() else _UNICODE


class Canvas:
    """Characters and their roles, blank at first. What lies outside is not drawn."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._characters = [[" "] * width for _ in range(height)]
        self._roles = [[Role.TEXT] * width for _ in range(height)]

    def put(self, x: int, y: int, text: str, role: Role) -> None:
        """Write `text` from (`x`, `y`) on."""
        if not 0 <= y < self.height:
            return
        for place, character in enumerate(text, x):
            if 0 <= place < self.width:
                self._characters[y][place] = character
                self._roles[y][place] = role

    def put_in_middle(self, left: int, y: int, text: str, role: Role) -> None:
        """Write `text` in the middle of what is right of `left`."""
        self.put(left + max(0, (self.width - left - len(text)) // 2), y, text, role)

    def is_blank(self, x: int, y: int, length: int = 1) -> bool:
        """Whether nothing but blanks is there, all of it inside."""
        if not (0 <= y < self.height and x >= 0 and x + length <= self.width):
            return False
        return self._characters[y][x : x + length] == [" "] * length

    def lines(self) -> list[Line]:
        """What was drawn. A blank belongs to the run before it: every run costs bytes over SSH."""
        return [_runs(*each) for each in zip(self._characters, self._roles, strict=True)]


def _runs(characters: list[str], roles: list[Role]) -> Line:
    line: Line = []
    text, role = "", Role.TEXT
    for character, own in zip(characters, roles, strict=True):
        if character != " " and own is not role:
            if text:
                line.append((text, role))
            text, role = "", own
        text += character
    return [*line, (text, role)] if text else line
