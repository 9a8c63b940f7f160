"""Opens TCP connections the way an application does, many at a time, and times them."""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Target = tuple[str, int]
"""Address and port."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Connection:
    """What connect() did. Times are CLOCK_MONOTONIC nanoseconds."""

    address: str
    port: int
    local_port: int
    began_ns: int
    """Right before connect()."""
    ended_ns: int
    """Right after it was known how it ended: the handshake took no longer than this minus `began_ns`."""
    error: int
    """0: established; otherwise an errno: ECONNREFUSED, EHOSTUNREACH, ...; ETIMEDOUT: `timeout_s` passed."""

    @property
    def duration_ns(self) -> int:
        """Return how long the application waited."""
        return self.ended_ns - self.began_ns


@dataclass(frozen=True, slots=True)
class _Attempt:
    index: int
    target: Target
    socket: socket.socket
    began_ns: int
    local_port: int

    def ended(self, error: int) -> Connection:
        ended_ns = time.monotonic_ns()
        self.socket.close()
        return Connection(*self.target, self.local_port, self.began_ns, ended_ns, error)


def connect_all(
    targets: Iterable[Target], timeout_s: float, *, at_once: int, reset: bool, local_port: int
) -> list[Connection]:
    """Connect to each target and close again; results in the targets' order.

    Blocks; uses `at_once` descriptors. Sockets are made in the calling thread's network namespace.
    """
    results: dict[int, Connection] = {}
    waiting = iter(enumerate(targets))
    with selectors.DefaultSelector() as selector:
        attempts: dict[int, _Attempt] = {}
        try:
            more = True
            while more or attempts:
                more = more and _start(waiting, attempts, selector, results, (at_once, reset, local_port))
                for attempt, error in _finished(attempts, selector, timeout_s):
                    selector.unregister(attempt.socket)
                    del attempts[attempt.index]
                    results[attempt.index] = attempt.ended(error)
        finally:
            for attempt in attempts.values():
                attempt.socket.close()
    return [results[index] for index in sorted(results)]


def _start(
    waiting: Iterator[tuple[int, Target]],
    attempts: dict[int, _Attempt],
    selector: selectors.BaseSelector,
    results: dict[int, Connection],
    how: tuple[int, bool, int],
) -> bool:
    """Begin connections until `at_once` are under way; return whether there may be more."""
    at_once, reset, local_port = how
    while len(attempts) < at_once:
        index, target = next(waiting, (-1, ("", 0)))
        if index < 0:
            return False
        attempt, error = _begin(index, target, reset, local_port)
        if error == errno.EINPROGRESS:
            attempts[index] = attempt
            selector.register(attempt.socket, selectors.EVENT_WRITE, attempt)
        else:
            results[index] = attempt.ended(error)
    return True


def _begin(index: int, target: Target, reset: bool, local_port: int) -> tuple[_Attempt, int]:
    family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        if reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if local_port:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("", local_port))
        began_ns = time.monotonic_ns()
        error = client.connect_ex(target)
        return _Attempt(index, target, client, began_ns, int(client.getsockname()[1])), error
    except BaseException:
        client.close()
        raise


def _finished(
    attempts: dict[int, _Attempt], selector: selectors.BaseSelector, timeout_s: float
) -> list[tuple[_Attempt, int]]:
    """Wait until some end, or the oldest has waited `timeout_s`; return those, each with its errno."""
    if not attempts:
        return []
    # All have the same patience, and a dict keeps its order: the first one's ends first.
    oldest_ns = next(iter(attempts.values())).began_ns
    left_s = timeout_s - (time.monotonic_ns() - oldest_ns) / 1e9
    ready: list[_Attempt] = [key.data for key, _ in selector.select(max(0.0, left_s))]
    if ready:
        return [(one, one.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) for one in ready]
    now_ns = time.monotonic_ns()
    return [(one, errno.ETIMEDOUT) for one in attempts.values() if now_ns - one.began_ns >= timeout_s * 1e9]
