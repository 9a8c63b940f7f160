"""Where the kernel program keeps handshakes under way: each in a place (`struct place`), or else in a hash table.

Slots and places are read through shared memory: a place is as it was read if its slot tells the same afterwards. Only
the program removes any, at once with the look whether it has changed: it is run here for that.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from bpf import maps, syscall
from bpf.event import Direction

SLOTS = 4096
"""In each direction."""
_SLOTS_BITS = SLOTS.bit_length() - 1
SHARDS = 32
"""At most, of both directions."""
_CPUS_EACH = 2
SPARES = 1024
"""One for each CPU."""
PLACES = 1 << 14
_PLACE_MASK = PLACES - 1
_NO_PLACE, _BUSY = 0, _PLACE_MASK
KEY_BYTES = 40
OUTBOUND_BYTES, INBOUND_BYTES = 72, 48
PLACE_BYTES = 128
_PLACE = struct.Struct("=112xQ8x")
"""`struct place`: which one is free after it."""
_TOLD = struct.Struct("=Q56x")
"""`struct told`, which is in a line of memory by itself: the place that is free, or to spare."""
_SLOT = struct.Struct("=II")
"""`struct slot`: its place, and how many of its handshakes are in the table."""
_REQUEST = struct.Struct(f"=16x{KEY_BYTES}sQ{OUTBOUND_BYTES}s")
"""`struct request`; what an Ethernet header would be is left empty."""
_USED = re.compile(rb"[^\0]")


def shards_for(cpus: int) -> int:
    """How many shards a direction has: few, since each that is used has to be fetched; one for two CPUs, mostly."""
    return min(SHARDS // 2, 1 << (max(1, cpus // _CPUS_EACH) - 1).bit_length())


class Places:
    """The places, and what the program knows of those that are free."""

    def __init__(self, cpus: int) -> None:
        """Make them, all free. Raises OSError."""
        shards = 2 * shards_for(cpus)
        self.shard_bits = _SLOTS_BITS + 1 - (shards.bit_length() - 1)
        """A shard's slots are told apart by so many bits."""
        each = 1 << self.shard_bits
        next_ones = [number + 1 if number % each else _NO_PLACE for number in range(1, 2 * SLOTS + 1)]
        free = [shard * each + 1 for shard in range(shards)] + [_NO_PLACE] * (SHARDS - shards)
        spare = range(2 * SLOTS + 1, 2 * SLOTS + SPARES + 1)
        all_free = b"".join(
            [
                bytes(PLACE_BYTES),  # NO_PLACE
                *map(_PLACE.pack, next_ones),
                bytes((PLACES - 2 * SLOTS - 1) * PLACE_BYTES),
                *map(_TOLD.pack, free),
                *map(_TOLD.pack, spare),
            ]
        )
        with ExitStack() as stack:
            self.places_fd, self._memory = maps.make_shared(stack, "tcplat_places", len(all_free))
            syscall.update(self.places_fd, bytes(4), all_free)
            self._leaving = stack.pop_all()

    def place(self, told: int) -> bytes:
        """Read the place that a slot tells."""
        begin = self.offset(told)
        return self._memory[begin : begin + PLACE_BYTES]

    def offset(self, told: int) -> int:
        """Where the place that a slot tells begins."""
        return (told & _PLACE_MASK) * PLACE_BYTES

    def close(self) -> None:
        """Unmap, and close."""
        self._leaving.close()


class UnderWay(NamedTuple):
    """One as it was read."""

    number: int | None
    """Of its slot; None: it is in the table."""
    key: bytes
    value: bytes
    """`struct outbound` or `struct inbound`."""


class Glance:
    """What the program and we tell each other by shared memory (`struct glance`)."""

    _HEAD = struct.Struct("=I60x")

    def __init__(self) -> None:
        """Make it, all 0. Raises OSError."""
        size = self._HEAD.size + 2 * SLOTS * _SLOT.size
        with ExitStack() as stack:
            self.fd, self._memory = maps.make_shared(stack, "tcplat_glance", size, is_written=True)
            self._leaving = stack.pop_all()

    def say_reported(self, *, has_any: bool) -> None:
        """Say whether any handshake under way was reported as unanswered."""
        self._HEAD.pack_into(self._memory, 0, has_any)

    def used(self, direction: Direction) -> list[int]:
        """The slots of which there is anything, perhaps in the table only."""
        first = direction * SLOTS
        begin = self._HEAD.size + first * _SLOT.size
        slots = self._memory[begin : begin + SLOTS * _SLOT.size]
        return list(dict.fromkeys(first + found.start() // _SLOT.size for found in _USED.finditer(slots)))

    def told(self, slot: int) -> int:
        """The place that a slot tells, with how often that had been left before; 0: none."""
        return int(_SLOT.unpack_from(self._memory, self._HEAD.size + slot * _SLOT.size)[0])

    def close(self) -> None:
        """Unmap, and close."""
        self._leaving.close()


class Table:
    """The handshakes under way in one direction."""

    def __init__(
        self, direction: Direction, places: Places, glance: Glance, table_fd: int, forget_fd: int
    ) -> None:
        self._direction = direction
        self._places = places
        self._glance = glance
        self._table_fd = table_fd
        self._forget_fd = forget_fd
        self._value_bytes = INBOUND_BYTES if direction == Direction.INBOUND else OUTBOUND_BYTES

    def entries(self) -> Iterator[UnderWay]:
        """Yield every one; what changes meanwhile may be in it or not."""
        yield from filter(None, map(self._at, self._glance.used(self._direction)))
        for key, value in syscall.entries(self._table_fd, KEY_BYTES, self._value_bytes):
            yield UnderWay(None, key, value)

    def again(self, entry: UnderWay) -> bytes:
        """Read the value anew; empty: it has ended."""
        if entry.number is None:
            try:
                return syscall.lookup(self._table_fd, entry.key, self._value_bytes)
            except FileNotFoundError:
                return b""
        found = self._at(entry.number)
        return found.value if found and found.key == entry.key else b""

    def remove(self, entry: UnderWay) -> bool:
        """Remove it; False: it has changed since, or ended, and is left alone."""
        return bool(syscall.run(self._forget_fd, _REQUEST.pack(entry.key, self._direction, entry.value)))

    def _at(self, slot: int) -> UnderWay | None:
        """Read the one that has a place by this slot, if there is one."""
        while (told := self._glance.told(slot)) not in (_NO_PLACE, _BUSY):
            place = self._places.place(told)
            if self._glance.told(slot) == told:
                value = place[KEY_BYTES : KEY_BYTES + self._value_bytes]
                return UnderWay(slot, place[:KEY_BYTES], value)
        return None
