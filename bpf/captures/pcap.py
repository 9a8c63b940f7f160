"""The classic pcap file format (draft-ietf-opsawg-pcap): one interface, one resolution."""

from __future__ import annotations

import struct

from bpf.captures.recorded import PACKET_MAX_BYTES, Origin, Record
from bpf.captures.window import Damaged, Window

MAGIC_BYTES = 4
_KINDS = {0xA1B2C3D4: (1000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1000, 24)}
"""By magic number: ns in the unit of a stamp's fraction, bytes before each packet. The last is Kuznetzov's."""
_MAGICS = {
    struct.pack(order + "I", magic): (order, *kind) for magic, kind in _KINDS.items() for order in "<>"
}
_HEADER_BYTES = 24
_VERSION = 2
_S = 1_000_000_000


def is_pcap(begin: bytes) -> bool:
    """Whether a file that begins with these bytes, at least `MAGIC_BYTES`, is one."""
    return begin[:MAGIC_BYTES] in _MAGICS


class Pcap:
    """Reads one. One thread; blocks on a pipe."""

    untimed = 0
    undescribed = 0

    def __init__(self, window: Window) -> None:
        """Read the file's header. Raises Damaged."""
        self._window = window
        self.trouble = ""
        if not window.has(_HEADER_BYTES):
            raise Damaged("ends within its header")
        begin = window.data[window.at : window.at + _HEADER_BYTES]
        window.at += _HEADER_BYTES
        order, self._unit_ns, self._head_bytes = _MAGICS[begin[:MAGIC_BYTES]]
        version, link_type = struct.unpack(order + "4xH14xI", begin)
        if version != _VERSION:
            raise Damaged(f"is of version {version} of pcap, which is not known")
        # The upper half tells of frame check sequences.
        self._origin = Origin("capture", False, link_type & 0xFFFF)
        self.origins = [self._origin]
        self._head = struct.Struct(order + "III").unpack_from
        self._count = 0

    def read(self) -> list[Record] | None:
        """Read what has come; None: that was all."""
        if self.trouble:
            return None
        try:
            records = self._take() or self._wait()
        except Damaged as damage:
            self.trouble = str(damage)
            return None
        self._count += len(records or ())
        return records

    def _take(self) -> list[Record]:
        """Take the packets that are here whole."""
        window, head, head_bytes, unit_ns = self._window, self._head, self._head_bytes, self._unit_ns
        data, at, origin = window.data, window.at, self._origin
        end = len(data)
        records: list[Record] = []
        while (begin := at + head_bytes) <= end:
            seconds, fraction, size = head(data, at)
            if size > PACKET_MAX_BYTES or (following := begin + size) > end:
                break
            records.append((seconds * _S + fraction * unit_ns, origin, None, data[begin:following]))
            at = following
        window.at = at
        return records

    def _wait(self) -> list[Record] | None:
        """Read on until one is."""
        window = self._window
        if not window.has(1):
            return None
        if window.has(self._head_bytes):
            size = self._head(window.data, window.at)[2]
            if size > PACKET_MAX_BYTES:
                raise Damaged(f"damaged after packet {self._count:,}: the next would have {size:,} bytes")
            if window.has(self._head_bytes + size):
                return self._take()
        raise Damaged(f"ends within packet {self._count + 1:,}")
