"""Where the kernel program keeps handshakes under way: each in its place (`struct place`), or else in a hash table.

A place has a lock, so the kernel wants to know its layout. What is read of one is whole; only the program removes any,
at once with the look whether it has changed, and is run here for that.
"""

from __future__ import annotations

import mmap
import re
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bpf import maps, syscall
from bpf.event import Direction

PLACES = 4096
"""In each direction."""
KEY_BYTES = 40
OUTBOUND_BYTES, INBOUND_BYTES = 72, 48
PLACE_BYTES = 128
_KEY_OFFSET, _VALUE_OFFSET = 8, 48
_REQUEST = struct.Struct(f"=16x{KEY_BYTES}sQ{OUTBOUND_BYTES}s")
"""`struct request`; what an Ethernet header would be is left empty."""
_TAKEN = re.compile(rb"[^\0]")


def make_places() -> int:
    """Make the map of places, all free; return its descriptor. Raises OSError."""
    return maps.make_locked(maps.Shape("tcplat_places", maps.ARRAY, 4, PLACE_BYTES, 2 * PLACES))


class UnderWay(NamedTuple):
    """One as it was read."""

    number: int | None
    """Of its place; None: it is in the table."""
    key: bytes
    value: bytes
    """`struct outbound` or `struct inbound`."""


class Glance:
    """What the program and we tell each other by shared memory (`struct glance`)."""

    _HEAD = struct.Struct("=I")

    def __init__(self, map_fd: int) -> None:
        size = self._HEAD.size + 2 * PLACES
        self._memory = mmap.mmap(map_fd, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)

    def say_reported(self, *, has_any: bool) -> None:
        """Say whether any handshake under way was reported as unanswered."""
        self._HEAD.pack_into(self._memory, 0, has_any)

    def taken(self, direction: Direction) -> list[int]:
        """Which places are taken, perhaps by some in the table only."""
        first = direction * PLACES
        marks = self._memory[self._HEAD.size + first : self._HEAD.size + first + PLACES]
        return [first + found.start() for found in _TAKEN.finditer(marks)]

    def close(self) -> None:
        """Unmap."""
        self._memory.close()


class Table:
    """The handshakes under way in one direction."""

    def __init__(
        self, direction: Direction, places_fd: int, glance: Glance, table_fd: int, forget_fd: int
    ) -> None:
        self._direction = direction
        self._places_fd = places_fd
        self._glance = glance
        self._table_fd = table_fd
        self._forget_fd = forget_fd
        self._value_bytes = INBOUND_BYTES if direction == Direction.INBOUND else OUTBOUND_BYTES

    def entries(self) -> Iterator[UnderWay]:
        """Yield every one; what changes meanwhile may be in it or not."""
        yield from self._at(self._glance.taken(self._direction))
        for key, value in syscall.entries(self._table_fd, KEY_BYTES, self._value_bytes):
            yield UnderWay(None, key, value)

    def again(self, entry: UnderWay) -> bytes:
        """Read the value anew; empty: it has ended."""
        if entry.number is None:
            try:
                return syscall.lookup(self._table_fd, entry.key, self._value_bytes)
            except FileNotFoundError:
                return b""
        return next((found.value for found in self._at([entry.number]) if found.key == entry.key), b"")

    def remove(self, entry: UnderWay) -> bool:
        """Remove it; False: it has changed since, or ended, and is left alone."""
        return bool(syscall.run(self._forget_fd, _REQUEST.pack(entry.key, self._direction, entry.value)))

    def _at(self, numbers: Sequence[int]) -> Iterator[UnderWay]:
        """Read those in places, as far as they are there."""
        places = syscall.locked(self._places_fd, numbers, PLACE_BYTES)
        for number, place in zip(numbers, places, strict=True):
            value = place[_VALUE_OFFSET : _VALUE_OFFSET + self._value_bytes]
            if any(value[:8]):
                yield UnderWay(number, place[_KEY_OFFSET : _KEY_OFFSET + KEY_BYTES], value)
