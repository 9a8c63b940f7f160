"""Rows against naive ones that keep all that comes: any sequence of calls, all that is shown compared."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.core.handshakes import MS, handshake
from tests.core.model_events import AFTER_NS, LATENCIES
from tests.core.rows_model import BEGAN_NS, Model
from tests.rounds import rounds
from tui.core.entries import ENTRY
from tui.core.grouping import Grouping
from tui.core.order import Order
from tui.core.window import Window

Crowd = list[tuple[int, int]]
CROWDS = st.lists(st.tuples(st.integers(0, 59), LATENCIES), min_size=1, max_size=12)
"""Numbers of hosts, and latencies."""
Scroll = tuple[str, bool, list[int], list[Crowd]]
SCROLLS: st.SearchStrategy[Scroll] = st.tuples(
    st.sampled_from(["p50", "p95", "p99"]),
    st.booleans(),
    st.lists(st.integers(0, 70), min_size=2, max_size=3),
    st.lists(CROWDS, min_size=1, max_size=3),
)
"""A column and its direction; where is looked, and what comes in parts after each look."""


class CrowdedModel(Model):
    """The same with rows enough for single ones to be moved, where Model's are all merged anew."""

    margin = 2000

    def __init__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr("tui.core.ranking.Order", partial(Order, margin=self.margin))
        super().__init__()
        crowd = [handshake(f"10.9.0.{number}", BEGAN_NS, self.latency_ns(number)) for number in range(60)]
        self.take(crowd, [])
        self.refresh(0)

    def latency_ns(self, _number: int) -> int:
        return MS

    @rule(start=st.integers(0, 70))
    def look(self, start: int) -> None:
        """Where the screen is, since there the order is kept."""
        expected = self.naive.rows()[start : start + 3]
        rows = self.rows.rows(start, start + 3)
        assert [row.key for row in rows] == [row.key for row in expected]
        assert [self.rows.rank(row) for row in rows] == list(range(start, start + len(rows)))

    def teardown(self) -> None:
        self._patch.undo()


class ScrolledModel(CrowdedModel):
    """The same with so many rows that the order of only a part of them is kept, and is looked at."""

    margin = 3
    start = 0

    def latency_ns(self, number: int) -> int:
        """Another for each: those alike are kept in order together."""
        return (1 + number) * MS

    @rule(start=st.integers(0, 70))
    def look(self, start: int) -> None:
        self.start = start
        super().look(start)

    @rule(scroll=SCROLLS)
    def scroll(self, scroll: Scroll) -> None:
        """Much comes between one look and the next, elsewhere."""
        column_id, descending, starts, parts = scroll
        self.narrow("")
        self.sort_by(column_id, descending)
        for start in starts:
            self.look(start)
            for latencies in parts:
                self.crowd(latencies)

    @rule(latencies=CROWDS)
    def crowd(self, latencies: Crowd) -> None:
        self.take([handshake(f"10.9.0.{number}", self.now_ns, ns) for number, ns in latencies], [])
        self.refresh(0)

    @rule()
    def compare_all(self) -> None:
        super().compare()

    def compare(self) -> None:
        """Not all: who looks at all has all places worked out."""
        self.look(self.start)
        assert self.rows.shown == len(self.naive.rows())


class FleetingModel(ScrolledModel):
    """The same where hosts come and go, some far from what is in sight."""

    limit = 50

    @rule(numbers=st.lists(st.integers(60, 120), min_size=1, max_size=20), latency_ns=LATENCIES)
    def come(self, numbers: list[int], latency_ns: int) -> None:
        self.crowd([(number, latency_ns) for number in numbers])


class ImpatientModel(Model):
    """The same where what waits for a refresh is soon counted, and what came is soon in tables."""

    pending_max = 3

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr("tui.core.tally._FEW_BYTES", 2 * ENTRY.size)

    def teardown(self) -> None:
        self._patch.undo()


class LiveModel(Model):
    """The same of records, as they come from the ring."""

    is_of_records = True


class BoundedModel(Model):
    """The same where few cells are kept apart."""

    limit = 3


@given(
    model=st.sampled_from([ScrolledModel, FleetingModel]),
    window=st.sampled_from([Window.ALL, Window.ALL, Window.MINUTE, Window.MINUTES_5]),
    grouping=st.sampled_from([Grouping.HOST, Grouping.SERVICE]),
    scrolls=st.lists(st.tuples(SCROLLS, AFTER_NS), min_size=1, max_size=3),
)
@settings(max_examples=rounds(20, 400), deadline=None)
def test_of_what_comes_out_of_sight_all_is_where_it_belongs_when_somebody_looks(
    model: type[ScrolledModel], window: Window, grouping: Grouping, scrolls: list[tuple[Scroll, int]]
) -> None:
    it = model()
    try:
        it.look_at(window)
        it.group_by(grouping)
        for scroll, after_ns in scrolls:
            it.scroll(scroll)
            it.refresh(after_ns)
            it.look(it.start)
        it.compare_all()
    finally:
        it.teardown()


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=rounds(50, 1000), stateful_step_count=12, deadline=None)
TestCrowdedModel = CrowdedModel.TestCase
TestCrowdedModel.settings = settings(max_examples=rounds(10, 200), stateful_step_count=10, deadline=None)
TestScrolledModel = ScrolledModel.TestCase
TestScrolledModel.settings = settings(max_examples=rounds(25, 500), stateful_step_count=20, deadline=None)
TestFleetingModel = FleetingModel.TestCase
TestFleetingModel.settings = settings(max_examples=rounds(15, 300), stateful_step_count=20, deadline=None)
TestImpatientModel = ImpatientModel.TestCase
TestImpatientModel.settings = settings(max_examples=rounds(20, 400), stateful_step_count=10, deadline=None)
TestLiveModel = LiveModel.TestCase
TestLiveModel.settings = settings(max_examples=rounds(20, 400), stateful_step_count=10, deadline=None)
TestBoundedModel = BoundedModel.TestCase
TestBoundedModel.settings = settings(max_examples=rounds(40, 800), stateful_step_count=12, deadline=None)
