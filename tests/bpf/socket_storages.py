"""How many values there are in a storage on sockets: the kernel's own count, by an iterator (Linux 5.8, with BTF)."""

from __future__ import annotations

import ctypes
import os
import struct
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from bpf import syscall

_PROG_LOAD, _LINK_CREATE, _ITER_CREATE = 5, 28, 33
_TRACING, _TRACE_ITER = 26, 28
_SEQ_WRITE = 127
_FUNC = 12
_EXTRA_BYTES = {1: 4, 3: 12, 4: 12, 5: 12, 6: 8, 13: 8, 14: 4, 15: 12, 17: 4, 19: 12}
"""By a type's kind: what follows its entry in BTF, for each of its members if it has any."""
_PER_MEMBER = (4, 5, 6, 13, 15, 19)
_CHUNK_BYTES = 65_536


def _instruction(code: int, registers: int, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("=BBhi", code, registers, offset, immediate)


_WRITE_A_BYTE_FOR_EACH = b"".join(
    [
        _instruction(0x79, 0x17, 16),  # r7 = ctx->sk
        _instruction(0x15, 0x07, 7),  # if (r7 == 0) goto end
        _instruction(0x79, 0x11, 0),  # r1 = ctx->meta
        _instruction(0x79, 0x11, 0),  # r1 = r1->seq
        _instruction(0x7A, 0x0A, -8),  # *(u64 *)(r10 - 8) = 0
        _instruction(0xBF, 0xA2),  # r2 = r10
        _instruction(0x07, 0x02, 0, -8),  # r2 += -8
        _instruction(0xB7, 0x03, 0, 1),  # r3 = 1
        _instruction(0x85, 0x00, 0, _SEQ_WRITE),
        _instruction(0xB7, 0x00),  # end: return 0
        _instruction(0x95, 0x00),
    ]
)


def socket_storages(map_fd: int) -> int:
    """Count them."""
    with ExitStack() as stack:

        def opened(command: int, attributes: bytes) -> int:
            fd, _ = syscall.call(command, attributes)
            stack.callback(os.close, fd)
            return fd

        code = _WRITE_A_BYTE_FOR_EACH
        program = ctypes.create_string_buffer(code, len(code))
        gpl = ctypes.create_string_buffer(b"GPL")
        head = (_TRACING, len(code) // 8, ctypes.addressof(program), ctypes.addressof(gpl))
        target = _iterator_of_socket_storages()
        program_fd = opened(_PROG_LOAD, struct.pack("=IIQQ44xI36xI4x", *head, _TRACE_ITER, target))
        of_map = ctypes.create_string_buffer(struct.pack("=I", map_fd), 4)
        link = struct.pack("=IIIIQI4x", program_fd, 0, _TRACE_ITER, 0, ctypes.addressof(of_map), 4)
        link_fd = opened(_LINK_CREATE, link)
        iterator_fd = opened(_ITER_CREATE, struct.pack("=II", link_fd, 0))
        count = 0
        while chunk := os.read(iterator_fd, _CHUNK_BYTES):
            count += len(chunk)
        return count


@cache
def _iterator_of_socket_storages() -> int:
    """The number of the kernel's function of that name among its types."""
    btf = Path("/sys/kernel/btf/vmlinux").read_bytes()
    header_bytes, types_at, types_bytes, names_at = struct.unpack_from("=IIII", btf, 4)
    names = btf[header_bytes + names_at :]
    wanted = names.index(b"\0bpf_iter_bpf_sk_storage_map\0") + 1
    at, end, number = header_bytes + types_at, header_bytes + types_at + types_bytes, 0
    while at < end:
        number += 1
        name, info = struct.unpack_from("=II", btf, at)
        kind, members = info >> 24 & 0x1F, info & 0xFFFF
        if kind == _FUNC and name == wanted:
            return number
        at += 12 + _EXTRA_BYTES.get(kind, 0) * (members if kind in _PER_MEMBER else 1)
    raise LookupError("bpf_iter_bpf_sk_storage_map")
