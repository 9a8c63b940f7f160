"""Making BPF maps, and telling what one was made by, so that another can be made like it. Functions raise OSError."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from contextlib import ExitStack
from typing import NamedTuple

from bpf import syscall

ARRAY = 2
SK_STORAGE = 24
NO_PREALLOC, MMAPABLE = 1 << 0, 1 << 10

_MAP_CREATE, _OBJ_GET_INFO_BY_FD, _BTF_LOAD = 0, 15, 18
_SHAPE = struct.Struct("=IIIII")
_INFO = struct.Struct("=I4xIIII16s")
"""The beginning of struct bpf_map_info."""
_INT, _ARRAY, _STRUCT = 1 << 24, 3 << 24, 4 << 24
_NAMES = b"\0u32\0bpf_spin_lock\0locked\0lock\0rest\0val\0"


class Shape(NamedTuple):
    """What a map is made by."""

    name: str
    """15 bytes of it are the kernel's, too."""
    kind: int
    key_bytes: int
    value_bytes: int
    entries: int
    flags: int = 0


class Types(NamedTuple):
    """How its keys and values are laid out, where the kernel wants to know: by their numbers in what `btf` returns."""

    blob: bytes
    key: int
    value: int


def btf(types: bytes, names: bytes) -> bytes:
    """Put types together as the kernel wants them (BPF type format)."""
    return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(names)) + types + names


def make(shape: Shape, types: Types | None = None) -> int:
    """Make a map, empty; return its descriptor. One with a lock in its values (Linux 5.1), or on sockets, has types."""
    if types is None:
        return _make(shape, (0, 0, 0))
    blob = ctypes.create_string_buffer(types.blob, len(types.blob))
    btf_fd, _ = syscall.call(
        _BTF_LOAD, struct.pack("=QQIIII", ctypes.addressof(blob), 0, len(types.blob), 0, 0, 0)
    )
    try:
        return _make(shape, (btf_fd, types.key, types.value))
    finally:
        os.close(btf_fd)


def make_locked(shape: Shape) -> int:
    """Make a map whose values begin with a `struct bpf_spin_lock` (Linux 5.1), all 0; return its descriptor."""
    name = _NAMES.index
    rest = shape.value_bytes // 4 - 1
    types = b"".join(
        [
            struct.pack("=IIII", name(b"u32"), _INT, 4, 32),
            struct.pack("=IIIIII", name(b"bpf_spin_lock"), _STRUCT | 1, 4, name(b"val"), 1, 0),
            struct.pack("=IIIIII", 0, _ARRAY, 0, 1, 1, rest),
            struct.pack("=III", name(b"locked"), _STRUCT | 2, shape.value_bytes),
            struct.pack("=III", name(b"lock"), 2, 0),
            struct.pack("=III", name(b"rest"), 3, 32),
        ]
    )
    return make(shape, Types(btf(types, _NAMES), key=1, value=4))


def make_shared(stack: ExitStack, name: str, size: int, *, is_written: bool = False) -> tuple[int, mmap.mmap]:
    """Make an array of one value that we can see (Linux 5.5); return its descriptor and memory, gone with `stack`.

    `is_written`: the memory is not only read.
    """
    prot = mmap.PROT_READ | (mmap.PROT_WRITE if is_written else 0)
    map_fd = make(Shape(name, ARRAY, 4, size, 1, MMAPABLE))
    stack.callback(os.close, map_fd)
    return map_fd, stack.enter_context(mmap.mmap(map_fd, size, prot=prot))


def _make(shape: Shape, types: tuple[int, int, int]) -> int:
    name = struct.pack("16s", shape.name.encode()[:15])
    attributes = _SHAPE.pack(*shape[1:]) + bytes(8) + name + struct.pack("=IIIII", 0, *types, 0)
    return syscall.call(_MAP_CREATE, attributes)[0]


def shape_of(map_fd: int) -> Shape:
    """What a map was made by."""
    info = ctypes.create_string_buffer(_INFO.size)
    syscall.call(_OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", map_fd, len(info), ctypes.addressof(info)))
    *numbers, name = _INFO.unpack(info.raw)
    return Shape(name.rstrip(b"\0").decode(), *numbers)
