"""The kernel program as bcc compiled it once in this process; whoever uses it has tables of their own, empty."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from bpf import syscall

_LOAD_MAP = bytes((0x18, 0x10))
"""The first byte of an instruction that loads a map's descriptor, and the half of the second that says it is one."""
_MAP_CREATE, _OBJ_GET_INFO_BY_FD = 0, 15


class Table(NamedTuple):
    """As bcc.BPF has them."""

    map_fd: int


class Compiled:
    """What is used of a bcc.BPF, without what it takes to compile one."""

    def __init__(self, compiled: Any) -> None:
        """`compiled`: a bcc.BPF, which must outlast this."""
        self._compiled = compiled
        self._ours: dict[int, int] = {}
        """Its tables' descriptors; those of ours."""

    def __getitem__(self, name: bytes) -> Table:
        return Table(self._map(self._compiled[name].map_fd))

    def dump_func(self, name: bytes) -> bytes:
        """The code of a function, which uses our tables."""
        code = bytearray(self._compiled.dump_func(name))
        for at in range(0, len(code), 8):
            if code[at] == _LOAD_MAP[0] and code[at + 1] & 0xF0 == _LOAD_MAP[1]:
                (theirs,) = struct.unpack_from("=i", code, at + 4)
                struct.pack_into("=i", code, at + 4, self._map(theirs))
        return bytes(code)

    def cleanup(self) -> None:
        """Let go of the tables."""
        while self._ours:
            os.close(self._ours.popitem()[1])

    def _map(self, theirs: int) -> int:
        if theirs not in self._ours:
            self._ours[theirs] = _like(theirs)
        return self._ours[theirs]


def _like(map_fd: int) -> int:
    """Make a map like another, empty; return its descriptor."""
    layout = struct.Struct("=I4xIIII16s")  # struct bpf_map_info up to its name.
    info = bytearray(layout.size)
    address = (ctypes.c_char * len(info)).from_buffer(info)
    syscall._bpf(_OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", map_fd, len(info), ctypes.addressof(address)))
    kind, key_bytes, value_bytes, entries, flags, name = layout.unpack(info)
    ours_fd, _ = syscall._bpf(
        _MAP_CREATE, struct.pack("=IIIII8x16s", kind, key_bytes, value_bytes, entries, flags, name)
    )
    return ours_fd


def once(compile_: Callable[..., Any]) -> Callable[..., Compiled]:
    """Compile at the first call with such arguments only."""
    compiled = functools.cache(compile_)
    return lambda **options: Compiled(compiled(**options))
