"""Rows that are out of sight need not be asked where exactly they are: what is in sight is right all the same."""

from __future__ import annotations

from functools import partial
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bpf.event import Outcome
from tests.core.handshakes import FakeLabels, S, handshake
from tui.core.order import Order
from tui.core.row import Row
from tui.core.rows import Rows
from tui.core.window import Window

HOSTS = 30
LATENCIES = st.sampled_from([0, *range(1, 12), *range(1016, 1032), 5000])
"""Some of a bucket each, some of which several are in one."""
CAME = st.lists(
    st.tuples(st.integers(0, HOSTS - 1), st.lists(LATENCIES, min_size=1, max_size=4)), min_size=1, max_size=8
)


class Model(RuleBasedStateMachine):
    """Much comes of many hosts, and a screen of three is looked at, here and there."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr("tui.core.ranking.Order", partial(Order, margin=5))
        self._patch.setattr("tui.core.order._GROWN", 1)
        self.now_ns = S
        self.start = 0
        self.frozen: list[Row] | None = None
        self.rows = Rows(0, FakeLabels())

    def teardown(self) -> None:
        self._patch.undo()

    @initialize(
        column=st.sampled_from(["p50", "p50", "p95", "count"]), descending=st.booleans(), latencies=st.data()
    )
    def begin(self, column: str, descending: bool, latencies: st.DataObject) -> None:
        self.rows.sort_by(column, descending)
        for host in range(HOSTS):
            self.come([(host, latencies.draw(st.lists(LATENCIES, min_size=1, max_size=5)))])
        self.start = latencies.draw(st.sampled_from([0, HOSTS // 2, HOSTS - 1]))

    @rule(came=CAME)
    def come(self, came: list[tuple[int, list[int]]]) -> None:
        self.now_ns += S // 10
        self.rows.ingest(
            [handshake(f"10.0.0.{host}", self.now_ns, ns) for host, latencies in came for ns in latencies]
        )
        self.rows.refresh(self.now_ns)

    @rule(host=st.integers(0, HOSTS - 1))
    def fail(self, host: int) -> None:
        self.rows.ingest([handshake(f"10.0.0.{host}", self.now_ns, outcome=Outcome.REFUSED)])
        self.rows.refresh(self.now_ns)

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * S
        self.rows.refresh(self.now_ns)

    @rule(window=st.sampled_from([Window.ALL, Window.MINUTE]))
    def look_at(self, window: Window) -> None:
        self.rows.look_at(window)

    @rule(start=st.integers(0, HOSTS))
    def look(self, start: int) -> None:
        self.start = start

    @rule()
    def freeze(self) -> None:
        expected = self.expected()
        self.rows.freeze(self.frozen is None)
        self.frozen = None if self.frozen is not None else expected

    @rule(host=st.integers(0, HOSTS - 1))
    def rank(self, host: int) -> None:
        row = next(row for row in self.expected() if row.label == f"10.0.0.{host}")
        assert self.rows.rank(row) == self.expected().index(row)

    def expected(self) -> list[Row]:
        """By the figures that rows have: whether these are right, others ask."""
        if self.frozen is not None:
            return self.frozen
        id_, descending = self.rows.sorting
        rows = [self.rows.find((handshake(f"10.0.0.{host}", S).remote,)) for host in range(HOSTS)]

        def place(row: Row) -> tuple[float, float, object]:
            value = row.figure(id_)
            if value is None:
                return inf, -row.failed, row.key
            return -value if descending else value, 0, row.key

        return sorted(filter(None, rows), key=place)

    @invariant()
    def what_is_in_sight_is_in_order(self) -> None:
        expected = self.expected()[self.start : self.start + 1]
        assert self.rows.rows(self.start, self.start + 1) == expected
        assert [self.rows.rank(row) for row in expected] == list(
            range(self.start, self.start + len(expected))
        )


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)


def test_rows_out_of_sight_are_held_where_they_were_when_the_order_was_frozen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.core.ranking.Order", partial(Order, margin=1))
    rows = Rows(0, FakeLabels())
    rows.sort_by("p50")
    rows.ingest([handshake(f"10.0.0.{host}", S, 1000 * (host + 1)) for host in range(HOSTS)])
    rows.refresh(S)
    rows.rows(0, 1)
    rows.ingest([handshake("10.0.0.0", S, 2500)] * 3)
    rows.refresh(S)
    rows.freeze(True)
    last = [row.label for place in range(27, 30) for row in rows.rows(place, place + 1)]
    assert last == ["10.0.0.2", "10.0.0.0", "10.0.0.1"]
