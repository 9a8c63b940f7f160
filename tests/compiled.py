"""The kernel program as bcc compiled it once in this process; whoever uses it has tables of their own, empty."""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable

from bpf import syscall
from bpf.compiler import Compiled

_MAP_CREATE, _OBJ_GET_INFO_BY_FD = 0, 15


def once(compile_: Callable[..., Compiled]) -> Callable[..., Compiled]:
    """Compile at the first call with such arguments only."""
    compiled = functools.cache(compile_)
    return lambda **options: _with_tables_of_its_own(compiled(**options))


def _with_tables_of_its_own(compiled: Compiled) -> Compiled:
    return compiled.moved({map_fd: _like(map_fd) for map_fd in compiled.map_fds})


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
