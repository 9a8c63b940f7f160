"""Where the kernel program keeps handshakes under way: each in a place (`struct place`), or else in a hash table.

Slots and places are read through shared memory, without their locks: half of what is read may be of a handshake that
just ended, but the time in it is the next one's then, which nobody gives up yet. Only the program removes any, at once
with the look whether it has changed: it is run here for that.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

from bpf import maps, syscall
from bpf.event import Direction

SLOTS = 4096
"""In each direction."""
_SLOTS_BITS = SLOTS.bit_length() - 1
_SHARDS_MAX = 16
"""In each direction."""
_CPUS_EACH = 2
_NO_PLACE, _ELSEWHERE = 0, 0xFFFF
KEY_BYTES = 40
OUTBOUND_BYTES, INBOUND_BYTES = 72, 48
PLACE_BYTES = 128
_SHARD_BYTES = 64
_ELSEWHERE_OF_BYTES = 4
"""What is known of each slot behind all places; what is free comes behind that."""
_SLOT_BYTES = 2
_SLOT = struct.Struct("=H")
_REQUEST = struct.Struct(f"=16x{KEY_BYTES}sQ{OUTBOUND_BYTES}s")
"""`struct request`; what an Ethernet header would be is left empty."""
_USED = re.compile(rb"[^\0]")


def shards_for(cpus: int) -> int:
    """How many shards a direction has: few, since each that is used has to be fetched; one for two CPUs, mostly."""
    return min(_SHARDS_MAX, 1 << (max(1, cpus // _CPUS_EACH) - 1).bit_length())


class Places:
    """The places, and what the program knows of those that are free."""

    def __init__(self, cpus: int) -> None:
        """Make them, all free. Raises OSError."""
        shards = 2 * shards_for(cpus)
        self.shard_bits = _SLOTS_BITS + 1 - (shards.bit_length() - 1)
        """A shard's slots are told apart by so many bits; it has as many places, from 1 on."""
        free = array("H", range(_NO_PLACE + 1, (1 << self.shard_bits) + 1)).tobytes() * shards
        all_free = bytes(2 * SLOTS * (PLACE_BYTES + _ELSEWHERE_OF_BYTES)) + free
        with ExitStack() as stack:
            self.shards_fd = maps.make_locked(
                maps.Shape("tcplat_shards", maps.ARRAY, 4, _SHARD_BYTES, shards)
            )
            stack.callback(os.close, self.shards_fd)
            self.places_fd, self._memory = maps.make_shared(stack, "tcplat_places", len(all_free))
            syscall.update(self.places_fd, bytes(4), all_free)
            self._leaving = stack.pop_all()

    def place(self, slot: int, held: int) -> bytes:
        """Read the place that a slot has."""
        begin = self.offset(slot, held)
        return self._memory[begin : begin + PLACE_BYTES]

    def offset(self, slot: int, held: int) -> int:
        """Where the place that a slot has begins."""
        return ((slot >> self.shard_bits << self.shard_bits) + held - 1) * PLACE_BYTES

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

    _HEAD = struct.Struct("=I")

    def __init__(self, map_fd: int) -> None:
        size = self._HEAD.size + 2 * SLOTS * _SLOT_BYTES
        self.fd = map_fd
        self._memory = mmap.mmap(map_fd, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)

    def say_reported(self, *, has_any: bool) -> None:
        """Say whether any handshake under way was reported as unanswered."""
        self._HEAD.pack_into(self._memory, 0, has_any)

    def used(self, direction: Direction) -> list[int]:
        """The slots of which there is anything, perhaps in the table only."""
        first = direction * SLOTS
        begin = self._HEAD.size + first * _SLOT_BYTES
        slots = self._memory[begin : begin + SLOTS * _SLOT_BYTES]
        return list(dict.fromkeys(first + found.start() // _SLOT_BYTES for found in _USED.finditer(slots)))

    def held(self, slot: int) -> int:
        """The place that a slot has; 0: none."""
        (place,) = _SLOT.unpack_from(self._memory, self._HEAD.size + slot * _SLOT_BYTES)
        return _NO_PLACE if place == _ELSEWHERE else int(place)

    def close(self) -> None:
        """Unmap."""
        self._memory.close()


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
        held = self._glance.held(slot)
        place = self._places.place(slot, held)
        value = place[KEY_BYTES : KEY_BYTES + self._value_bytes]
        return UnderWay(slot, place[:KEY_BYTES], value) if held and any(value[:8]) else None
