"""Crafted handshakes: SYNs put on the wire from our end, SYN-ACKs from the other, hundreds of thousands a second.

The same to the probe as real ones of unknown processes, at a fraction of what sockets cost. Frames are made beforehand;
a system call sends up to a thousand. They are for nobody's MAC address, so the machine's TCP never sees them. Answers
come in another order than SYNs and some milliseconds later, so that latencies differ. A process of its own; arguments:
the descriptors of the two ends, how many remote hosts, how many handshakes a second.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import random
import struct
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from bpf.lab import packets
from bpf.lab.packets import ACK, SYN, Tcp, ethernet, ip
from tools.bench.children import Generator
from tools.bench.generating import due, obey
from tools.bench.network import LOCAL_IPV4, LOCAL_IPV6, PORT, Pair

FRAMES_MIN = 16_384
_IPV4_HOSTS = 1 << 17
_REMOTE_IPV4, _REMOTE_IPV6 = "198.18.0.0", "2001:db8:1::"
_FIRST_PORT = 10_000
_LAG_S = 0.02
_AT_ONCE = 1024
"""UIO_MAXIOV: what sendmmsg() takes."""
_MESSAGE = struct.Struct("@PIPNPNi0PI0P")
"""struct mmsghdr."""
_VECTOR = struct.Struct("@PN")
"""struct iovec."""
_LIBC = ctypes.CDLL(None, use_errno=True)
_OPTIONS = (
    packets.mss(1460)
    + packets.SACK_PERMITTED
    + packets.timestamps(1, 0)
    + packets.NOP
    + packets.window_scale(7)
)
"""As Linux orders them."""


def injected(stack: ExitStack, pair: Pair, hosts: int, rate: float) -> Generator:
    """A process that makes them; ready, not begun. It ends with `stack`."""
    fds = [stack.enter_context(pair.raw(is_ours=is_ours)).fileno() for is_ours in (True, False)]
    return stack.enter_context(Generator(pair.ours, "injected", [*fds, hosts, rate], fds))


class Frames:
    """Frames in one piece of memory, and what sendmmsg() wants to know of them."""

    def __init__(self, fd: int, frames: Sequence[bytes]) -> None:
        """`fd`: a packet socket; frames are of one size."""
        self._fd = fd
        self._count = len(frames)
        size = len(frames[0])
        self._data = ctypes.create_string_buffer(b"".join(frames))
        data = ctypes.addressof(self._data)
        self._vectors = ctypes.create_string_buffer(
            b"".join(_VECTOR.pack(data + number * size, size) for number in range(self._count))
        )
        vectors = ctypes.addressof(self._vectors)
        self._messages = ctypes.create_string_buffer(
            b"".join(
                _MESSAGE.pack(0, 0, vectors + number * _VECTOR.size, 1, 0, 0, 0, 0)
                for number in range(self._count)
            )
        )

    def send(self, begin: int, end: int) -> None:
        """Send those numbered from `begin` on, up to `end`; after the last one comes the first. Raises OSError."""
        while begin < end:
            place = begin % self._count
            some = min(end - begin, _AT_ONCE, self._count - place)
            at = ctypes.c_void_p(ctypes.addressof(self._messages) + place * _MESSAGE.size)
            sent = _LIBC.sendmmsg(self._fd, at, some, 0)
            if sent < 0:
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error))
            begin += sent


def segments(hosts: int, count: int) -> Iterator[tuple[bytes, bytes]]:
    """SYN and SYN-ACK of connections to one host after the other, from another port when it is a host's turn again."""
    is_v6 = hosts > _IPV4_HOSTS
    local, first = (LOCAL_IPV6, _REMOTE_IPV6) if is_v6 else (LOCAL_IPV4, _REMOTE_IPV4)
    size, start = (16, 22) if is_v6 else (4, 26)
    syn = ethernet(ip(local, first, Tcp(_FIRST_PORT, PORT, SYN, 0, options=_OPTIONS)))
    syn_ack = ethernet(ip(first, local, Tcp(PORT, _FIRST_PORT, SYN | ACK, 1, 0, options=_OPTIONS)))
    tcp = start + 2 * size
    base = int(ipaddress.ip_address(first))
    for number in range(count):
        turn, host = divmod(number, hosts)
        remote = (base + host).to_bytes(size, "big")
        isn = number * 7919 % (1 << 31)
        port, seq, ack = (
            value.to_bytes(length, "big")
            for value, length in ((_FIRST_PORT + turn, 2), (isn, 4), (isn + 1, 4))
        )
        # Checksums stay those of the first: nobody looks.
        yield (
            syn[: start + size] + remote + port + syn[tcp + 2 : tcp + 4] + seq + syn[tcp + 8 :],
            syn_ack[:start] + remote + syn_ack[start + size : tcp + 2] + port
            + syn_ack[tcp + 4 : tcp + 8] + ack + syn_ack[tcp + 12 :],
        )  # fmt: skip


def main(arguments: Sequence[str]) -> None:
    """Send as told."""
    our_fd, their_fd, hosts = map(int, arguments[:3])
    rate = float(arguments[3])
    lag = max(1, int(rate * _LAG_S))
    count = -(-max(hosts, FRAMES_MIN) // lag) * lag
    made = list(segments(hosts, count))
    syns = Frames(our_fd, [syn for syn, _ in made])
    answers = Frames(their_fd, [made[number][1] for number in _shuffled(count, lag)])
    del made
    state = {"sent": 0}

    def run(seconds: float) -> dict[str, Any]:
        began, first = time.perf_counter(), state["sent"]
        asked = answered = first
        for number in due(rate, seconds):
            syns.send(asked, first + number)
            asked = first + number
            answers.send(answered, max(answered, asked - lag))
            answered = max(answered, asked - lag)
        # A whole number of lots, so that all of what was asked is among what is answered.
        end = -(-asked // lag) * lag
        syns.send(asked, end)
        answers.send(answered, end)
        state["sent"] = end
        return {"count": end - first, "seconds": time.perf_counter() - began}

    obey(run)


def _shuffled(count: int, lot: int) -> Iterator[int]:
    """All numbers, those of each lot in any order."""
    chance = random.Random(1)
    for begin in range(0, count, lot):
        yield from chance.sample(range(begin, begin + lot), lot)


if __name__ == "__main__":
    main(sys.argv[1:])
