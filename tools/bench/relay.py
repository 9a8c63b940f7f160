"""Many different packets through the hook's programs in one BPF_PROG_TEST_RUN, which by itself repeats the same one.

A small program puts the next packet of a list in the place of the one that it is run on, then jumps to the program that
is to see it (a tail call), so that programs are run as they are loaded, one packet after another, as on a busy machine.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

from bpf import maps, syscall
from tools.bench.passing import Passing

_PROGRAM_ARRAY = 3
_NUMBER = struct.Struct("=I")
_VALUE_BYTES = 128
_SIDE_OFFSET = _VALUE_BYTES - _NUMBER.size
"""Behind a packet is told who is to see it."""
_COUNTER_OFFSET = -8
_LOOKUP, _STORE, _TAIL_CALL = 1, 9, 12
"""Helpers: bpf_map_lookup_elem, bpf_skb_store_bytes, bpf_tail_call."""
_R0, _R1, _R2, _R3, _R4, _R5, _CONTEXT, _COUNTER, _PACKET, _FRAME = 0, 1, 2, 3, 4, 5, 6, 7, 8, 10


class Relay:
    """The packets, ready to be run. Closed when left."""

    def __init__(self, packets: Sequence[Passing]) -> None:
        """`packets`: of one size, 124 bytes at most. Raises OSError."""
        self._count = len(packets)
        self._first = packets[0].data
        with ExitStack() as stack:
            self._sides_fd = _map(stack, "sides", _PROGRAM_ARRAY, 4, 2)
            self._counter_fd = _map(stack, "counter", maps.ARRAY, 4, 1)
            packets_fd = _map(stack, "packets", maps.ARRAY, _VALUE_BYTES, len(packets))
            for number, packet in enumerate(packets):
                value = packet.data.ljust(_SIDE_OFFSET, b"\0") + _NUMBER.pack(packet.is_ingress)
                syscall.update(packets_fd, _NUMBER.pack(number), value)
            code = _code(self._counter_fd, packets_fd, self._sides_fd, len(self._first))
            self._program_fd = syscall.load_classifier("relay", code)
            stack.callback(os.close, self._program_fd)
            self._leaving = stack.pop_all()

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    def run(self, egress_fd: int, ingress_fd: int, ifindex: int) -> int:
        """Let the programs see all packets, each once and in order; return ns a packet, the relay's own included."""
        for side, program_fd in enumerate((egress_fd, ingress_fd)):
            syscall.update(self._sides_fd, _NUMBER.pack(side), _NUMBER.pack(program_fd))
        syscall.update(self._counter_fd, _NUMBER.pack(0), _NUMBER.pack(0))
        return syscall.test_run(self._program_fd, self._first, ifindex, self._count)[1]


def _map(stack: ExitStack, name: str, kind: int, value_bytes: int, entries: int) -> int:
    map_fd = maps.make(maps.Shape(name, kind, _NUMBER.size, value_bytes, entries))
    stack.callback(os.close, map_fd)
    return map_fd


def _code(counter_fd: int, packets_fd: int, sides_fd: int, size: int) -> bytes:
    end = _instruction(0xB7, _R0, immediate=-1) + _instruction(0x95)
    return b"".join(
        [
            _instruction(0xBF, _CONTEXT, _R1),
            _instruction(0x62, _FRAME, offset=_COUNTER_OFFSET),  # The counter's own number: 0.
            _found(counter_fd, end),
            _instruction(0xBF, _COUNTER, _R0),
            _instruction(0x61, _R1, _COUNTER),
            _instruction(0x63, _FRAME, _R1, _COUNTER_OFFSET),
            _instruction(0x07, _R1, immediate=1),
            _instruction(0x63, _COUNTER, _R1),
            _found(packets_fd, end),
            _instruction(0xBF, _PACKET, _R0),
            _instruction(0xBF, _R1, _CONTEXT),
            _instruction(0xB7, _R2),
            _instruction(0xBF, _R3, _PACKET),
            _instruction(0xB7, _R4, immediate=size),
            _instruction(0xB7, _R5),
            _instruction(0x85, immediate=_STORE),
            _instruction(0xBF, _R1, _CONTEXT),
            _map_of(_R2, sides_fd),
            _instruction(0x61, _R3, _PACKET, _SIDE_OFFSET),
            _instruction(0x85, immediate=_TAIL_CALL),
            end,
        ]
    )


def _found(map_fd: int, otherwise: bytes) -> bytes:
    """Look up the number that is on the stack; without it, do something else."""
    return b"".join(
        [
            _instruction(0xBF, _R2, _FRAME),
            _instruction(0x07, _R2, immediate=_COUNTER_OFFSET),
            _map_of(_R1, map_fd),
            _instruction(0x85, immediate=_LOOKUP),
            _instruction(0x55, _R0, offset=len(otherwise) // 8),
            otherwise,
        ]
    )


def _map_of(register: int, map_fd: int) -> bytes:
    return _instruction(0x18, register, 1, immediate=map_fd) + _instruction(0)


def _instruction(code: int, to: int = 0, of: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("=BBhi", code, of << 4 | to, offset, immediate)
