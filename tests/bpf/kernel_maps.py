"""The BPF maps that this process has open, and whether the kernel still has them later."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path
from typing import NamedTuple

from bpf import syscall

_GET_FD_BY_ID, _GET_INFO = 14, 15
_INFO = struct.Struct("=IIIIII16s")
"""The beginning of struct bpf_map_info."""


class Map(NamedTuple):
    """One of them."""

    fd: int
    number: int
    """The kernel's, which is not used again."""
    key_bytes: int
    value_bytes: int
    max_entries: int


def map_named(name: str) -> Map:
    """The one of that name, or the youngest if there are several."""
    found = []
    for file in Path("/proc/self/fdinfo").iterdir():
        try:
            is_map = "map_id:" in file.read_text()
        except FileNotFoundError:  # Of the directory itself, closed meanwhile.
            continue
        if is_map:
            info = ctypes.create_string_buffer(_INFO.size)
            syscall.call(_GET_INFO, struct.pack("=IIQ", int(file.name), len(info), ctypes.addressof(info)))
            _, number, key_bytes, value_bytes, max_entries, _, its_name = _INFO.unpack(info.raw)
            if its_name.rstrip(b"\0").decode() == name:
                found.append(Map(int(file.name), number, key_bytes, value_bytes, max_entries))
    return max(found, key=lambda each: each.number)


def entries_of(table: Map) -> int:
    """How many entries a hash table has."""
    return sum(1 for _ in syscall.entries(table.fd, table.key_bytes, table.value_bytes))


def is_in_kernel(number: int) -> bool:
    """Whether there is a map of that number, whoever holds it."""
    try:
        fd, _ = syscall.call(_GET_FD_BY_ID, struct.pack("=III", number, 0, 0))
    except FileNotFoundError:
        return False
    os.close(fd)
    return True
