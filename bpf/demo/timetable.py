"""What happens again and again, each thing at its own pace."""

from __future__ import annotations

import heapq
import itertools
import math
import random
import time
from collections.abc import Callable
from typing import NamedTuple

_FIRST_WITHIN_S = 5.0


class _Entry(NamedTuple):
    due_s: float
    number: int
    every_s: float
    spread: float
    act: Callable[[], object]


class Timetable:
    """Runs what is due. One thread; times are CLOCK_MONOTONIC seconds."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._entries: list[_Entry] = []
        self._numbers = itertools.count()

    def add(self, act: Callable[[], object], every_s: float, first_s: float, spread: float = 0.5) -> None:
        """Call `act` in `first_s` seconds, then every `every_s`, more or less: `spread` of it either way."""
        self._push(time.monotonic() + first_s, every_s, spread, act)

    def add_soon(self, act: Callable[[], object], every_s: float) -> None:
        """Call `act` at its own pace, but for the first time within some seconds, however rare it is."""
        # Not at once: what is rare would pass before anybody looks.
        first_s = min(every_s, _FIRST_WITHIN_S) * self._chance.uniform(0.5, 1)
        self.add(act, every_s, first_s)

    def run_due(self) -> float:
        """Do what is due; return how many seconds it is until the next."""
        while self._entries:
            now_s = time.monotonic()
            if self._entries[0].due_s > now_s:
                return self._entries[0].due_s - now_s
            entry = heapq.heappop(self._entries)
            entry.act()
            wait_s = entry.every_s * self._chance.uniform(1 - entry.spread, 1 + entry.spread)
            # From when it was due, so as not to be late ever more; but what a pause missed is not made up for.
            due_s = max(entry.due_s + wait_s, now_s - entry.every_s)
            self._push(due_s, entry.every_s, entry.spread, entry.act)
        return math.inf

    def _push(self, due_s: float, every_s: float, spread: float, act: Callable[[], object]) -> None:
        heapq.heappush(self._entries, _Entry(due_s, next(self._numbers), every_s, spread, act))
