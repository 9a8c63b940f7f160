"""The BPF maps that there are, as the kernel lists them (BPF_MAP_GET_NEXT_ID and so on)."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from bpf import syscall

_GET_NEXT_ID, _GET_FD_BY_ID, _GET_INFO = 12, 14, 15
_INFO = struct.Struct("=IIIIII16s")
"""The beginning of struct bpf_map_info."""


class Map(NamedTuple):
    """What a map is."""

    kind: int
    number: int
    key_bytes: int
    value_bytes: int
    max_entries: int
    flags: int
    name: str


def maps() -> list[Map]:
    """All of them."""
    found: list[Map] = []
    number = 0
    while True:
        try:
            _, attributes = syscall._bpf(_GET_NEXT_ID, struct.pack("=III", number, 0, 0))
            number = struct.unpack_from("=I", attributes, 4)[0]
        except FileNotFoundError:
            return found
        try:
            with _opened(number) as fd:
                found.append(_info(fd))
        except FileNotFoundError:  # Gone meanwhile.
            continue


def entries_of(number: int) -> int:
    """How many entries a hash table has."""
    with _opened(number) as fd:
        info = _info(fd)
        return sum(1 for _ in syscall.entries(fd, info.key_bytes, info.value_bytes))


@contextmanager
def _opened(number: int) -> Iterator[int]:
    fd, _ = syscall._bpf(_GET_FD_BY_ID, struct.pack("=III", number, 0, 0))
    try:
        yield fd
    finally:
        os.close(fd)


def _info(fd: int) -> Map:
    info = ctypes.create_string_buffer(_INFO.size)
    syscall._bpf(_GET_INFO, struct.pack("=IIQ", fd, len(info), ctypes.addressof(info)))
    kind, number, key_bytes, value_bytes, max_entries, flags, name = _INFO.unpack(info.raw)
    return Map(kind, number, key_bytes, value_bytes, max_entries, flags, name.rstrip(b"\0").decode())
