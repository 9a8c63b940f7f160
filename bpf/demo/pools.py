"""Connections that a local process keeps open, and sends through again and again."""

from __future__ import annotations

import contextlib
import socket

from bpf.demo.scene import Pool
from bpf.demo.timetable import Timetable

_MESSAGE = bytes(200)
_FIRST_S = 2.5
"""The probe is attached by then, so it sees who opens what."""


class Kept:
    """One connection, opened anew whenever it breaks."""

    def __init__(self, address: str, port: int) -> None:
        self._target = (address, port)
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket: socket.socket | None = None

    def send(self) -> None:
        """Send a message, or begin to connect; never waits."""
        if self._socket is None:
            self._socket = socket.socket(self._family)
            self._socket.setblocking(False)
            with contextlib.suppress(OSError):  # It is under way; or the next time tells.
                self._socket.connect(self._target)
            return
        try:
            self._socket.send(_MESSAGE)
        except BlockingIOError:  # Still connecting, or much is on its way already.
            return
        except OSError:
            self._socket.close()
            self._socket = None


def keep(pool: Pool, timetable: Timetable) -> None:
    """Keep a pool's connections open, from soon on."""
    for number in range(pool.connections):
        first_s = _FIRST_S + pool.every_s * number / pool.connections
        timetable.add(Kept(pool.address, pool.port).send, pool.every_s, first_s)
