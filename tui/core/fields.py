"""Fields of one thing as text: columns of a list whose rows are all alike, such as handshakes or connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from bpf.event import address_text, printable
from tui.core.format import NONE, UNICODE, Glyphs, shorten_middle
from tui.core.runs import Line, Role

T = TypeVar("T")
GAP = 1


class Names(Protocol):
    """Says what the numbers in a handshake stand for."""

    def name_of(self, ifindex: int) -> str:
        """Name the interface."""

    def unit_of(self, cgroup: int) -> str:
        """Name the systemd unit or container; empty: none, or not known."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What it takes to write one."""

    names: Names
    wall_offset_ns: int
    """What to add to its times to get Unix time."""
    glyphs: Glyphs = UNICODE
    now_ns: int = 0
    """What ages are counted up to."""


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """One field."""

    id: str
    title: str
    width: int
    rank: int
    """Where it is narrow, columns of a greater rank go first."""
    align: Literal["left", "right"]
    help: str
    text: Callable[[T, Writing], str]
    """Empty: there is no such thing."""
    widest: int | None = None
    """How wide it grows where there is room; None: it does not."""

    def cell(self, thing: T, width: int, writing: Writing) -> str:
        """Its text, exactly `width` wide. One on the left loses its middle, one on the right its left."""
        text = self.text(thing, writing)
        if self.align == "left":
            return shorten_middle(text, width, writing.glyphs).ljust(width)
        return text[-width:].rjust(width)

    def header(self, width: int) -> str:
        """Its title, aligned as its cells are."""
        return (self.title.ljust(width) if self.align == "left" else self.title.rjust(width))[:width]


Fitted = list[tuple[Field[T], int]]
"""Fields, and how wide each is."""


def fit_fields(fields: Sequence[Field[T]], total: int) -> Fitted[T]:
    """The fields that have room in `total` characters, and their widths.

    Chosen by rank, so in the order of what matters; what is left over widens those that can grow, all alike.
    """
    room = total + GAP
    widths: dict[str, int] = {}
    by_rank = sorted(fields, key=lambda each: each.rank)
    for each in by_rank:
        if each.width + GAP > room:
            break
        widths[each.id] = each.width
        room -= each.width + GAP
    growing = [each for each in by_rank if each.widest and each.id in widths]
    while room > 0 and growing:
        for each in growing[:room]:
            widths[each.id] += 1
        room -= len(growing)
        growing = [each for each in growing if each.widest and widths[each.id] < each.widest]
    return [(each, widths[each.id]) for each in fields if each.id in widths]


def titles_of(columns: Fitted[T]) -> str:
    """The line above the rows."""
    return "".join(column.header(width) + " " * GAP for column, width in columns)


def line_of(thing: T, columns: Fitted[T], writing: Writing, marked_id: str = "") -> Line:
    """A row. The field `marked_id` stands out as what has failed does."""
    line: Line = []
    run = ""
    for column, width in columns:
        text = column.cell(thing, width, writing)
        if column.id == marked_id:
            line += [(run, Role.TEXT), (text, Role.FAILURE)]
            run = " " * GAP
        else:
            run += text + " " * GAP
    return [*line, (run, Role.TEXT)]


def rest_of(thing: T, fields: Sequence[Field[T]], columns: Fitted[T], writing: Writing) -> str:
    """The fields that it has and `columns` leave out or cut: "local 192.0.2.1:38450  unit cron.service"."""
    whole = {column.id for column, width in columns if len(column.text(thing, writing)) <= width}
    rest = ((each.title, each.text(thing, writing)) for each in fields if each.id not in whole)
    return "  ".join(f"{title} {text}" for title, text in rest if text not in ("", NONE))


def endpoint_text(address: bytes, port: int) -> str:
    """ "192.0.2.1:443" or "[2001:db8::1]:443"."""
    text = address_text(address)
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def process_text(process: bytes, pid: int) -> str:
    """ "curl[812]"; only a part of it, or nothing, where the rest is not known."""
    name = printable(process.partition(b"\0")[0].decode(errors="replace"))
    return f"{name}[{pid}]" if pid else name
