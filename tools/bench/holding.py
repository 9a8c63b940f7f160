"""Connections that stay open, and send a little through each in turn. A process of its own, or several.

Arguments: the descriptor of what listens, the numbers of the first and of the last connection, to how many hosts, how
many segments a second.
"""

from __future__ import annotations

import resource
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import cycle
from typing import Any

from tools.bench.children import Generator
from tools.bench.connecting import address
from tools.bench.generating import due, obey
from tools.bench.network import PORT, Pair

_OTHER_FDS = 100
_SEGMENT = bytes(100)
_FIRST_PORT = 10_000


def holding(stack: ExitStack, pair: Pair, connections: int, hosts: int, rate: float) -> Sequence[Generator]:
    """Processes that hold them, all open when it returns; told to, they send. They end with `stack`."""
    fd = stack.enter_context(pair.listener()).fileno()
    # Both ends are in one process, which may have only so many descriptors.
    each_has = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - _OTHER_FDS) // 2
    generators = []
    for first in range(0, connections, each_has):
        last = min(first + each_has, connections) - 1
        share = rate * (last - first + 1) / connections
        generator = Generator(pair.ours, "holding", [fd, first, last, hosts, share], [fd])
        generators.append(stack.enter_context(generator))
    return generators


def main(arguments: Sequence[str]) -> None:
    """Open as told, then send as told."""
    fd, first, last, hosts = map(int, arguments[:4])
    rate = float(arguments[4])
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    listener = socket.socket(fileno=fd)
    ends = [_open(number, hosts, listener) for number in range(first, last + 1)]
    senders = cycle([sender for sender, _ in ends])

    def run(seconds: float) -> dict[str, Any]:
        began = time.perf_counter()
        sent = 0
        for number in due(rate, seconds):
            while sent < number:
                next(senders).send(_SEGMENT)
                sent += 1
        return {"count": sent, "seconds": time.perf_counter() - began}

    obey(run)


def _open(number: int, hosts: int, listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    sender = socket.socket()
    # The same port to several hosts: there are more connections than one address has ports.
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sender.bind(("", _FIRST_PORT + number // hosts))
    sender.connect((address(number % hosts), PORT))
    sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sender, listener.accept()[0]


if __name__ == "__main__":
    main(sys.argv[1:])
