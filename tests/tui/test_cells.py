"""What a repaint sends to the terminal: the cells that were to be repainted, wherever on the line they are."""

from __future__ import annotations

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from tui.cells import cells_only

LINE = Strip([Segment("abc"), Segment("def", Style(bold=True))])
CONSOLE = Console(force_terminal=True, color_system="standard")


def sent(*spans: tuple[int, int, int]) -> str:
    """What is written for these (line, from, to) of a widget at column 4."""
    update = cells_only(ChopsUpdate([{0: None, 4: LINE}], list(spans), [[4, 10]]))
    assert isinstance(update, ChopsUpdate)
    return update.render_segments(CONSOLE)


def test_a_cell_in_the_middle_is_sent_alone() -> None:
    assert sent((0, 5, 6)) == "\x1b[1;6Hb"


def test_two_spans_of_a_line_are_sent_apart_with_their_styles() -> None:
    assert sent((0, 4, 5), (0, 8, 10)) == "\x1b[1;5Ha\x1b[1;9H\x1b[1mef\x1b[0m"


def test_a_whole_line_is_sent_whole() -> None:
    assert sent((0, 0, 10)) == "\x1b[1;5Habc\x1b[1mdef\x1b[0m"


def test_half_a_wide_character_is_a_blank() -> None:
    wide = Strip([Segment("a\u30a2b")])
    update = cells_only(ChopsUpdate([{0: wide}], [(0, 2, 4)], [[4]]))
    assert isinstance(update, ChopsUpdate)
    assert update.render_segments(CONSOLE) == "\x1b[1;3H b"


def test_what_is_no_repaint_is_left_as_it_is() -> None:
    text = Text("anything")
    assert cells_only(text) is text
    assert cells_only(None) is None
