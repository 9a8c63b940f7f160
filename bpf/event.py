"""The records' layouts in the ring, and their decoding into immutable values. No bcc here.

The layouts are `struct event` and `struct flow` of handshake.bpf.c; both sides assert their size, which is one.
"""

from __future__ import annotations

import enum
import ipaddress
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress
from operator import attrgetter
from typing import NamedTuple, overload


class Direction(enum.IntEnum):
    """Who sent the SYN, seen from the interface: us (outbound) or the remote host (inbound)."""

    OUTBOUND = 0
    INBOUND = 1


class Outcome(enum.IntEnum):
    """How a handshake ended."""

    ESTABLISHED = 0
    REFUSED = 1
    """A RST that acknowledges the SYN."""
    UNREACHABLE = 2
    """An ICMP or ICMPv6 error that quotes the SYN."""
    UNANSWERED = 3
    """Nothing within the timeout."""


class Handshake(NamedTuple):
    """One finished handshake, in the order of the C struct.

    A NamedTuple, not a dataclass: `_make` over `iter_unpack` builds one in 0.3 us, a frozen dataclass takes 3.
    All times are nanoseconds; a duration of 0 means "there is no such figure", never "zero".
    """

    time_ns: int
    """When it ended, CLOCK_MONOTONIC (what bpf_ktime_get_ns and time.monotonic_ns read)."""
    latency_ns: int
    """Outbound: SYN-ACK in - the SYN it answers out. Inbound: the ACK in - the SYN-ACK out. 0: none, or ambiguous."""
    connect_ns: int
    """Outbound: SYN-ACK in - first SYN out. 0 inbound."""
    answer_ns: int
    """Inbound: first SYN-ACK out - first SYN in. 0 outbound."""
    remote: bytes
    """16 bytes, network order; IPv4 as ::ffff:a.b.c.d."""
    local: bytes
    process: bytes
    """Command name of the process that called connect(), NUL-padded to 16; all NUL: unknown."""
    identity: int
    """The two initial sequence numbers: the same wherever the handshake passes, also behind address translation."""
    cgroup: int
    """Id of the process's cgroup; 0: unknown."""
    ifindex: int
    pid: int
    """Process that called connect(); 0: unknown."""
    remote_port: int
    local_port: int
    retransmits: int
    """Retransmitted SYNs (outbound) or SYN-ACKs (inbound)."""
    outcome: int
    direction: int
    ambiguous: int
    """1: which of several SYNs (SYN-ACKs) was answered is not known."""
    repeated: int
    """1: the same handshake was reported before by another interface watched. The kernel always says 0."""


class Flow(NamedTuple):
    """What TCP itself knows of an open connection at a moment: one sample, at most one an interval.

    The figures are of our side: its round trips, its retransmissions, what it sent. 0: TCP has no such figure (yet).
    """

    time_ns: int
    """When it was taken, CLOCK_MONOTONIC."""
    srtt_ns: int
    """Smoothed round-trip time (RFC 6298), as `ss -i` has it; to the microsecond."""
    min_rtt_ns: int
    """The least round-trip time of the last minutes (net.ipv4.tcp_min_rtt_wlen)."""
    delivery_rate_bps: int
    """How quickly the far side last received data, in bits a second, headers left out; to the thousand."""
    bytes_acked: int
    """Since it was opened, ours that the far side has acknowledged; our SYN counts as one."""
    bytes_received: int
    segments: int
    """Segments with data that we sent, retransmissions included."""
    retransmits: int
    """Segments that we sent again."""
    remote: bytes
    """16 bytes, network order, as they are in packets at the interface; IPv4 as ::ffff:a.b.c.d."""
    local: bytes
    process: bytes
    """Command name of the process that called connect(), NUL-padded to 15; all NUL: unknown, or they opened it."""
    cookie: int
    """The socket's number, the same in all samples of a connection, and never used again."""
    cgroup: int
    """Id of the cgroup of the process, or else of the socket; 0: unknown."""
    ifindex: int
    pid: int
    """Process that called connect(); 0: unknown."""
    remote_port: int
    local_port: int
    direction: int | None
    """Who opened it; None: that was before we looked."""
    is_closing: bool
    """The last sample: our FIN or RST leaves, or their RST has come. A connection may end without (a timeout)."""
    opened_ns: int = 0
    """When it was opened, on the clock of `time_ns`, up to 67 ms less: when our SYN left, or our SYN-ACK to
    theirs. 0: not seen."""
    cwnd: int = 0
    """Congestion window, in segments."""
    is_forwarded: bool = False
    """No connection of ours: an estimate from what passes by, of `remote`'s round trips; the other figures are 0."""


_LAYOUT = "QQQQ16s16s16sQQIIHHHBBBB14x"
RECORD = struct.Struct("=" + _LAYOUT)
"""One record as it lies in the ring."""

CODES = dict(zip(Handshake._fields, re.findall(r"\d*[^x\d]", _LAYOUT), strict=True))
"""Of each field of a handshake, what struct calls it."""
_ENDS = accumulate((struct.calcsize("=" + code) for code in CODES.values()), initial=0)
OFFSETS = dict(zip(Handshake._fields, _ENDS, strict=False))
"""Where in a record each field of a handshake begins."""

_FLOW_RECORD = struct.Struct("=QQQQ16s16s15sBQIIIIIIIHHII")
assert _FLOW_RECORD.size == RECORD.size
_KIND_OFFSET = 79
"""The last byte of a handshake's process name, which is NUL."""
_IS_CLOSING, _IS_FORWARDED, _DIRECTION = 0x04, 0x08, 0x03
_TICK_SHIFT = 26
_DIRECTIONS = (Direction.OUTBOUND, Direction.INBOUND, None, None)

_MAPPED = bytes(10) + b"\xff\xff"


class Records(Sequence[Handshake]):
    """Handshakes as they lie in the ring; each is decoded when it is asked for, 0.6 us. Never changes."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes = b"") -> None:
        """Of whole records of `RECORD.size` bytes."""
        self.raw = raw

    @classmethod
    def of(cls, handshakes: Iterable[Handshake]) -> Records:
        """Encode handshakes; raises struct.error for what no kernel says."""
        return cls(b"".join(RECORD.pack(*each) for each in handshakes))

    def column(self, name: str, byte: int = 0) -> bytes:
        """One byte of a field, of every handshake."""
        return self.raw[OFFSETS[name] + byte :: RECORD.size]

    def chosen(self, wanted: Iterable[object]) -> Records:
        """Those for which something true is given."""
        starts = range(0, len(self.raw), RECORD.size)
        return Records(b"".join(self.raw[at : at + RECORD.size] for at in compress(starts, wanted)))

    def marked(self, name: str, marks: Iterable[bool]) -> Records:
        """The same with a field of one byte, in all of them, that says so."""
        raw = bytearray(self.raw)
        raw[OFFSETS[name] :: RECORD.size] = bytes(marks)
        return Records(bytes(raw))

    @overload
    def __getitem__(self, place: int) -> Handshake: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Handshake]: ...
    def __getitem__(self, place: int | slice) -> Handshake | Sequence[Handshake]:
        if isinstance(place, int):
            at = range(len(self))[place] * RECORD.size
            return Handshake._make(RECORD.unpack_from(self.raw, at))
        start, stop, step = place.indices(len(self))
        if step == 1:
            return Records(self.raw[start * RECORD.size : stop * RECORD.size])
        return [self[each] for each in range(start, stop, step)]

    def __iter__(self) -> Iterator[Handshake]:
        return map(Handshake._make, RECORD.iter_unpack(self.raw))

    def __len__(self) -> int:
        return len(self.raw) // RECORD.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Records.of({list(self)})"


def values_of(handshakes: Sequence[Handshake], name: str) -> list[int]:
    """One field that is a number, of every handshake: of records 0.03 us each."""
    if not isinstance(handshakes, Records):
        return list(map(attrgetter(name), handshakes))
    code = CODES[name]
    width = struct.calcsize("=" + code)
    words = memoryview(handshakes.raw).cast(code)
    values: list[int] = words[OFFSETS[name] // width :: RECORD.size // width].tolist()
    return values


def joined(parts: Sequence[Sequence[Handshake]]) -> Sequence[Handshake]:
    """All of them, one after the other: records if all are."""
    records = [part for part in parts if isinstance(part, Records)]
    if len(records) == len(parts):
        return Records(b"".join(part.raw for part in records))
    return [each for part in parts for each in part]


def decode(raw: bytes) -> tuple[Records, list[Flow]]:
    """Take apart whole ring records (`RECORD.size` bytes each): handshakes and samples, each in order."""
    kinds = raw[_KIND_OFFSET :: RECORD.size]
    if kinds.count(0) == len(kinds):
        return Records(raw), []
    flows = [
        _flow(*_FLOW_RECORD.unpack_from(raw, number * RECORD.size))
        for number, kind in enumerate(kinds)
        if kind
    ]
    return Records(raw).chosen(not kind for kind in kinds), flows


def _flow(
    time_ns: int,
    bytes_acked: int,
    bytes_received: int,
    cookie: int,
    remote: bytes,
    local: bytes,
    process: bytes,
    kind: int,
    cgroup: int,
    ifindex: int,
    pid: int,
    srtt_us: int,
    min_rtt_us: int,
    segments: int,
    retransmits: int,
    delivery_rate_kbps: int,
    remote_port: int,
    local_port: int,
    opened: int,
    cwnd: int,
) -> Flow:
    """Make a sample of what lies in the ring, in the order of the C struct."""
    return Flow(
        time_ns,
        srtt_us * 1000,
        min_rtt_us * 1000,
        delivery_rate_kbps * 1000,
        bytes_acked,
        bytes_received,
        segments,
        retransmits,
        remote,
        local,
        process,
        cookie,
        cgroup,
        ifindex,
        pid,
        remote_port,
        local_port,
        _DIRECTIONS[kind & _DIRECTION],
        bool(kind & _IS_CLOSING),
        opened << _TICK_SHIFT,
        cwnd,
        bool(kind & _IS_FORWARDED),
    )


def address_text(address: bytes) -> str:
    """Write 16 address bytes the usual way: dotted IPv4 for ::ffff:0:0/96, else RFC 5952 IPv6."""
    if address.startswith(_MAPPED):
        return "%d.%d.%d.%d" % tuple(address[12:])
    return str(ipaddress.IPv6Address(address))


def address_bytes(text: str) -> bytes:
    """Inverse of `address_text`; raises ValueError."""
    parsed = ipaddress.ip_address(text)
    return _MAPPED + parsed.packed if parsed.version == 4 else parsed.packed


def printable(text: str) -> str:
    """Put `?` for control characters and the like, so that a terminal shows text and does nothing else."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)
