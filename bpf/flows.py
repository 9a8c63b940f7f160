"""The kernel's storage on sockets, where the program keeps what it knows of a flow: it goes with the socket.

bcc can make such a map only with a BTF that it writes itself, and prints on stderr when it cannot; a map without names
needs three types.
"""

from __future__ import annotations

import struct

from bpf import maps

SAMPLES_PER_S = 1000
"""Of all connections together: what the screen shows in less than a tenth of a core, with 50,000 connections open."""
PASSING_MAX = 65_536
"""Forwarded connections that are followed, of all interfaces; the least recent give way."""
_SLICE_NS = 1 << 27
"""The program's budget is for this long (SLICE_SHIFT in handshake.bpf.c)."""
_TICK_NS = 1 << 26
"""... and doors are shut for so many of these (TICK_SHIFT)."""
_SOCKET_WORDS = 7
"""Of `struct socket` in handshake.bpf.c, of 8 bytes each."""
_DOORS_BYTES = 8192
_INT, _ARRAY = 1 << 24, 3 << 24
_NAMES = b"\0u32\0u64\0"


def slice_budget(samples_per_s: int) -> int:
    """How many samples that is in a slice of time."""
    return max(1, samples_per_s * _SLICE_NS // 1_000_000_000)


def ticks_shut(interval_ns: int) -> int:
    """For how many ticks a door is shut after a look: few enough to be hardly late, 3 make the looks rare enough."""
    return 1 + min(3, max(1, interval_ns // 4 // _TICK_NS))


def doors() -> int:
    """Make the map (`struct doors`), all open; return its descriptor. Raises OSError."""
    return maps.make(maps.Shape("tcplat_doors", maps.ARRAY, 4, _DOORS_BYTES, 1))


def socket_storage() -> int:
    """Make the map, empty; return its descriptor. Raises OSError: a kernel without (before 5.2)."""
    types = b"".join(
        [
            struct.pack("=IIII", _NAMES.index(b"u32"), _INT, 4, 32),
            struct.pack("=IIII", _NAMES.index(b"u64"), _INT, 8, 64),
            struct.pack("=IIIIII", 0, _ARRAY, 0, 2, 1, _SOCKET_WORDS),
        ]
    )
    shape = maps.Shape("tcplat_sockets", maps.SK_STORAGE, 4, 8 * _SOCKET_WORDS, 0, maps.NO_PREALLOC)
    return maps.make(shape, maps.Types(maps.btf(types, _NAMES), key=1, value=3))
