"""From the key that asks for the next interface to that one being watched."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.bench.effort import Effort
from tools.bench.network import OTHERS, OURS, Pair
from tools.bench.report import Figure
from tools.bench.screen import settled, watching

TARGET_S = 0.2
_NEXT, _BEFORE = b"b", b"B"
_PAUSE_S = 0.3


def figures(effort: Effort) -> Iterator[Figure]:
    """There and back; beside it a key that changes the title, too, but nothing in the kernel."""
    took, paused = [], []
    with Pair() as pair, watching(pair) as screen:
        settled(screen, effort)
        for _ in range(effort.starts * 2):
            for key, name in ((_NEXT, OTHERS), (_BEFORE, OURS)):
                began = screen.press(key)
                took.append(screen.until(re.compile(rb"%s (tcx|clsact)" % name.encode())) - began)
                screen.read(_PAUSE_S)
            began = screen.press(b" ")
            paused.append(screen.until(re.compile(rb"PAUSED")) - began)
            screen.press(b" ")
            screen.read(_PAUSE_S)
    yield Figure("interface switch", "s", took, "s, the key that pauses", paused, TARGET_S)
