"""The fields of a handshake as text: one list for the columns of the events, their help and the line of the rest."""

from __future__ import annotations

from collections.abc import Callable

from bpf.event import Direction, Handshake, Outcome, printable
from tui.core.fields import Field, Fitted, Writing, endpoint_text, fit_fields, line_of, process_text, rest_of
from tui.core.format import DURATION_WIDTH, count_text, duration_text
from tui.core.runs import Line

_DAY_MS = 86_400_000
_OUTCOMES = tuple(outcome.name.lower() for outcome in Outcome)


def clock_text(wall_ns: int) -> str:
    """The time of day, UTC, to the millisecond: "12:00:00.123"."""
    ms = wall_ns // 1_000_000 % _DAY_MS
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def _direction(handshake: Handshake, writing: Writing) -> str:
    arrows = "><" if writing.glyphs.ellipsis.isascii() else "→←"
    return arrows[handshake.direction] + (" out" if handshake.direction == Direction.OUTBOUND else " in")


def _flags(handshake: Handshake, writing: Writing) -> str:
    del writing
    flags = (("ambig", handshake.ambiguous), ("again", handshake.repeated))
    return " ".join(text for text, is_set in flags if is_set)


def _duration(id_: str, rank: int, help_: str, value: Callable[[Handshake], int]) -> Field[Handshake]:
    return Field(
        id=id_,
        title=id_,
        width=max(DURATION_WIDTH, len(id_)),
        rank=rank,
        align="right",
        help=help_,
        text=lambda handshake, writing: duration_text(value(handshake) or None, writing.glyphs),
    )


EVENT_COLUMNS: tuple[Field[Handshake], ...] = (
    Field(
        "time",
        "time UTC",
        12,
        0,
        "left",
        "when the handshake ended",
        lambda handshake, writing: clock_text(handshake.time_ns + writing.wall_offset_ns),
    ),
    Field(
        "dir", "dir", 5, 4, "left", "who opened the connection: out, this machine; in, the remote", _direction
    ),
    Field(
        "outcome",
        "outcome",
        11,
        3,
        "left",
        "how the handshake ended",
        lambda handshake, _: _OUTCOMES[handshake.outcome],
    ),
    Field(
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
    Field(
        "retx",
        "retx",
        4,
        6,
        "right",
        "SYNs, or SYN-ACKs, sent again",
        lambda handshake, _: count_text(handshake.retransmits) if handshake.retransmits else "",
    ),
    Field(
        "process",
        "process",
        14,
        5,
        "left",
        "who called connect(), and its process id",
        lambda handshake, _: process_text(handshake.process, handshake.pid),
        widest=24,
    ),
    Field(
        "unit",
        "unit",
        16,
        10,
        "left",
        "systemd unit or container of the process",
        lambda handshake, writing: printable(writing.names.unit_of(handshake.cgroup)),
        widest=32,
    ),
    Field(
        "local",
        "local",
        21,
        8,
        "left",
        "address and port of this side",
        lambda handshake, _: endpoint_text(handshake.local, handshake.local_port),
        widest=47,
    ),
    Field(
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
    Field(
        "flags",
        "flags",
        11,
        12,
        "left",
        "ambig: which SYN was answered is unknown; again: reported by another interface before",
        _flags,
    ),
)


def fit_events(total: int) -> Fitted[Handshake]:
    """The columns that have room in `total` characters, and their widths."""
    return fit_fields(EVENT_COLUMNS, total)


def event_line(handshake: Handshake, columns: Fitted[Handshake], writing: Writing) -> Line:
    """A row. What failed stands out by its outcome."""
    return line_of(handshake, columns, writing, "outcome" if handshake.outcome != Outcome.ESTABLISHED else "")


def rest_text(handshake: Handshake, columns: Fitted[Handshake], writing: Writing) -> str:
    """The fields that it has and `columns` leave out or cut."""
    return rest_of(handshake, EVENT_COLUMNS, columns, writing)
