"""The pcapng file format (draft-ietf-opsawg-pcapng): sections, each with interfaces of its own."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from bpf.captures.recorded import INTERFACES_MAX, OTHERS, PACKET_MAX_BYTES, Origin, Record
from bpf.captures.window import Damaged, Window
from bpf.event import printable

_SECTION, _INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_KNOWN = (_SECTION, _INTERFACE, _OBSOLETE, _SIMPLE, _ENHANCED)
_BLOCK_MAX_BYTES = PACKET_MAX_BYTES + 1024 * 1024
"""No block that is read is longer: a packet, and as many comments again as anybody writes. Others are skipped."""
_SHORTEST_BYTES, _HEAD_BYTES, _TAIL_BYTES = 12, 8, 4
_PACKET_AT, _SIMPLE_AT = 28, 12
_FIXED_BYTES = {_SECTION: 28, _INTERFACE: 20, _OBSOLETE: 32, _SIMPLE: 16, _ENHANCED: 32}
_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
_VERSION = 1
MAGIC = b"\x0a\x0d\x0d\x0a"
"""What a file begins with."""

_END, _IF_NAME, _IF_TSRESOL, _IF_TSOFFSET, _EPB_FLAGS = 0, 2, 9, 14, 2
_INBOUND, _OUTBOUND = 1, 2
_MICROSECONDS = 6
_NAME_MAX = 64
_SECTION_INTERFACES_MAX = 65536
_S = 1_000_000_000
_LATEST_NS = 1 << 63


class _Layout:
    """How a section writes its numbers."""

    def __init__(self, order: str) -> None:
        self.order = order
        self.head = struct.Struct(order + "II").unpack_from
        self.packet = struct.Struct(order + "IIIIII").unpack_from
        self.number = struct.Struct(order + "I").unpack_from
        self.halves = struct.Struct(order + "HH").unpack_from


class _Interface(NamedTuple):
    """What a packet's stamp means: (it x multiplier / divisor + offset) ns, rounded down."""

    origin: Origin
    multiplier: int
    divisor: int
    offset_ns: int
    snap_bytes: int


class Pcapng:
    """Reads one. One thread; blocks on a pipe."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._layout = _Layout("<")
        self._interfaces: list[_Interface] = []
        self._known: dict[Origin, Origin] = {}
        self._count = 0
        self._last_ns = 0
        self.trouble = ""
        self.untimed = 0
        self.undescribed = 0

    @property
    def origins(self) -> list[Origin]:
        """The interfaces described so far, each once."""
        return list(self._known)

    def read(self) -> list[Record] | None:
        """Read what has come; None: that was all."""
        records: list[Record] = []
        if self.trouble:
            return None
        try:
            self._take_packets(records)
            while self._has_block():
                self._take_block(records)
                self._take_packets(records)
            if not records and not self._take_block(records):
                return None
        except Damaged as damage:
            self.trouble = str(damage)
            return records or None
        return records

    def _take_packets(self, records: list[Record]) -> None:
        """Take the enhanced packet blocks that are here whole, up to another block."""
        window, unpack, number = self._window, self._layout.packet, self._layout.number
        data, at, end = window.data, window.at, len(window.data)
        while at + _PACKET_AT <= end:
            kind, total, index, high, low, size = unpack(data, at)
            begin, following = at + _PACKET_AT, at + total
            if kind != _ENHANCED or following > end or not 32 <= total <= _BLOCK_MAX_BYTES:
                break
            if number(data, following - _TAIL_BYTES)[0] != total:
                break
            if begin + size > following - _TAIL_BYTES or size > PACKET_MAX_BYTES or total & 3:
                break
            window.at = at = following
            is_ingress = None
            if total > size + 35:
                is_ingress = self._way(data[begin + (size + 3 & ~3) : following - _TAIL_BYTES])
            self._add(records, index, high << 32 | low, is_ingress, data[begin : begin + size])

    def _has_block(self) -> bool:
        """Is another block here whole, after which numbers and interfaces mean the same?"""
        window = self._window
        if window.left_bytes < _SHORTEST_BYTES:
            return False
        kind, total = self._layout.head(window.data, window.at)
        return total <= window.left_bytes and kind not in (_SECTION, _INTERFACE)

    def _add(
        self, records: list[Record], index: int, stamp: int | None, is_ingress: bool | None, data: bytes
    ) -> None:
        self._count += 1
        if index >= len(self._interfaces):
            self.undescribed += 1
            return
        origin, multiplier, divisor, offset_ns, _ = self._interfaces[index]
        time_ns = -1 if stamp is None else stamp * multiplier // divisor + offset_ns
        if 0 <= time_ns < _LATEST_NS:
            self._last_ns = time_ns
        else:
            self.untimed += 1
        records.append((self._last_ns, origin, is_ingress, data))

    def _take_block(self, records: list[Record]) -> bool:
        """Take the next block, waiting for it; False: there is none. Raises Damaged."""
        window = self._window
        if not window.has(1):
            return False
        kind, total = self._begin_block()
        if kind not in _KNOWN:
            self._skip_block(total)
            return True
        if not window.has(total):
            raise self._cut()
        block = window.data[window.at : window.at + total]
        window.at += total
        self._check_length(block[-_TAIL_BYTES:], total)
        if kind == _INTERFACE:
            self._describe(block)
        elif kind == _SECTION:
            self._check_version(block)
        else:
            self._add_packet(records, kind, block)
        return True

    def _begin_block(self) -> tuple[int, int]:
        """Kind and length of the next block. Raises Damaged for a length that cannot be."""
        window = self._window
        if not window.has(_SHORTEST_BYTES):
            raise self._cut()
        kind, total = self._layout.head(window.data, window.at)
        if kind == _SECTION:
            self._begin_section(window.data[window.at + _HEAD_BYTES : window.at + _SHORTEST_BYTES])
            _, total = self._layout.head(window.data, window.at)
        longest = _BLOCK_MAX_BYTES if kind in _KNOWN else total
        if not _FIXED_BYTES.get(kind, _SHORTEST_BYTES) <= total <= longest or total & 3:
            raise self._damage(f"a block of {total:,} bytes")
        return kind, total

    def _skip_block(self, total: int) -> None:
        window = self._window
        if not window.skip(total - _TAIL_BYTES) or not window.has(_TAIL_BYTES):
            raise self._cut()
        self._check_length(window.data[window.at : window.at + _TAIL_BYTES], total)
        window.at += _TAIL_BYTES

    def _check_length(self, tail: bytes, total: int) -> None:
        if self._layout.number(tail)[0] != total:
            raise self._damage("a block's lengths differ")

    def _begin_section(self, magic: bytes) -> None:
        if magic not in _ORDERS:
            raise self._damage("a section has no byte order")
        self._layout = _Layout(_ORDERS[magic])
        self._interfaces = []

    def _check_version(self, block: bytes) -> None:
        version, _ = self._layout.halves(block, 12)
        if version != _VERSION:
            raise self._damage(f"a section is of version {version}, which is not known")

    def _describe(self, block: bytes) -> None:
        link_type, _ = self._layout.halves(block, 8)
        (snap_bytes,) = self._layout.number(block, 12)
        options = dict(self._options(block[16:-_TAIL_BYTES]))
        resolution = options.get(_IF_TSRESOL, b"")[:1] or bytes((_MICROSECONDS,))
        offset = options.get(_IF_TSOFFSET, b"")
        offset_s = struct.unpack(self._layout.order + "q", offset)[0] if len(offset) == 8 else 0
        name = _text(options.get(_IF_NAME, b""))
        origin = Origin(name or f"if{len(self._interfaces)}", bool(name), link_type)
        if len(self._interfaces) >= _SECTION_INTERFACES_MAX:
            raise self._damage(f"more than {_SECTION_INTERFACES_MAX:,} interfaces")
        if origin not in self._known and len(self._known) >= INTERFACES_MAX:
            origin = Origin(OTHERS, True, link_type)
        # One object for each, however many sections there are.
        origin = self._known.setdefault(origin, origin)
        self._interfaces.append(_Interface(origin, *_unit(resolution[0]), offset_s * _S, snap_bytes))

    def _add_packet(self, records: list[Record], kind: int, block: bytes) -> None:
        """Add the packet of a block of any kind. Raises Damaged."""
        layout = self._layout
        stamp: int | None = None
        begin, index = _PACKET_AT, 0
        if kind == _SIMPLE:
            begin = _SIMPLE_AT
            (size,) = layout.number(block, _HEAD_BYTES)
            # What was captured is not said, but follows.
            snap_bytes = self._interfaces[0].snap_bytes if self._interfaces else 0
            size = min(size, len(block) - begin - _TAIL_BYTES, snap_bytes or size)
        else:
            _, _, index, high, low, size = layout.packet(block, 0)
            stamp = high << 32 | low
            if kind == _OBSOLETE:
                index, _ = layout.halves(block, _HEAD_BYTES)
        options_at = begin + (size + 3 & ~3)
        if options_at > len(block) - _TAIL_BYTES or size > PACKET_MAX_BYTES:
            raise self._damage(f"the next would have {size:,} bytes")
        is_ingress = None if kind == _SIMPLE else self._way(block[options_at:-_TAIL_BYTES])
        self._add(records, index, stamp, is_ingress, block[begin : begin + size])

    def _way(self, options: bytes) -> bool | None:
        """Which way a packet went: True is in. The two kinds of packet blocks that have flags number them alike."""
        for code, value in self._options(options):
            if code == _EPB_FLAGS and len(value) == 4:
                bits = self._layout.number(value)[0] & 3
                return {_INBOUND: True, _OUTBOUND: False}.get(bits)
        return None

    def _options(self, options: bytes) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at + 4 <= len(options):
            code, size = self._layout.halves(options, at)
            at += 4
            if code == _END or at + size > len(options):
                return
            yield code, options[at : at + size]
            at += size + 3 & ~3

    def _cut(self) -> Damaged:
        return Damaged(f"ends within a block after packet {self._count:,}")

    def _damage(self, what: str) -> Damaged:
        return Damaged(f"damaged after packet {self._count:,}: {what}")


def _unit(resolution: int) -> tuple[int, int]:
    """What to multiply a stamp with, and then divide it by, to get ns."""
    exponent = resolution & 0x7F
    if resolution & 0x80:
        return _S, 1 << exponent
    return (10 ** (9 - exponent), 1) if exponent <= 9 else (1, 10 ** (exponent - 9))


def _text(name: bytes) -> str:
    return printable(name.split(b"\0")[0].decode(errors="replace")[:_NAME_MAX])
