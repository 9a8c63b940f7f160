"""Opens TCP connections the way an application does, many at a time, and times them."""

from __future__ import annotations

import errno
import itertools
import math
import selectors
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import closing
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
    number: int
    target: Target
    socket: socket.socket
    began_ns: int
    local_port: int

    def ended(self, error: int) -> Connection:
        ended_ns = time.monotonic_ns()
        self.socket.close()
        return Connection(*self.target, self.local_port, self.began_ns, ended_ns, error)


class Connector:
    """Connects to many at a time, and closes as soon as it is known how that ended. One thread."""

    def __init__(self, timeout_s: float, *, reset: bool = False, local_port: int = 0) -> None:
        """Give up after `timeout_s`; close with RST when `reset`; come from `local_port`, unless that is 0."""
        self._timeout_s = timeout_s
        self._reset = reset
        self._local_port = local_port
        self._selector = selectors.DefaultSelector()
        self._attempts: dict[int, _Attempt] = {}
        """Under way, by number; so the oldest first."""
        self._ended: list[tuple[int, Connection]] = []
        self._begun = 0

    def __len__(self) -> int:
        """Return how many `finished` has not returned yet. A descriptor each."""
        return len(self._attempts) + len(self._ended)

    def begin(self, target: Target) -> int:
        """Begin to connect; return the connection's number. Does not wait.

        The socket is made in the calling thread's network namespace.
        """
        number, self._begun = self._begun, self._begun + 1
        attempt, error = self._open(number, target)
        if error == errno.EINPROGRESS:
            self._attempts[number] = attempt
            self._selector.register(attempt.socket, selectors.EVENT_WRITE, attempt)
        else:
            self._ended.append((number, attempt.ended(error)))
        return number

    def finished(self, wait_s: float = math.inf) -> list[tuple[int, Connection]]:
        """Wait until some have ended, but no longer than `wait_s`; return those, by number."""
        ended, self._ended = self._ended, []
        # All have the same patience, and a dict keeps its order: the first one's ends first.
        oldest = next(iter(self._attempts.values()), None)
        if oldest is not None:
            wait_s = min(wait_s, self._timeout_s - (time.monotonic_ns() - oldest.began_ns) / 1e9)
        for attempt, error in self._over(0.0 if ended else max(0.0, wait_s)):
            self._selector.unregister(attempt.socket)
            del self._attempts[attempt.number]
            ended.append((attempt.number, attempt.ended(error)))
        return ended

    def close(self) -> None:
        """Abandon what is under way."""
        for attempt in self._attempts.values():
            attempt.socket.close()
        self._attempts.clear()
        self._selector.close()

    def _open(self, number: int, target: Target) -> tuple[_Attempt, int]:
        family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        client = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            if self._reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            if self._local_port:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                client.bind(("", self._local_port))
            began_ns = time.monotonic_ns()
            error = client.connect_ex(target)
            return _Attempt(number, target, client, began_ns, int(client.getsockname()[1])), error
        except BaseException:
            client.close()
            raise

    def _over(self, wait_s: float) -> list[tuple[_Attempt, int]]:
        """Wait; return the attempts that ended, or else those that waited too long, each with its errno."""
        ready: list[_Attempt] = [
            key.data for key, _ in self._selector.select(None if wait_s == math.inf else wait_s)
        ]
        if ready:
            return [(one, one.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) for one in ready]
        latest_ns = time.monotonic_ns() - self._timeout_s * 1e9
        return [(one, errno.ETIMEDOUT) for one in self._attempts.values() if one.began_ns <= latest_ns]


def connect_all(
    targets: Iterable[Target], timeout_s: float, *, at_once: int, reset: bool, local_port: int
) -> list[Connection]:
    """Connect to each target and close again; results in the targets' order.

    Blocks; uses `at_once` descriptors. Sockets are made in the calling thread's network namespace.
    """
    results: dict[int, Connection] = {}
    waiting = iter(targets)
    with closing(Connector(timeout_s, reset=reset, local_port=local_port)) as connector:
        while True:
            for target in itertools.islice(waiting, at_once - len(connector)):
                connector.begin(target)
            if not len(connector):
                return [results[number] for number in sorted(results)]
            results.update(connector.finished())
