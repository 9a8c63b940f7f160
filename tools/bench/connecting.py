"""Real handshakes: connect() from our end of the wire, accept() at the other, reset. A process of its own.

Arguments: the descriptor of what listens, how many remote hosts, how many a second (0: as many as can be).
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from tools.bench.children import Generator
from tools.bench.generating import due, obey
from tools.bench.network import PORT, Pair

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""No TIME_WAIT, which would use up the ports."""
_NETWORK = "198.18"


def connecting(stack: ExitStack, pair: Pair, hosts: int, rate: float) -> Generator:
    """A process that makes them; ready, not begun. It ends with `stack`."""
    listener = stack.enter_context(pair.listener())
    fd = listener.fileno()
    return stack.enter_context(Generator(pair.ours, "connecting", [fd, hosts, rate], [fd]))


def address(host: int) -> str:
    """The remote host of that number."""
    return f"{_NETWORK}.{host >> 8 & 255}.{host & 255}"


def main(arguments: Sequence[str]) -> None:
    """Connect as told."""
    fd, hosts, rate = int(arguments[0]), int(arguments[1]), float(arguments[2])
    listener = socket.socket(fileno=fd)
    targets = [(address(host), PORT) for host in range(hosts)]

    def run(seconds: float) -> dict[str, Any]:
        began = time.perf_counter()
        took_ns: list[int] = []
        for number in due(rate, seconds):
            while len(took_ns) < number:
                took_ns.append(_connect(targets[len(took_ns) % hosts], listener))
        return {
            "count": len(took_ns),
            "seconds": time.perf_counter() - began,
            "took_ns": took_ns,
        }

    obey(run)


def _connect(target: tuple[str, int], listener: socket.socket) -> int:
    """Open a connection and close both ends; return how long connect() took, in ns."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    began_ns = time.perf_counter_ns()
    sock.connect(target)
    took_ns = time.perf_counter_ns() - began_ns
    sock.close()
    listener.accept()[0].close()
    return took_ns


if __name__ == "__main__":
    main(sys.argv[1:])
