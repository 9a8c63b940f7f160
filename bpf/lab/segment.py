"""Reads TCP segments the kernel sent, and writes the remote host's in return: the responder's fast path."""

from __future__ import annotations

import struct
import time
from typing import NamedTuple

from .packets import ETHERTYPE_QINQ, ETHERTYPE_VLAN, PROTOCOL_TCP, checksum

ETHERNET_BYTES = 14

_TCP = struct.Struct("!HHIIBB")
_TCP_FULL = struct.Struct("!HHIIBBHHH")
_IPV4 = struct.Struct("!BBHHHBBH4s4s")
_IPV6 = struct.Struct("!IHBB16s16s")
_PSEUDO = struct.Struct("!II")
_TIMESTAMPS = struct.Struct("!BBBBII")
_WINDOW = 65_535
_TAGS = (ETHERTYPE_VLAN.to_bytes(2, "big"), ETHERTYPE_QINQ.to_bytes(2, "big"))
_DONT_FRAGMENT = 0x4000


class Segment(NamedTuple):
    """A TCP segment the kernel sent. A NamedTuple: a frozen dataclass takes five times as long to make."""

    link: bytes
    """The link header of an answer: addresses swapped, VLAN tags kept; empty on a TUN device."""
    packet: bytes
    """From the IP header on."""
    remote: bytes
    local: bytes
    remote_port: int
    local_port: int
    seq: int
    ack: int
    flags: int
    options: bytes
    payload_bytes: int


def parse(frame: bytes, is_ethernet: bool) -> Segment | None:
    """Return the TCP segment in a frame (packet); None when it carries anything else, or a fragment."""
    link = _answering_link(frame) if is_ethernet else b""
    packet = frame[len(link) :]
    if len(packet) < 40:
        return None
    version = packet[0] >> 4
    if version == 4 and packet[9] == PROTOCOL_TCP and not (packet[6] & 0x3F or packet[7]):
        start, end = (packet[0] & 15) * 4, packet[2] << 8 | packet[3]
        local, remote = packet[12:16], packet[16:20]
    elif version == 6 and packet[6] == PROTOCOL_TCP and len(packet) >= 60:
        start, end = 40, 40 + (packet[4] << 8 | packet[5])
        local, remote = packet[8:24], packet[24:40]
    else:
        return None
    local_port, remote_port, seq, ack, offset, flags = _TCP.unpack_from(packet, start)
    data = start + (offset >> 4) * 4
    options = packet[start + 20 : data]
    return Segment(link, packet, remote, local, remote_port, local_port, seq, ack, flags, options, end - data)


def timestamp(options: bytes) -> int | None:
    """Return the value in the TCP timestamps option; None when there is none."""
    at = 0
    while at < len(options):
        kind = options[at]
        if kind == 0:
            return None
        if kind == 1:
            at += 1
            continue
        if kind == 8:
            return int.from_bytes(options[at + 2 : at + 6], "big")
        at += options[at + 1]
    return None


def timestamps_option(echo: int, after_s: float = 0.0) -> bytes:
    """Return the padded timestamps option a remote host sends then; its clock ticks in milliseconds."""
    value = time.monotonic_ns() // 1_000_000 + int(after_s * 1e3)
    return _TIMESTAMPS.pack(1, 1, 8, 10, value & 0xFFFFFFFF, echo)


def from_remote(
    link: bytes,
    remote: tuple[bytes, int],
    local: tuple[bytes, int],
    flags: int,
    seq: int,
    ack: int,
    options: bytes = b"",
) -> bytes:
    """Return the frame that brings a segment from a remote endpoint to a local one; options are padded."""
    (source, source_port), (destination, destination_port) = remote, local
    size = 20 + len(options)
    head = (source_port, destination_port, seq, ack, size << 2, flags, _WINDOW)
    pseudo = source + destination + _PSEUDO.pack(size, PROTOCOL_TCP)
    total = checksum(pseudo + _TCP_FULL.pack(*head, 0, 0) + options)
    if len(source) == 4:
        ip = (0x45, 0, 20 + size, 0, _DONT_FRAGMENT, 64, PROTOCOL_TCP)
        ip_total = checksum(_IPV4.pack(*ip, 0, source, destination))
        header = _IPV4.pack(*ip, ip_total, source, destination)
    else:
        header = _IPV6.pack(6 << 28, size, PROTOCOL_TCP, 64, source, destination)
    return link + header + _TCP_FULL.pack(*head, total, 0) + options


def reply(segment: Segment, flags: int, seq: int, ack: int, options: bytes = b"") -> bytes:
    """Return the frame that answers `segment`."""
    remote, local = (segment.remote, segment.remote_port), (segment.local, segment.local_port)
    return from_remote(segment.link, remote, local, flags, seq, ack, options)


def _answering_link(frame: bytes) -> bytes:
    """Return the Ethernet header of an answer, VLAN tags included."""
    end = ETHERNET_BYTES
    while frame[end - 2 : end] in _TAGS and len(frame) >= end + 4:
        end += 4
    return frame[6:12] + frame[:6] + frame[12:end]
