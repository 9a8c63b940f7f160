"""Which cells of a line have changed: what lies between need not be sent again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import get_character_cell_size
from textual.strip import Strip

_GAP = 12
"""Unchanged cells that cost less to send than to pass over: moving the cursor and setting a style takes that many."""

_OURS = re.compile("[\x20-\x7e▁▂▃▄▅▆▇█µ…✗Δ▲▼]*").fullmatch
"""Nearly all that is shown is made of these, which take a cell each."""

Span = tuple[int, int]
"""From a cell up to another."""


def changes(old: Strip, new: Strip) -> list[Span]:
    """The spans of cells in which two lines of the same width differ; from the left, and not too many."""
    spans: list[Span] = []
    for begin, end in _differences(old, new):
        if spans and begin - spans[-1][1] < _GAP:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((begin, end))
    return spans


def _differences(old: Strip, new: Strip) -> Iterator[Span]:
    """Cell by cell where that is simple, else all that follows."""
    before = list(old)
    x = 0
    for at, segment in enumerate(new):
        if at >= len(before) or not is_simple(segment.text):
            break
        text, style, _ = before[at]
        if len(text) != len(segment.text) or not is_simple(text):
            break
        end = x + len(text)
        if style != segment.style and text:
            yield x, end
        elif text != segment.text:
            for place, (one, other) in enumerate(zip(text, segment.text, strict=True), x):
                if one != other:
                    yield place, place + 1
        x = end
    if x < new.cell_length:
        yield x, new.cell_length


def is_simple(text: str) -> bool:
    """Whether each character takes one cell."""
    return bool(_OURS(text)) or all(get_character_cell_size(each) == 1 for each in text)
