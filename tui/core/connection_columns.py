"""The fields of an open connection as text: what `ss -ti` would say of it."""

from __future__ import annotations

from bpf.event import printable
from tui.core.connection import Connection, opener_of
from tui.core.fields import Field, Fitted, Writing, endpoint_text, fit_fields, line_of, process_text
from tui.core.format import (
    COUNT_WIDTH,
    DURATION_WIDTH,
    NONE,
    age_text,
    bytes_text,
    count_text,
    duration_text,
    factor_text,
)
from tui.core.grouping import direction_text
from tui.core.runs import Line


def _direction(connection: Connection, writing: Writing) -> str:
    del writing
    flow = connection.flow
    if flow.is_forwarded:
        return "fwd"
    return direction_text(opener_of(flow)) + ("?" if flow.direction is None else "")


def _age(connection: Connection, writing: Writing) -> str:
    opened_ns = connection.flow.opened_ns
    if opened_ns:
        return age_text(max(0, writing.now_ns - opened_ns))
    return ">" + age_text(max(0, writing.now_ns - connection.first_ns))


def _count(connection: Connection, count: int) -> str:
    return NONE if connection.flow.is_forwarded else count_text(count)


def _bytes(connection: Connection, count: float) -> str:
    return NONE if connection.flow.is_forwarded else bytes_text(count)


CONNECTION_COLUMNS: tuple[Field[Connection], ...] = (
    Field(
        "remote",
        "remote",
        21,
        0,
        "left",
        "address and port of the other side",
        lambda one, _: endpoint_text(one.flow.remote, one.flow.remote_port),
        widest=47,
    ),
    Field(
        "dir", "dir", 4, 8, "left", "who opened it: out, this machine; in, the remote; ? not seen", _direction
    ),
    Field("age", "age", 5, 4, "right", "since when it is open; > since before we looked", _age),
    Field(
        "srtt",
        "srtt",
        DURATION_WIDTH,
        1,
        "right",
        "smoothed round-trip time",
        lambda one, writing: duration_text(one.flow.srtt_ns or None, writing.glyphs),
    ),
    Field(
        "minrtt",
        "minrtt",
        DURATION_WIDTH,
        2,
        "right",
        "least round-trip time",
        lambda one, writing: duration_text(one.flow.min_rtt_ns or None, writing.glyphs),
    ),
    Field(
        "bloat",
        "bloat",
        6,
        3,
        "right",
        "srtt over min RTT; ! if a queue has been on its path for 10 s",
        lambda one, _: factor_text(one.bloat, is_marked=one.is_bloated),
    ),
    Field(
        "retx",
        "retx",
        COUNT_WIDTH,
        5,
        "right",
        "segments sent again since it was opened",
        lambda one, _: _count(one, one.flow.retransmits),
    ),
    Field(
        "segs",
        "segs",
        COUNT_WIDTH,
        7,
        "right",
        "segments with data sent since it was opened",
        lambda one, _: _count(one, one.flow.segments),
    ),
    Field(
        "rate",
        "rate/s",
        6,
        9,
        "right",
        "how quickly the far side last received data",
        lambda one, _: _bytes(one, one.flow.delivery_rate_bps / 8),
    ),
    Field(
        "sent",
        "sent",
        6,
        10,
        "right",
        "acknowledged since it was opened",
        lambda one, _: _bytes(one, one.flow.bytes_acked),
    ),
    Field(
        "received",
        "recv",
        6,
        11,
        "right",
        "received since it was opened",
        lambda one, _: _bytes(one, one.flow.bytes_received),
    ),
    Field(
        "cwnd",
        "cwnd",
        COUNT_WIDTH,
        12,
        "right",
        "congestion window, in segments",
        lambda one, _: _count(one, one.flow.cwnd),
    ),
    Field(
        "seen",
        "seen",
        4,
        6,
        "right",
        "how long ago it last sent, and was asked",
        lambda one, writing: age_text(max(0, writing.now_ns - one.flow.time_ns)),
    ),
    Field(
        "process",
        "process",
        14,
        13,
        "left",
        "who called connect(), and its process id",
        lambda one, _: process_text(one.flow.process, one.flow.pid),
        widest=24,
    ),
    Field(
        "local",
        "local",
        21,
        14,
        "left",
        "address and port of this side",
        lambda one, _: endpoint_text(one.flow.local, one.flow.local_port),
        widest=47,
    ),
    Field(
        "unit",
        "unit",
        16,
        15,
        "left",
        "systemd unit or container of the process",
        lambda one, writing: printable(writing.names.unit_of(one.flow.cgroup)),
        widest=32,
    ),
)


def fit_connections(total: int) -> Fitted[Connection]:
    """The columns that have room in `total` characters, and their widths."""
    return fit_fields(CONNECTION_COLUMNS, total)


def connection_line(connection: Connection, columns: Fitted[Connection], writing: Writing) -> Line:
    """A row. A queue that stays stands out."""
    return line_of(connection, columns, writing, "bloat" if connection.is_bloated else "")
