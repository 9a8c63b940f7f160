"""Reads of a packet what a handshake needs: the same looks as in handshake.bpf.c, function for function.

Pure functions over bytes, for any thread; reasons are given there. A packet is read from where its network header
begins and what kind that is (`ethernet` and `bare_ip` tell it; other link layers may say it themselves). Whatever a
capture cut off is missing here as it is from a short packet there.
"""

from __future__ import annotations

import struct
from typing import Literal, NamedTuple

SYN, RST, ACK = 0x02, 0x04, 0x10
IPV4, IPV6 = IP = 0x0800, 0x86DD
TCP = 6
SHORTEST_BYTES = 14
"""Shorter ones are not looked at, nor counted."""
AWAITED_SLOTS = 65536

_VLAN_TAGS = (0x8100, 0x88A8)
_PPPOE = 0x8864
_PPP_IP = {0x0021: IPV4, 0x0057: IPV6}
_WRAPPED = (*_VLAN_TAGS, _PPPOE)
_MAX_VLAN_TAGS = 2
_VLAN_TAG_BYTES, _PPPOE_BYTES, _PPPOE_PROTOCOL_OFFSET = 4, 8, 6

_ICMP, _UDP, _ICMPV6 = 1, 17, 58
_HOP_BY_HOP, _FRAGMENT = 0, 44
_EXTENSIONS = (_HOP_BY_HOP, 43, 60, _FRAGMENT)
_MAX_EXTENSIONS = 8
_IPV4_BYTES, _IPV6_BYTES, _TCP_BYTES, _ICMP_BYTES, _PORTS_AND_SEQ_BYTES = 20, 40, 20, 8, 8
_MAX_OPTIONS = 16
_OPTION_END, _OPTION_NOP, _OPTION_TIMESTAMPS, _TIMESTAMPS_BYTES = 0, 1, 8, 10
_FRAGMENTATION_NEEDED = 4
_ERRORS, _ERRORS_V6 = (3, 11, 12), (1, 3, 4)

_ipv4_header = struct.Struct("!BxHxxHxBxx4s4s").unpack_from
_ipv6_header = struct.Struct("!BxxxHBx16s16s").unpack_from
_tcp_header = struct.Struct("!HHIIBB").unpack_from
_ports_and_seq = struct.Struct("!HHI").unpack_from
_halves = struct.Struct("!HH").unpack_from
_short = struct.Struct("!H").unpack_from
_stamp_pair = struct.Struct("!II").unpack_from
_MAPPED = bytes(10) + b"\xff\xff"

Unreadable = Literal["truncated", "malformed", "fragments", "too_deep"]
"""What a packet turned out to be unreadable for: the name of its counter."""
Stamps = tuple[int, int]
"""The timestamps option of a segment (RFC 7323): value, echo."""


class Datagram(NamedTuple):
    """What the full look finds of an IP packet. Addresses have 16 bytes."""

    source: bytes
    destination: bytes
    payload_offset: int
    payload_bytes: int
    protocol: int


class Segment(NamedTuple):
    """What the full look finds of a TCP header."""

    source_port: int
    destination_port: int
    seq: int
    ack: int
    flags: int
    data_bytes: int
    stamps: Stamps | None


class Quote(NamedTuple):
    """The packet that an ICMP error quotes."""

    source: bytes
    destination: bytes
    source_port: int
    destination_port: int
    seq: int


def ethernet(data: bytes) -> tuple[int, int]:
    """Where the packet in an Ethernet frame begins: its EtherType, its offset."""
    return (data[12] << 8 | data[13], 14) if len(data) >= SHORTEST_BYTES else (0, 0)


def bare_ip(data: bytes) -> tuple[int, int]:
    """The same of a packet without a link header."""
    return (IPV6 if data and data[0] >> 4 == 6 else IPV4), 0


def slot_of(ack: int) -> int:
    """Which of the slots of awaited acknowledgements a number has."""
    return (ack ^ ack >> 16) & 0xFFFF


def quick_look(data: bytes, ethertype: int, offset: int, is_ingress: bool | None, awaited: bytearray) -> bool:
    """False for what certainly has nothing to do with a handshake. `is_ingress` None: not known."""
    if ethertype == IPV4:
        tcp = offset + _IPV4_BYTES
        if tcp > len(data):
            return True
        protocol = data[offset + 9]
        if protocol != TCP:
            return protocol == _ICMP
        if data[offset] != 0x45:
            return True
    elif ethertype == IPV6:
        tcp = offset + _IPV6_BYTES
        if tcp > len(data):
            return True
        protocol = data[offset + 6]
        if protocol != TCP:
            return protocol != _UDP
    else:
        return ethertype in _WRAPPED
    return tcp + _TCP_BYTES > len(data) or _may_matter(data, tcp, is_ingress, awaited)


def _may_matter(data: bytes, tcp: int, is_ingress: bool | None, awaited: bytearray) -> bool:
    flags = data[tcp + 13]
    if flags & SYN or (flags & RST and is_ingress is not False):
        return True
    if flags & RST:
        high, low = _halves(data, tcp + 4)
        return not high | low or bool(awaited[high ^ low])  # It refuses a SYN, or takes our SYN-ACK back.
    if is_ingress is False or not flags & ACK:
        return False
    high, low = _halves(data, tcp + 8)
    return bool(awaited[high ^ low])  # The slot of the number.


def unwrap(data: bytes, ethertype: int, offset: int) -> tuple[int, int] | Unreadable:
    """Skip VLAN tags, then PPPoE; the kind left may be none of `IP`."""
    for _ in range(_MAX_VLAN_TAGS):
        if ethertype not in _VLAN_TAGS:
            break
        if offset + _VLAN_TAG_BYTES > len(data):
            return "truncated"
        (ethertype,) = _short(data, offset + 2)
        offset += _VLAN_TAG_BYTES
    if ethertype == _PPPOE:
        if offset + _PPPOE_BYTES > len(data):
            return "truncated"
        ethertype = _PPP_IP.get(_short(data, offset + _PPPOE_PROTOCOL_OFFSET)[0], 0)
        offset += _PPPOE_BYTES
    return ethertype, offset


def read_ip(data: bytes, ethertype: int, offset: int) -> Datagram | Unreadable:
    """Read the headers of IPv4 or IPv6."""
    return _read_ipv4(data, offset) if ethertype == IPV4 else _read_ipv6(data, offset)


def _read_ipv4(data: bytes, offset: int) -> Datagram | Unreadable:
    if offset + _IPV4_BYTES > len(data):
        return "truncated"
    first, total_bytes, fragment, protocol, source, destination = _ipv4_header(data, offset)
    header_bytes = (first & 0x0F) * 4
    if first >> 4 != 4 or header_bytes < _IPV4_BYTES or total_bytes < header_bytes:
        return "malformed"
    if fragment & 0x1FFF:
        return "fragments"
    return Datagram(
        _MAPPED + source, _MAPPED + destination, offset + header_bytes, total_bytes - header_bytes, protocol
    )


def _read_ipv6(data: bytes, offset: int) -> Datagram | Unreadable:
    at = offset + _IPV6_BYTES
    if at > len(data):
        return "truncated"
    first, payload_bytes, protocol, source, destination = _ipv6_header(data, offset)
    if first >> 4 != 6:
        return "malformed"
    end = len(data) if not payload_bytes and protocol == _HOP_BY_HOP else at + payload_bytes
    for _ in range(_MAX_EXTENSIONS):
        if protocol not in _EXTENSIONS:
            break
        if at + 8 > len(data):
            return "truncated"
        is_fragment = protocol == _FRAGMENT
        if is_fragment and _short(data, at + 2)[0] & 0xFFF8:
            return "fragments"
        protocol, at = data[at], at + (8 if is_fragment else (data[at + 1] + 1) * 8)
    if protocol in _EXTENSIONS:
        return "too_deep"
    if at > end:
        return "malformed"
    return Datagram(source, destination, at, end - at, protocol)


def read_tcp(
    data: bytes, ip: Datagram, is_ingress: bool | None, awaited: bytearray
) -> Segment | Unreadable | None:
    """Read the TCP header; None: nothing to do with a handshake. `is_ingress` None: not known."""
    at = ip.payload_offset
    if at + _TCP_BYTES > len(data):
        return "truncated"
    source_port, destination_port, seq, ack, data_offset, flags = _tcp_header(data, at)
    header_bytes = (data_offset >> 4) * 4
    if header_bytes < _TCP_BYTES or header_bytes > ip.payload_bytes:
        return "malformed"
    if not _may_matter(data, at, is_ingress, awaited):
        return None
    stamps = _read_stamps(data, at + _TCP_BYTES, at + header_bytes)
    return Segment(source_port, destination_port, seq, ack, flags, ip.payload_bytes - header_bytes, stamps)


def _read_stamps(data: bytes, at: int, end: int) -> Stamps | None:
    present = min(end, len(data))
    for _ in range(_MAX_OPTIONS):
        if at + 2 > present:
            return None
        kind = data[at]
        if kind == _OPTION_NOP:
            at += 1
            continue
        size = data[at + 1]
        if kind == _OPTION_END or size < 2 or at + size > end:
            return None
        if kind == _OPTION_TIMESTAMPS and size == _TIMESTAMPS_BYTES:
            if at + size > present:
                return None
            value, echo = _stamp_pair(data, at + 2)
            return value, echo
        at += size
    return None


def read_quote(data: bytes, ethertype: int, outer: Datagram) -> Quote | None:
    """Read what an ICMP error quotes; None: no such error, or none of TCP."""
    at = outer.payload_offset
    if outer.protocol != (_ICMP if ethertype == IPV4 else _ICMPV6) or at + _ICMP_BYTES > len(data):
        return None
    if not _is_error(ethertype, data[at], data[at + 1]):
        return None
    quoted = read_ip(data, ethertype, at + _ICMP_BYTES)
    if isinstance(quoted, str) or quoted.protocol != TCP:
        return None
    if quoted.payload_offset + _PORTS_AND_SEQ_BYTES > len(data):
        return None
    return Quote(quoted.source, quoted.destination, *_ports_and_seq(data, quoted.payload_offset))


def _is_error(ethertype: int, kind: int, code: int) -> bool:
    if ethertype == IPV4:
        return kind in _ERRORS and (kind, code) != (_ERRORS[0], _FRAGMENTATION_NEEDED)
    return kind in _ERRORS_V6
