"""Builds packets byte by byte: Ethernet, VLAN, IPv4, IPv6, TCP and ICMP, with right checksums.

Pure functions and values, for any thread. Addresses are text, ports and sequence numbers plain integers. A
malformed packet is a well-formed one sliced or patched by the caller.

    ethernet(ipv4("198.18.0.1", "192.0.2.1", Tcp(443, 40000, SYN, options=mss(1460))), vlans=(Vlan(100),))
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))

PROTOCOL_ICMP, PROTOCOL_TCP, PROTOCOL_ICMPV6 = 1, 6, 58
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS = 0, 43, 44, 51, 60

ETHERTYPE_IPV4, ETHERTYPE_VLAN, ETHERTYPE_IPV6, ETHERTYPE_QINQ = 0x0800, 0x8100, 0x86DD, 0x88A8

NOP = b"\x01"
SACK_PERMITTED = b"\x04\x02"

OUR_MAC = bytes.fromhex("020000000001")
"""What the lab gives its Ethernet device."""
GATEWAY_MAC = bytes.fromhex("020000000002")
"""Every remote host lies behind this one."""


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of `data`, whose own checksum field must be zero."""
    if len(data) % 2:
        data += b"\0"
    # 2**16 leaves 1 modulo 0xffff, so the number itself has the remainder of the sum of its 16-bit words.
    return 0xFFFF - int.from_bytes(data, "big") % 0xFFFF


def packed(address: str) -> bytes:
    """Return the 4 or 16 bytes of an address; raises OSError."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def mss(segment_bytes: int) -> bytes:
    """TCP option: maximum segment size."""
    return struct.pack("!BBH", 2, 4, segment_bytes)


def window_scale(shift: int) -> bytes:
    """TCP option: window scale."""
    return struct.pack("!BBB", 3, 3, shift)


def timestamps(value: int, echo: int = 0) -> bytes:
    """TCP option: timestamps (RFC 7323), unpadded."""
    return struct.pack("!BBII", 8, 10, value, echo)


class Carried(Protocol):
    """What an IP header can carry."""

    def protocol(self, version: int) -> int:
        """Return the protocol number under IP `version` (4 or 6)."""

    def packed(self, source: bytes, destination: bytes) -> bytes:
        """Return the bytes, checksummed for these packed addresses."""


@dataclass(frozen=True, slots=True)
class Tcp:
    """A TCP segment. Options are padded to 32 bits with End-of-Option-List."""

    source_port: int
    destination_port: int
    flags: int
    seq: int = 0
    ack: int = 0
    window: int = 65_535
    options: bytes = b""
    payload: bytes = b""
    data_offset_words: int | None = None
    """None: the right one. Anything else is written as it is, to make a header that lies."""

    def protocol(self, version: int) -> int:
        """Return 6, under either IP."""
        return PROTOCOL_TCP

    def packed(self, source: bytes, destination: bytes) -> bytes:
        """Return header, options and payload."""
        options = self.options + bytes(-len(self.options) % 4)
        words = 5 + len(options) // 4 if self.data_offset_words is None else self.data_offset_words
        ports = (self.source_port, self.destination_port)
        head = struct.pack(
            "!HHIIBBHHH", *ports, self.seq, self.ack, words << 4, self.flags, self.window, 0, 0
        )
        return _checksummed(head + options + self.payload, 16, source, destination, PROTOCOL_TCP)


@dataclass(frozen=True, slots=True)
class Icmp:
    """An ICMP error (or ICMPv6, when IPv6 carries it) that quotes a packet."""

    kind: int
    code: int
    quoted: bytes = b""
    rest: int = 0
    """The header's second word: zero, next-hop MTU, ..."""

    def protocol(self, version: int) -> int:
        """Return 1 under IPv4, 58 under IPv6."""
        return PROTOCOL_ICMP if version == 4 else PROTOCOL_ICMPV6

    def packed(self, source: bytes, destination: bytes) -> bytes:
        """Return header and quote; only ICMPv6 sums a pseudo-header."""
        plain = struct.pack("!BBHI", self.kind, self.code, 0, self.rest) + self.quoted
        if len(source) == 4:
            return plain[:2] + struct.pack("!H", checksum(plain)) + plain[4:]
        return _checksummed(plain, 2, source, destination, PROTOCOL_ICMPV6)


@dataclass(frozen=True, slots=True)
class Raw:
    """Any other protocol's bytes, as they are (a later fragment, UDP, ...)."""

    number: int
    data: bytes = b""

    def protocol(self, version: int) -> int:
        """Return the number given."""
        return self.number

    def packed(self, source: bytes, destination: bytes) -> bytes:
        """Return the bytes given."""
        return self.data


@dataclass(frozen=True, slots=True)
class Extension:
    """An IPv6 extension header: its number, and what follows its next-header and length bytes."""

    kind: int
    body: bytes = bytes(6)

    def packed(self, next_header: int) -> bytes:
        """Return the header, padded to what its length byte can express."""
        if self.kind == FRAGMENT:
            return bytes((next_header, 0)) + self.body
        body = self.body + bytes(-(len(self.body) + 2) % 8)
        size = len(body) + 2
        # RFC 4302: the authentication header alone counts 32-bit words, minus two.
        length = size // 4 - 2 if self.kind == AUTHENTICATION else size // 8 - 1
        return bytes((next_header, length)) + body


def options_extension(kind: int, units: int = 1) -> Extension:
    """Return a hop-by-hop or destination options header of `units` times 8 bytes."""
    # One option for experiments (RFC 4727) that is skipped when unknown: Linux drops more than 7 bytes of padding.
    fill = units * 8 - 4
    return Extension(kind, bytes((0x1E, fill)) + bytes(fill))


def fragment_extension(offset_bytes: int, more: bool, identification: int = 1) -> Extension:
    """Return a fragment header; `offset_bytes` is a multiple of 8."""
    return Extension(FRAGMENT, struct.pack("!HI", offset_bytes | more, identification))


def ipv4(
    source: str,
    destination: str,
    carried: Carried,
    *,
    options: bytes = b"",
    ttl: int = 64,
    identification: int = 0,
    fragment_offset_bytes: int = 0,
    more_fragments: bool = False,
) -> bytes:
    """Return an IPv4 packet. Options are padded to 32 bits; the fragment offset is a multiple of 8."""
    options += bytes(-len(options) % 4)
    body = carried.packed(packed(source), packed(destination))
    words = 5 + len(options) // 4
    fragment = more_fragments << 13 | fragment_offset_bytes // 8
    before = struct.pack(
        "!BBHHHBB", 0x40 | words, 0, words * 4 + len(body), identification, fragment, ttl, carried.protocol(4)
    )
    after = packed(source) + packed(destination) + options
    return before + struct.pack("!H", checksum(before + b"\0\0" + after)) + after + body


def ipv6(
    source: str,
    destination: str,
    carried: Carried,
    *,
    extensions: Sequence[Extension] = (),
    hop_limit: int = 64,
) -> bytes:
    """Return an IPv6 packet; extension headers come in the order given."""
    body = carried.packed(packed(source), packed(destination))
    number = carried.protocol(6)
    for extension in reversed(extensions):
        body = extension.packed(number) + body
        number = extension.kind
    head = struct.pack("!IHBB", 6 << 28, len(body), number, hop_limit)
    return head + packed(source) + packed(destination) + body


def ip(source: str, destination: str, carried: Carried) -> bytes:
    """Return a plain packet of whichever IP the addresses are of."""
    return (ipv6 if ":" in source else ipv4)(source, destination, carried)


@dataclass(frozen=True, slots=True)
class Vlan:
    """One 802.1Q tag (or, with ETHERTYPE_QINQ, an 802.1ad service tag)."""

    number: int
    ethertype: int = ETHERTYPE_VLAN
    priority: int = 0


def ethernet(
    packet: bytes,
    *,
    vlans: Sequence[Vlan] = (),
    source: bytes = GATEWAY_MAC,
    destination: bytes = OUR_MAC,
    ethertype: int | None = None,
) -> bytes:
    """Return a frame; by default one that arrives from the gateway. `vlans` are outermost first."""
    tags = b"".join(struct.pack("!HH", tag.ethertype, tag.priority << 13 | tag.number) for tag in vlans)
    if ethertype is None:
        ethertype = ETHERTYPE_IPV6 if packet[0] >> 4 == 6 else ETHERTYPE_IPV4
    return destination + source + tags + struct.pack("!H", ethertype) + packet


def _checksummed(plain: bytes, at: int, source: bytes, destination: bytes, protocol: int) -> bytes:
    """Fill in the checksum at offset `at`, over the pseudo-header and `plain`."""
    # The pseudo-headers of IPv6 (RFC 8200, 8.1) and IPv4 (RFC 9293) have the same sum.
    pseudo = source + destination + struct.pack("!II", len(plain), protocol)
    return plain[:at] + struct.pack("!H", checksum(pseudo + plain)) + plain[at + 2 :]
