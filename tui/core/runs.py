"""Text in runs, each with a role that says what it stands for; whoever draws it gives every role a style."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from itertools import zip_longest


class Role(enum.Enum):
    """What a piece of text stands for. The text says it too: a role only helps the eye."""

    TEXT = "text"
    HEADING = "heading"
    NOTE = "note"
    """What explains, and could be left out."""
    P50 = "p50"
    P99 = "p99"
    FAILURE = "failure"
    AXIS = "axis"
    BAR = "bar"
    MARK = "mark"
    HEAT1 = "heat1"
    HEAT2 = "heat2"
    HEAT3 = "heat3"
    HEAT4 = "heat4"
    HEAT5 = "heat5"


Run = tuple[str, Role]
Line = list[Run]


def text_of(line: Line) -> str:
    """The line without its roles."""
    return "".join(text for text, _ in line)


def fitted(line: Line, width: int) -> Line:
    """The line, exactly `width` wide: cut, or filled with blanks."""
    left = width
    kept = []
    for text, role in line:
        if not left:
            break
        kept.append((text[:left], role))
        left -= len(kept[-1][0])
    return [*kept, (" " * left, Role.TEXT)] if left else kept


def beside(left: Sequence[Line], right: Sequence[Line], left_width: int, gap: int) -> list[Line]:
    """Both blocks next to each other; the shorter one is filled with blank lines."""
    nothing: Line = []
    pairs = zip_longest(left, right, fillvalue=nothing)
    return [[*fitted(one, left_width), (" " * gap, Role.TEXT), *other] for one, other in pairs]
