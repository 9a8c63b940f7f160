"""Python's garbage collector, set for a program that keeps a hundred thousand hosts and must not stall."""

from __future__ import annotations

import gc
import time
from math import inf

_NEW, _YOUNG, _NEVER = 5000, 2, 1 << 30
"""How many new objects, and rounds of the generation before, let each generation be looked through."""
_INTERVAL_S = 10.0
_SHARE = 0.002
"""Of the time, at most so much goes into looking through what is old."""


def settle() -> None:
    """Leave what is old to `Garbage`, and never look through what there is by now."""
    gc.freeze()
    gc.set_threshold(_NEW, _YOUNG, _NEVER)


class Garbage:
    """Lets go of what nothing refers to any more but itself. One thread.

    To look through 131,072 hosts takes 150 ms, and where hosts come and go Python would do so every third second.
    What hosts are made of is let go without the collector; but of each view that is left, Textual leaves thousands of
    objects in circles.
    """

    def __init__(self) -> None:
        self._due_s = -inf

    def look(self, now_s: float) -> bool:
        """Look through everything if that is due; return whether it was. `now_s`: the monotonic clock."""
        if self._due_s == -inf:
            self._due_s = now_s + _INTERVAL_S
        if now_s < self._due_s:
            return False
        began_s = time.perf_counter()
        gc.collect()
        took_s = time.perf_counter() - began_s
        self._due_s = now_s + max(_INTERVAL_S, took_s / _SHARE)
        return True
