"""A flood: handshake packets that nobody asked for, from as many sources as there are, as fast as they can be written.

Run as a program of its own: `python -m tests.end_to_end.flood FD KIND COUNT ADDRESS PORT` writes them to a TAP's
descriptor, and prints how many seconds that took.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bpf.lab import Lab
from bpf.lab.packets import ACK, SYN, Tcp, ethernet, ipv4

SYNS, SYN_ACKS = "syns", "syn-acks"
_FLAGS = {SYNS: SYN, SYN_ACKS: SYN | ACK}
_SOURCE, _IP_SUM, _PORTS, _TCP_SUM = 14 + 12, 14 + 10, 14 + 20, 14 + 20 + 16
"""Where in a frame these are."""


@contextmanager
def flooding(lab: Lab, kind: str, count: int, port: int) -> Iterator[subprocess.Popen[str]]:
    """Let a process write `count` of a kind to the lab's device, for a port of ours, while the `with` lasts."""
    fd = lab.fileno()
    words = [sys.executable, "-m", "tests.end_to_end.flood", str(fd), kind, str(count), lab.ipv4, str(port)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(words, cwd=root, pass_fds=[fd], stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def frames(kind: str, count: int, address: str, port: int, seed: int = 1) -> Iterator[bytearray]:
    """Yield each in the same buffer, with sums that are right: another source address and port each time."""
    random_bits = random.Random(seed).getrandbits
    model = ethernet(ipv4("0.0.0.0", address, Tcp(0, port, _FLAGS[kind], seq=1, ack=kind == SYN_ACKS)))
    frame = bytearray(model)
    ip_sum, tcp_sum = (0xFFFF - struct.unpack_from("!H", frame, at)[0] for at in (_IP_SUM, _TCP_SUM))
    for _ in range(count):
        bits = random_bits(48)
        # 11.0.0.0/8 to 74.255.255.255: nobody's of the lab, and no martian.
        first, rest, source_port = 11 + (bits >> 42), bits >> 18 & 0xFFFFFF, 1024 + (bits & 0x7FFF)
        source = first << 24 | rest
        struct.pack_into("!I", frame, _SOURCE, source)
        struct.pack_into("!H", frame, _PORTS, source_port)
        more = (source >> 16) + (source & 0xFFFF)
        struct.pack_into("!H", frame, _IP_SUM, 0xFFFF - (ip_sum + more) % 0xFFFF)
        struct.pack_into("!H", frame, _TCP_SUM, 0xFFFF - (tcp_sum + more + source_port) % 0xFFFF)
        yield frame


def _main(fd: int, kind: str, count: int, address: str, port: int) -> None:
    began_s = time.monotonic()
    for frame in frames(kind, count, address, port):
        os.write(fd, frame)
    print(time.monotonic() - began_s)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
