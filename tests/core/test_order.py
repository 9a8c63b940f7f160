"""The order of places, whatever part of it is kept sorted: as of all of them sorted anew."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tui.core.order import Order, Place

VALUES = st.integers(0, 4) | st.integers(0, 1000) | st.just(float("inf"))


class Model(RuleBasedStateMachine):
    """Places of numbered rows come, move and go; a screen of three is looked at, here and there."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[int, Place] = {}
        self.order = Order(lambda: self.places.values(), margin=2)
        self.start = 0

    @rule(values=st.dictionaries(st.integers(0, 99), VALUES | st.none(), max_size=60))
    def move(self, values: dict[int, float | None]) -> None:
        stale = [self.places.pop(number) for number in values if number in self.places]
        fresh = {number: (value, 0, (number,)) for number, value in values.items() if value is not None}
        self.places.update(fresh)
        self.order.move(stale, list(fresh.values()))

    @rule(add=st.integers(0, 5))
    def rebuild(self, add: int) -> None:
        self.places = {number: (value + add, 0, key) for number, (value, _, key) in self.places.items()}
        self.order.rebuild()

    @rule(start=st.integers(-1, 100))
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
TestModel.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
