"""A capture of an interface's TCP segments by their timestamps: another clock for the same echoes."""

from __future__ import annotations

import socket
import struct
import time
from collections import defaultdict
from typing import NamedTuple

from tests.bpf.peers import ACK, FIN, SYN

_SO_TIMESTAMPNS = 35
_ETH_P_IP = 0x0800
_TIMESPEC = struct.Struct("=qq")
_FRAME_BYTES = 65_536
_ADDRESSES = struct.Struct("!26x4s4s")
_STAMPED = struct.Struct("!46xBB6xIII")
"""Of a frame with plain Ethernet and IPv4 headers: data offset, flags, the option's head, TSval, TSecr."""
_NOP_NOP_TIMESTAMPS = 0x0101080A


class Echo(NamedTuple):
    """A TSval that came back."""

    host: str
    """Who sent it back."""
    time_ns: int
    """When, CLOCK_MONOTONIC."""
    rtt_ns: int


class Echoes:
    """Listens to an interface of the calling thread's namespace, for exchanges of which one is under way at a time."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_IP))
        self._socket.bind((interface, 3))  # ETH_P_ALL: those that leave, too.
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setblocking(False)

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def read(self) -> list[Echo]:
        """What came back since the last time, by the kernel's own stamps of the frames."""
        to_monotonic_ns = time.monotonic_ns() - time.time_ns()
        sent_ns: dict[tuple[str, int], int] = {}
        seen: defaultdict[str, set[int]] = defaultdict(set)
        echoes: list[Echo] = []
        while True:
            try:
                frame, ancillary, _, _ = self._socket.recvmsg(_FRAME_BYTES, 64)
            except BlockingIOError:
                return echoes
            seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2][: _TIMESPEC.size])
            time_ns = seconds * 1_000_000_000 + nanoseconds
            offset, flags, kind, value, echo = _STAMPED.unpack_from(frame)
            if kind != _NOP_NOP_TIMESTAMPS or flags & SYN or not flags & ACK:
                continue
            source, destination = map(socket.inet_ntoa, _ADDRESSES.unpack_from(frame))
            began_ns = sent_ns.pop((source, echo), None)
            if began_ns is not None:
                echoes.append(Echo(source, time_ns + to_monotonic_ns, time_ns - began_ns))
            has_data = len(frame) > 34 + (offset >> 4) * 4 or flags & FIN
            # Only what is known to be the first with its TSval, and will be acknowledged.
            if has_data and seen[destination] and value not in seen[destination]:
                sent_ns[destination, value] = time_ns
            seen[destination].add(value)


def smoothed(echoes: list[Echo], host: str, until_ns: int) -> float:
    """RFC 6298, of those that `host` had sent back by then, in nanoseconds."""
    srtt_ns = 0.0
    for echo in echoes:
        if echo.host == host and echo.time_ns <= until_ns:
            srtt_ns += (echo.rtt_ns - srtt_ns) / (8 if srtt_ns else 1)
    return srtt_ns
