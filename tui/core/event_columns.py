"""The fields of a handshake as text: one list for the columns of the events, their help and the line of the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from bpf.event import Direction, Handshake, Outcome, address_text, printable
from tui.core.format import DURATION_WIDTH, NONE, UNICODE, Glyphs, count_text, duration_text, shorten_middle
from tui.core.runs import Line, Role

GAP = 1
_DAY_MS = 86_400_000
_OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)


class Names(Protocol):
    """Says what the numbers in a handshake stand for."""

    def name_of(self, ifindex: int) -> str:
        """Name the interface."""

    def unit_of(self, cgroup: int) -> str:
        """Name the systemd unit or container; empty: none, or not known."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What it takes to write a handshake."""

    names: Names
    wall_offset_ns: int
    """What to add to a handshake's time to get Unix time."""
    glyphs: Glyphs = UNICODE


@dataclass(frozen=True, slots=True)
class EventColumn:
    """One field."""

    id: str
    title: str
    width: int
    rank: int
    """Where it is narrow, columns of a greater rank go first."""
    align: Literal["left", "right"]
    help: str
    text: Callable[[Handshake, Writing], str]
    """Empty: there is no such thing."""
    widest: int | None = None
    """How wide it grows where there is room; None: it does not."""

    def cell(self, handshake: Handshake, width: int, writing: Writing) -> str:
        """Its text, exactly `width` wide. One on the left loses its middle, one on the right its left."""
        text = self.text(handshake, writing)
        if self.align == "left":
            return shorten_middle(text, width, writing.glyphs).ljust(width)
        return text[-width:].rjust(width)

    def header(self, width: int) -> str:
        """Its title, aligned as its cells are."""
        return (self.title.ljust(width) if self.align == "left" else self.title.rjust(width))[:width]


def process_text(handshake: Handshake) -> str:
    """ "curl[812]"; only a part of it, or nothing, where the rest is not known."""
    name = printable(handshake.process.partition(b"\0")[0].decode(errors="replace"))
    return f"{name}[{handshake.pid}]" if handshake.pid else name


def clock_text(wall_ns: int) -> str:
    """The time of day, UTC, to the millisecond: "12:00:00.123"."""
    ms = wall_ns // 1_000_000 % _DAY_MS
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def endpoint_text(address: bytes, port: int) -> str:
    """ "192.0.2.1:443" or "[2001:db8::1]:443"."""
    text = address_text(address)
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def _direction(handshake: Handshake, writing: Writing) -> str:
    arrows = "><" if writing.glyphs.ellipsis.isascii() else "→←"
    return arrows[handshake.direction] + (" out" if handshake.direction == Direction.OUTBOUND else " in")


def _flags(handshake: Handshake, writing: Writing) -> str:
    del writing
    flags = (("ambig", handshake.ambiguous), ("again", handshake.repeated))
    return " ".join(text for text, is_set in flags if is_set)


def _duration(id_: str, rank: int, help_: str, value: Callable[[Handshake], int]) -> EventColumn:
    return EventColumn(
        id=id_,
        title=id_,
        width=max(DURATION_WIDTH, len(id_)),
        rank=rank,
        align="right",
        help=help_,
        text=lambda handshake, writing: duration_text(value(handshake) or None, writing.glyphs),
    )


EVENT_COLUMNS: tuple[EventColumn, ...] = (
    EventColumn(
        "time",
        "time UTC",
        12,
        0,
        "left",
        "when the handshake ended",
        lambda handshake, writing: clock_text(handshake.time_ns + writing.wall_offset_ns),
    ),
    EventColumn(
        "dir", "dir", 5, 4, "left", "who opened the connection: out, this machine; in, the remote", _direction
    ),
    EventColumn(
        "outcome",
        "outcome",
        11,
        3,
        "left",
        "how the handshake ended",
        lambda handshake, _: _OUTCOMES[handshake.outcome],
    ),
    EventColumn(
        "remote",
        "remote",
        21,
        1,
        "left",
        "address and port of the other side",
        lambda handshake, _: endpoint_text(handshake.remote, handshake.remote_port),
        widest=47,
    ),
    _duration(
        "latency", 2, "the far side's answer; none if it is not known", lambda handshake: handshake.latency_ns
    ),
    _duration(
        "connect",
        7,
        "outbound: from the first SYN on, what the caller waited",
        lambda handshake: handshake.connect_ns,
    ),
    EventColumn(
        "retx",
        "retx",
        4,
        6,
        "right",
        "SYNs, or SYN-ACKs, sent again",
        lambda handshake, _: count_text(handshake.retransmits) if handshake.retransmits else "",
    ),
    EventColumn(
        "process",
        "process",
        14,
        5,
        "left",
        "who called connect(), and its process id",
        lambda handshake, _: process_text(handshake),
        widest=24,
    ),
    EventColumn(
        "unit",
        "unit",
        16,
        10,
        "left",
        "systemd unit or container of the process",
        lambda handshake, writing: printable(writing.names.unit_of(handshake.cgroup)),
        widest=32,
    ),
    EventColumn(
        "local",
        "local",
        21,
        8,
        "left",
        "address and port of this side",
        lambda handshake, _: endpoint_text(handshake.local, handshake.local_port),
        widest=47,
    ),
    EventColumn(
        "if",
        "if",
        8,
        9,
        "left",
        "network interface",
        lambda handshake, writing: printable(writing.names.name_of(handshake.ifindex)),
        widest=15,
    ),
    _duration(
        "answer",
        11,
        "inbound: how long this side took for its SYN-ACK",
        lambda handshake: handshake.answer_ns,
    ),
    EventColumn(
        "flags",
        "flags",
        11,
        12,
        "left",
        "ambig: which SYN was answered is unknown; again: reported by another interface before",
        _flags,
    ),
)


def fit_events(total: int) -> list[tuple[EventColumn, int]]:
    """The columns that have room in `total` characters, and their widths.

    Chosen by rank, so in the order of what matters; what is left over widens those that can grow, all alike.
    """
    room = total + GAP
    widths: dict[str, int] = {}
    by_rank = sorted(EVENT_COLUMNS, key=lambda each: each.rank)
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
    return [(each, widths[each.id]) for each in EVENT_COLUMNS if each.id in widths]


def event_line(handshake: Handshake, columns: list[tuple[EventColumn, int]], writing: Writing) -> Line:
    """A row. What failed stands out by its outcome."""
    role = Role.FAILURE if handshake.outcome != Outcome.ESTABLISHED else Role.TEXT
    line: Line = []
    run = ""
    for column, width in columns:
        text = column.cell(handshake, width, writing)
        if column.id == "outcome" and role is not Role.TEXT:
            line += [(run, Role.TEXT), (text, role)]
            run = " " * GAP
        else:
            run += text + " " * GAP
    return [*line, (run, Role.TEXT)]


def rest_text(handshake: Handshake, columns: list[tuple[EventColumn, int]], writing: Writing) -> str:
    """The fields that it has and `columns` leave out or cut: "local 192.0.2.1:38450  unit cron.service"."""
    whole = {column.id for column, width in columns if len(column.text(handshake, writing)) <= width}
    rest = ((each.title, each.text(handshake, writing)) for each in EVENT_COLUMNS if each.id not in whole)
    return "  ".join(f"{title} {text}" for title, text in rest if text not in ("", NONE))
