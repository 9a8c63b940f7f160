"""The event's layout in the ring, and its decoding into immutable values. No bcc here.

The layout is `struct event` of handshake.bpf.c; both sides assert its size.
"""

from __future__ import annotations

import enum
import ipaddress
import struct
from typing import NamedTuple


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


_LAYOUT = "QQQQ16s16s16sQQIIHHHBBBB6x"
EVENT_BYTES = struct.calcsize("=" + _LAYOUT)
RECORD = struct.Struct("=8x" + _LAYOUT)
"""One record as it lies in the ring: the kernel's 8-byte header (BPF_RINGBUF_HDR_SZ), then the event."""

_MAPPED = bytes(10) + b"\xff\xff"


def decode(records: bytes) -> list[Handshake]:
    """Decode whole ring records (`RECORD.size` bytes each), in order."""
    return list(map(Handshake._make, RECORD.iter_unpack(records)))


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
