"""Chunk: some thousand handshakes packed into about 20 bytes each, with what their numbers stood for then."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bpf.event import OFFSETS, RECORD, Handshake, Records
from bpf.source import Account

_CODES = "QQQQsssQQIIHHHBBBB"
"""Of the fields of a Handshake: the array's type code, or s for 16 bytes."""
_ADDRESS_BYTES = 16
_WIDTHS = [_ADDRESS_BYTES if code == "s" else array(code).itemsize for code in _CODES]
_PLANES = [
    OFFSETS[name] + byte
    for name, width in zip(Handshake._fields, _WIDTHS, strict=True)
    for byte in range(width)
]
"""Where in a record each byte of each field is."""
_ALIKE, _SAME, _RANDOM, _REGULAR = range(4)
"""Of a plane, one byte of all handshakes: it is the same in all; the same plane as another; hardly to be made smaller;
to be compressed."""
_HEAD = struct.Struct(f"=II{len(_PLANES)}s{len(_PLANES)}s")
"""How many handshakes; bytes of random planes; what each plane is; the byte, or the number of the other plane."""
_LOOK, _MANY = 256, 64
"""With so many different bytes among the first ones a plane counts as random."""
_LEVEL = 1


def pack(handshakes: Sequence[Handshake]) -> bytes:
    """Pack handshakes, 0.4 us each; 1 us if they are no records.

    Byte by byte of all of them: most are the same in all, or random as initial sequence numbers are, which zlib would
    only spend time on.
    """
    if not handshakes:
        return b""
    if isinstance(handshakes, Records):
        planes = [handshakes.raw[place :: RECORD.size] for place in _PLANES]
    else:
        planes = list(_planes_of(handshakes))
    kinds, values = bytearray(), bytearray()
    random, regular = [], []
    numbers: dict[bytes, int] = {}
    for number, plane in enumerate(planes):
        value = 0
        if plane == plane[:1] * len(plane):  # A tenth of what counting takes.
            kind, value = _ALIKE, plane[0]
        elif (value := numbers.setdefault(plane, number)) != number:
            kind = _SAME
        elif len(set(plane[:_LOOK])) > _MANY:
            kind = _RANDOM
            random.append(plane)
        else:
            kind = _REGULAR
            regular.append(plane)
        kinds.append(kind)
        values.append(value)
    count = len(handshakes)
    head = _HEAD.pack(count, count * len(random), kinds, values)
    return b"".join((head, *random, zlib.compress(b"".join(regular), _LEVEL)))


def _planes_of(handshakes: Sequence[Handshake]) -> Iterator[bytes]:
    for code, width, column in zip(_CODES, _WIDTHS, zip(*handshakes, strict=True), strict=True):
        data = b"".join(column) if code == "s" else array(code, column).tobytes()
        for byte in range(width):
            yield data[byte::width]


def unpack(packed: bytes) -> list[Handshake]:
    """Inverse of `pack`."""
    if not packed:
        return []
    count, random_bytes, kinds, values = _HEAD.unpack_from(packed)
    end = _HEAD.size + random_bytes
    of_kind = {
        _RANDOM: _cut(packed[_HEAD.size : end], count),
        _REGULAR: _cut(zlib.decompress(packed[end:]), count),
    }
    planes: list[bytes] = []
    for kind, value in zip(kinds, values, strict=True):
        if kind == _ALIKE:
            planes.append(bytes((value,)) * count)
        else:
            planes.append(planes[value] if kind == _SAME else next(of_kind[kind]))
    left = iter(planes)
    columns: list[Sequence[int] | list[bytes]] = []
    for code, width in zip(_CODES, _WIDTHS, strict=True):
        data = bytearray(count * width)
        for byte in range(width):
            data[byte::width] = next(left)
        if code == "s":
            columns.append([bytes(data[at : at + width]) for at in range(0, len(data), width)])
        else:
            columns.append(array(code, bytes(data)))
    return list(map(Handshake._make, zip(*columns, strict=True)))


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Handshakes in the order they came, then the accounts read after them. Never changes, so any thread may read."""

    packed: bytes
    count: int
    accounts: tuple[Account, ...]
    arrived_ns: int
    """When the last of it had arrived, on the handshakes' clock."""
    latest_ns: int
    """The latest of the handshakes' own times; 0 without any."""
    wall_offset_ns: int
    interfaces: dict[int, str]
    units: dict[int, str]

    def name_of(self, ifindex: int) -> str:
        """Name the interface."""
        return self.interfaces.get(ifindex, "")

    def unit_of(self, cgroup: int) -> str:
        """Name the unit of the process's cgroup; empty: none, or not known."""
        return self.units.get(cgroup, "")

    def handshakes(self) -> list[Handshake]:
        """Unpack them."""
        return unpack(self.packed)
