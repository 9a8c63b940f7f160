"""Keeping places in order while some of them move: a SortedList as the table has it, and what could stand in for it.

Asked for by name only: it says why `tui.core.order` is as it is.
"""

from __future__ import annotations

import random
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from sortedcontainers import SortedList

from tools.bench.effort import Effort
from tools.bench.report import Figure
from tui.core.order import Place

_SIZES = (2000, 8000)
"""Places around what is in sight that are kept in order: some, and the most."""
_MOVED = 100
"""One place in so many moves."""


class Moves(NamedTuple):
    """All places, and those that some of them move to."""

    places: Sequence[Place]
    stale: Sequence[Place]
    fresh: Sequence[Place]


def figures(effort: Effort) -> Iterator[Figure]:
    """Each way beside a SortedList in the same turns."""
    for size in sorted({min(size, effort.events) for size in _SIZES}):
        moves = _moves(size, random.Random(1))
        kept = [_kept_ms(moves) for _ in range(effort.loads)]
        for name, way in (
            ("in a list, by bisect", _listed),
            ("merged anew", _merged),
            ("sorted anew", _sorted),
        ):
            yield Figure(
                f"order, {len(moves.stale)} of {len(moves.places):,} places moved: {name}",
                "ms",
                [_ms(way(moves)) for _ in range(effort.loads)],
                "ms, in a SortedList",
                kept,
            )


def _moves(size: int, chance: random.Random) -> Moves:
    def place(number: int) -> Place:
        return (-chance.lognormvariate(15, 0.5), 0, (number.to_bytes(16, "big"),))

    places = [place(number) for number in range(size)]
    moved = chance.sample(range(size), max(1, size // _MOVED))
    return Moves(places, [places[number] for number in moved], [place(number) for number in moved])


def _ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def _kept_ms(moves: Moves) -> float:
    kept = SortedList(moves.places)

    def move() -> None:
        for place in moves.stale:
            kept.remove(place)
        kept.update(moves.fresh)

    return _ms(move)


def _listed(moves: Moves) -> Callable[[], object]:
    kept = sorted(moves.places)

    def move() -> None:
        for place in moves.stale:
            del kept[bisect_left(kept, place)]
        for place in moves.fresh:
            insort(kept, place)

    return move


def _merged(moves: Moves) -> Callable[[], object]:
    kept = sorted(moves.places)

    def move() -> list[Place]:
        gone = set(moves.stale)
        return sorted([place for place in kept if place not in gone] + sorted(moves.fresh))

    return move


def _sorted(moves: Moves) -> Callable[[], object]:
    gone = set(moves.stale)
    places = [place for place in moves.places if place not in gone] + list(moves.fresh)
    return lambda: sorted(places)
