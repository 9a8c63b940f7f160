"""A cable between two namespaces that takes a known time to pass, and loses what it shall: two TAPs and a thread."""

from __future__ import annotations

import heapq
import itertools
import os
import select
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack

from bpf.interfaces import Layer
from bpf.lab.namespace import Namespace
from tests.bpf.tap import open_tap

_FRAME_BYTES = 65_536
_DATA_BYTES = 100
"""A frame as long has data."""


class Cable:
    """Carries frames both ways until it is closed, each `delay_s` after it was read.

    Its two ends are given by namespace, device and address.
    """

    def __init__(self, *ends: tuple[Namespace, str, str], delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        """One way. May be changed meanwhile."""
        self.loses_every = [0, 0]
        """From each end, of so many frames with data one, in turn, is lost; 0: none."""
        self.lost = 0
        self._carried = 0
        self._stack = ExitStack()
        self._fds: list[int] = []
        for namespace, name, address in ends:
            self._fds.append(open_tap(namespace, Layer.ETHERNET, name, [], [address]))
            self._stack.callback(os.close, self._fds[-1])
        self._awake, self._alarm = os.pipe()
        for fd in (self._awake, self._alarm):
            self._stack.callback(os.close, fd)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take it out of both ends."""
        os.write(self._alarm, b"x")
        self._thread.join()
        self._stack.close()

    def _run(self) -> None:
        due: list[tuple[float, int, int, bytes]] = []
        numbers = itertools.count()
        other = dict(zip(self._fds, reversed(self._fds), strict=True))
        while True:
            wait_s = max(0.0, due[0][0] - time.monotonic()) if due else None
            readable, _, _ = select.select([*self._fds, self._awake], [], [], wait_s)
            if self._awake in readable:
                return
            for fd in readable:
                for frame in _read(fd):
                    if not self._loses(frame, self.loses_every[fd == self._fds[1]]):
                        heapq.heappush(
                            due, (time.monotonic() + self.delay_s, next(numbers), other[fd], frame)
                        )
            while due and due[0][0] <= time.monotonic():
                _, _, fd, frame = heapq.heappop(due)
                os.write(fd, frame)

    def _loses(self, frame: bytes, every: int) -> bool:
        if not every or len(frame) < _DATA_BYTES:
            return False
        self._carried += 1
        is_lost = self._carried % every == 0
        self.lost += is_lost
        return is_lost


def _read(fd: int) -> Sequence[bytes]:
    try:
        return [os.read(fd, _FRAME_BYTES)]
    except BlockingIOError:
        return []
