"""Python's garbage collector, set for a program that keeps a hundred thousand hosts and must not stall."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from math import inf

from textual._styles_cache import StylesCache

_NEW, _YOUNG, _NEVER = 5000, 2, 1 << 30
"""How many new objects, and rounds of the generation before, let each generation be looked through."""
_INTERVAL_S = 10.0
_SHARE = 0.0005
"""Of the time, at most so much goes into looking through what is old, unless it pays:"""
_GROWTH = 1.25
"""... there are so many times the blocks of memory that the last look left."""


def settle() -> None:
    """Leave what is old to `Garbage`, and never look through what there is by now."""
    gc.freeze()
    gc.set_threshold(_NEW, _YOUNG, _NEVER)


class Garbage:
    """Lets go of what nothing refers to any more but itself. One thread.

    To look through 131,072 hosts takes 150 ms, and where hosts come and go Python would do so every third second.
    What hosts are made of is let go without the collector; but of each view that is left, Textual leaves thousands of
    objects in circles. The more of them there are, the longer it takes to let go of them, so how long a look took must
    not be all that says when the next is due: what is in circles would become ever more.
    """

    def __init__(self, clock_s: Callable[[], float] = time.perf_counter) -> None:
        """`clock_s` tells how long a look takes."""
        self._clock_s = clock_s
        self._earliest_s = self._due_s = -inf
        self._worth_blocks = inf

    def look(self, now_s: float) -> bool:
        """Look through everything if that is due; return whether it was. `now_s`: the monotonic clock."""
        if self._due_s == -inf:
            self._earliest_s = self._due_s = now_s + _INTERVAL_S
        if now_s < self._earliest_s:
            return False
        if now_s < self._due_s and sys.getallocatedblocks() < self._worth_blocks:
            return False
        # Textual (8.2) keeps the last 1,024 widgets that were drawn, with their lines, in what is meant for colours.
        StylesCache.get_inner_outer.cache_clear()
        began_s = self._clock_s()
        gc.collect()
        took_s = self._clock_s() - began_s
        self._earliest_s = now_s + _INTERVAL_S
        self._due_s = now_s + max(_INTERVAL_S, took_s / _SHARE)
        self._worth_blocks = _GROWTH * sys.getallocatedblocks()
        return True
