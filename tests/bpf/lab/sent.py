"""Collects what the kernel sends, for tests that look at segments."""

from __future__ import annotations

import threading

from bpf.lab.device import Layer
from bpf.lab.segment import Segment, parse


class Sent:
    """The TCP segments a lab's kernel side sent: give it to `Lab(sent=...)`.

    Anything but TCP fails the lab: its network is silent but for what a test does.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._changed = threading.Condition()
        self._segments: list[Segment] = []

    def __call__(self, frame: bytes) -> None:
        """Take a frame, in the responder's thread."""
        segment = parse(frame, self._layer == "ethernet")
        assert segment is not None, f"noise: {frame.hex()}"
        with self._changed:
            self._segments.append(segment)
            self._changed.notify()

    def wait(self, count: int, timeout_s: float = 5.0) -> list[Segment]:
        """Block until there are `count`, and return all; raises AssertionError. Any thread."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._segments) >= count, timeout_s), self._segments
            return list(self._segments)
