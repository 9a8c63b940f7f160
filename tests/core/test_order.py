"""The order of places, whatever part of it is kept sorted: as of all of them sorted anew."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.rounds import rounds
from tui.core.order import Order, Place

VALUES = st.integers(0, 4) | st.integers(0, 1000) | st.just(float("inf"))

FEW = st.dictionaries(st.integers(0, 99), VALUES | st.none(), min_size=1, max_size=4)


class Model(RuleBasedStateMachine):
    """Places of numbered rows come, move and go; a screen of three is looked at, here and there."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[int, Place] = {}
        self.order = Order(lambda: self.places.values(), margin=2)
        self.start = 0

    @initialize(values=st.lists(VALUES, min_size=20, max_size=100), start=st.integers(0, 100))
    def begin(self, values: list[float], start: int) -> None:
        """More than there is room for beside those in sight."""
        self.move(dict(enumerate(values)))
        self.start = start

    @rule(moves=st.lists(FEW, min_size=2, max_size=5))
    def move_unseen(self, moves: list[dict[int, float | None]]) -> None:
        for values in moves:
            self.move(values)

    @rule(numbers=st.sets(st.integers(0, 99), min_size=10), value=VALUES)
    def move_together(self, numbers: set[int], value: float) -> None:
        self.move(dict.fromkeys(numbers, value))

    @rule(values=FEW | st.dictionaries(st.integers(0, 99), VALUES | st.none(), max_size=60))
    def move(self, values: Mapping[int, float | None]) -> None:
        stale = [self.places.pop(number) for number in values if number in self.places]
        fresh = {number: (value, 0, (number,)) for number, value in values.items() if value is not None}
        self.places.update(fresh)
        self.order.move(stale, list(fresh.values()))

    @rule(add=st.integers(0, 5))
    def rebuild(self, add: int) -> None:
        self.places = {number: (value + add, 0, key) for number, (value, _, key) in self.places.items()}
        self.order.rebuild()

    @rule(start=st.integers(-1, 3) | st.integers(-1, 100))
    def look(self, start: int) -> None:
        self.start = start

    @rule()
    def look_at_all(self) -> None:
        assert self.order.keys(0, 1000) == [key for _, _, key in sorted(self.places.values())]

    @rule()
    def rank_all(self) -> None:
        ordered = sorted(self.places.values())
        assert [self.order.rank(place) for place in ordered] == list(range(len(ordered)))

    @invariant()
    def what_is_in_sight_is_right(self) -> None:
        ordered = sorted(self.places.values())
        assert len(self.order) == len(ordered)
        shown = ordered[max(0, self.start) : max(0, self.start + 2)]
        assert self.order.keys(self.start, self.start + 2) == [key for _, _, key in shown]
        assert [self.order.rank(place) for place in shown] == [ordered.index(place) for place in shown]


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=rounds(150, 1500), stateful_step_count=20, deadline=None)


@pytest.mark.parametrize("number", [11, 12, 29, 30, 31])
@pytest.mark.parametrize("away", [-1, 20.5, 500])
def test_a_place_at_the_edge_of_what_is_kept_in_order_goes_and_comes_back(number: int, away: float) -> None:
    places: dict[int, Place] = {each: (each, 0, (each,)) for each in range(64)}
    order = Order(lambda: places.values(), margin=8)
    order.keys(20, 22)
    more: dict[int, Place] = {each: (each, 0, (each,)) for each in range(64, 70)}
    places |= more
    order.move([], list(more.values()))
    assert order.bounds == (12.0, 30.0)
    for value in (away, number, away, number, away):
        before, places[number] = places[number], (value, 0, (number,))
        order.move([before], [places[number]])
        keys = [key for _, _, key in sorted(places.values())]
        assert order.keys(20, 22) == keys[20:22]
        assert [order.rank(place) for place in sorted(places.values())] == list(range(70))
    assert [order.keys(start, start + 1) for start in range(13, 34)] == [[key] for key in keys[13:34]]
