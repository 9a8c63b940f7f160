"""Writes captures byte by byte: pcap and pcapng, with every link layer. Times are Unix nanoseconds."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bpf.lab import packets

S = 1_000_000_000
MICROSECOND_MAGIC, NANOSECOND_MAGIC, MODIFIED_MAGIC = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34
ETHERNET, RAW, COOKED, COOKED_V2 = 1, 101, 113, 276
INBOUND, OUTBOUND = 1, 2
LOOPBACK_DEVICE = 772


class Passing(NamedTuple):
    """An IP packet that passed."""

    time_ns: int
    is_ingress: bool
    data: bytes


def pcap(
    frames: Iterable[tuple[int, bytes]],
    *,
    order: str = "<",
    magic: int = NANOSECOND_MAGIC,
    link_type: int = ETHERNET,
    version: int = 2,
) -> bytes:
    """A pcap of frames, each with its time."""
    unit_ns = 1 if magic == NANOSECOND_MAGIC else 1000
    more = bytes(8) if magic == MODIFIED_MAGIC else b""
    parts = [struct.pack(order + "IHHiIII", magic, version, 4, 0, 0, 262144, link_type)]
    for time_ns, frame in frames:
        stamp = (time_ns // S, time_ns % S // unit_ns)
        parts += [struct.pack(order + "IIII", *stamp, len(frame), len(frame)), more, frame]
    return b"".join(parts)


class Pcapng:
    """Builds one, block by block."""

    def __init__(self, order: str = "<") -> None:
        self.written = b""
        self.section(order)

    def section(self, order: str, version: int = 1) -> None:
        self._order = order
        self.block(0x0A0D0D0A, self._pack("IHHq", 0x1A2B3C4D, version, 0, -1))

    def block(self, kind: int, body: bytes) -> None:
        body += bytes(-len(body) % 4)
        total = self._pack("I", len(body) + 12)
        self.written += self._pack("I", kind) + total + body + total

    def interface(
        self,
        link_type: int = ETHERNET,
        name: str = "",
        resolution: int | None = 9,
        offset_s: int | None = None,
        snap_bytes: int = 0,
    ) -> None:
        """`resolution` None: not said, which means microseconds."""
        options = self.option(2, name.encode()) if name else b""
        if resolution is not None:
            options += self.option(9, bytes((resolution,)))
        if offset_s is not None:
            options += self.option(14, self._pack("q", offset_s))
        self.block(1, self._pack("HHI", link_type, 0, snap_bytes) + options + self.option(0))

    def enhanced(self, stamp: int, frame: bytes, index: int = 0, flags: int | None = None) -> None:
        head = self._pack("IIIII", index, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
        options = b"" if flags is None else self.option(1, b"hello") + self.flags(flags)
        self.block(6, head + _padded(frame) + options)

    def obsolete(self, stamp: int, frame: bytes, index: int = 0, flags: int | None = None) -> None:
        head = self._pack("HHIIII", index, 0, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
        options = b"" if flags is None else self.flags(flags)
        self.block(2, head + _padded(frame) + options)

    def simple(self, frame: bytes) -> None:
        self.block(3, self._pack("I", len(frame)) + frame)

    def flags(self, flags: int) -> bytes:
        return self.option(2, self._pack("I", flags)) + self.option(0)

    def option(self, code: int, value: bytes = b"") -> bytes:
        return self._pack("HH", code, len(value)) + _padded(value)

    def _pack(self, layout: str, *values: int) -> bytes:
        return struct.pack(self._order + layout, *values)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _ethertype(data: bytes) -> int:
    return packets.ETHERTYPE_IPV6 if data[0] >> 4 == 6 else packets.ETHERTYPE_IPV4


def cooked(data: bytes, kind: int, device: int = 1) -> bytes:
    """A frame of LINKTYPE_LINUX_SLL; `kind` 0 came for us, 4 left."""
    return struct.pack("!HHH8sH", kind, device, 6, bytes(8), _ethertype(data)) + data


def cooked_v2(data: bytes, kind: int, ifindex: int, device: int = 1) -> bytes:
    """A frame of LINKTYPE_LINUX_SLL2."""
    return struct.pack("!HHIHBB8s", _ethertype(data), 0, ifindex, device, kind, 6, bytes(8)) + data


def _family(order: str, of_ipv6: int) -> Callable[[Passing], bytes]:
    return lambda each: struct.pack(order + "I", of_ipv6 if each.data[0] >> 4 == 6 else 2) + each.data


class Framing(NamedTuple):
    """A link layer."""

    link_type: int
    frame: Callable[[Passing], bytes]
    has_direction: bool = False


FRAMINGS = {
    "ethernet": Framing(1, lambda each: packets.ethernet(each.data)),
    "vlan": Framing(1, lambda each: packets.ethernet(each.data, vlans=(packets.Vlan(7),))),
    "raw": Framing(101, lambda each: each.data),
    "raw 12": Framing(12, lambda each: each.data),
    "raw 14": Framing(14, lambda each: each.data),
    "null, little endian, Linux": Framing(0, _family("<", 10)),
    "null, big endian, FreeBSD": Framing(0, _family(">", 28)),
    "null, Darwin": Framing(0, _family("<", 30)),
    "loop, OpenBSD": Framing(108, _family(">", 24)),
    "cooked": Framing(113, lambda each: cooked(each.data, 0 if each.is_ingress else 4), True),
    "cooked 2": Framing(276, lambda each: cooked_v2(each.data, 0 if each.is_ingress else 4, 3), True),
}


def frames(series: Sequence[Passing], framing: Framing) -> list[tuple[int, bytes]]:
    """Each packet's time and frame."""
    return [(each.time_ns, framing.frame(each)) for each in series]


def ng(series: Sequence[Passing], framing: Framing, order: str = "<", resolution: int = 9) -> bytes:
    """Write a pcapng of one interface."""
    file = Pcapng(order)
    file.interface(framing.link_type, resolution=resolution)
    for time_ns, frame in frames(series, framing):
        file.enhanced(time_ns // 10 ** (9 - resolution), frame)
    return file.written
