"""Which cells of a line are sent again: all that changed, whatever is in it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tui.widgets.changes import changes

BOLD = Style(bold=True)
TEXTS = st.text("a b1\u00b5\u2588\u30a2\u0301", max_size=12)
LINES = st.lists(st.tuples(TEXTS, st.sampled_from([None, BOLD])), max_size=5)


def strip(line: list[tuple[str, Style | None]], width: int = 40) -> Strip:
    return Strip([Segment(text, style) for text, style in line]).adjust_cell_length(width)


def cells(line: Strip) -> list[tuple[str, Style | None]]:
    """Cell by cell, as a terminal that is sent just these would show them."""
    found = []
    for x in range(line.cell_length):
        cut = line.crop(x, x + 1)
        found.append((cut.text, next((each.style for each in cut if each.text), None)))
    return found


@given(LINES, LINES)
def test_what_is_left_out_is_the_same(
    old: list[tuple[str, Style | None]], new: list[tuple[str, Style | None]]
) -> None:
    before, after = strip(old), strip(new)
    spans = changes(before, after)
    sent = {x for begin, end in spans for x in range(begin, end)}
    pairs = enumerate(zip(cells(before), cells(after), strict=True))
    assert all(one == other for x, (one, other) in pairs if x not in sent)
    assert all(begin < end for begin, end in spans)
    assert [x for span in spans for x in span] == sorted(x for span in spans for x in span)


def test_figures_far_apart_are_sent_apart() -> None:
    old = strip([("198.18.0.1  1.00 12  20.0ms 20.0ms 3s", None)])
    new = strip([("198.18.0.1  0.98 12  20.0ms 20.0ms 4s", None)])
    assert changes(old, new) == [(12, 16), (35, 36)]


def test_what_lies_close_is_sent_together() -> None:
    assert changes(strip([("1 2 3", None)]), strip([("2 2 4", None)])) == [(0, 5)]


def test_a_line_that_is_the_same_is_not_sent() -> None:
    assert changes(strip([("same", BOLD)]), strip([("same", BOLD)])) == []


def test_another_style_is_another_look() -> None:
    assert changes(strip([("a", None), ("bc", None)]), strip([("a", None), ("bc", BOLD)])) == [(1, 3)]


def test_behind_what_is_wide_all_is_sent() -> None:
    assert changes(strip([("a", None), ("\u30a2 1", None)]), strip([("a", None), ("\u30a2 2", None)])) == [
        (1, 40)
    ]
