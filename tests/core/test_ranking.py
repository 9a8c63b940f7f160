"""Rows that are out of sight need not be asked where exactly they are: what is in sight is right all the same."""

from __future__ import annotations

from functools import partial
from math import inf

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bpf.event import Handshake, Outcome
from tests.core.handshakes import FakeLabels, S, handshake
from tests.rounds import rounds
from tui.core.entries import ENTRY
from tui.core.filter import parse
from tui.core.grouping import REST
from tui.core.order import Order
from tui.core.row import Row
from tui.core.rows import Rows
from tui.core.window import Window

HOSTS = 30
SCREEN = 2
LATENCIES = st.sampled_from([0, *range(1, 12), *range(1016, 1032), 5000])
"""Some of a bucket each, some of which several are in one."""
EACH_CAME = st.tuples(st.integers(0, HOSTS - 1), st.lists(LATENCIES, min_size=1, max_size=4))
CAME = st.lists(EACH_CAME, min_size=1, max_size=8)
FILTERS = st.sampled_from(["", "", "p50>5ns", "n>=4", "!10.0.0.7", "refused>0 or p95<1us"])


class Model(RuleBasedStateMachine):
    """Much comes of many hosts, and a small screen is looked at, here and there."""

    limit = 1000

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr("tui.core.ranking.Order", partial(Order, margin=5))
        self._patch.setattr("tui.core.order._GROWN", 1)
        self._patch.setattr("tui.core.tally._FEW_BYTES", 6 * ENTRY.size)
        self.now_ns = S
        self.start = 0
        self.frozen: list[Row] | None = None
        self.rows = Rows(0, FakeLabels(), limit=self.limit)

    def teardown(self) -> None:
        self._patch.undo()

    @initialize(
        column=st.sampled_from(["p50", "p50", "p95", "p99", "count"]),
        descending=st.booleans(),
        window=st.sampled_from([Window.ALL, Window.ALL, Window.MINUTE]),
        latencies=st.data(),
    )
    def begin(self, column: str, descending: bool, window: Window, latencies: st.DataObject) -> None:
        self.rows.look_at(window)
        self.rows.sort_by(column, descending)
        for host in range(HOSTS):
            self.come([(host, latencies.draw(st.lists(LATENCIES, min_size=1, max_size=5)))])
        self.start = latencies.draw(st.sampled_from([0, HOSTS // 2, HOSTS - 1]))

    @rule(came=CAME)
    def come(self, came: list[tuple[int, list[int]]]) -> None:
        self.now_ns += S // 10
        self.take([self.made(host, ns) for host, latencies in came for ns in latencies])

    @rule(parts=st.lists(CAME, min_size=2, max_size=4))
    def come_in_parts(self, parts: list[list[tuple[int, list[int]]]]) -> None:
        """Nobody looks in between."""
        for came in parts:
            self.come(came)

    @rule(
        hosts=st.lists(st.integers(0, HOSTS - 1), min_size=1, max_size=20, unique=True),
        latency_ns=LATENCIES,
        times=st.integers(1, 12),
    )
    def come_alike(self, hosts: list[int], latency_ns: int, times: int) -> None:
        """What comes at one end only moves some rows a long way."""
        self.take([self.made(host, latency_ns) for host in hosts] * times)

    @rule(hosts=st.lists(st.integers(0, HOSTS - 1), min_size=1, max_size=4), latency_ns=LATENCIES)
    def fail(self, hosts: list[int], latency_ns: int) -> None:
        refused = [handshake(f"10.0.0.{host}", self.now_ns, outcome=Outcome.REFUSED) for host in hosts]
        self.take([*refused, self.made(hosts[0], latency_ns)])

    @rule(host=st.integers(0, HOSTS - 1), latency_ns=LATENCIES)
    def come_elsewhere(self, host: int, latency_ns: int) -> None:
        """A row of several cells, and of handshakes that are no entries."""
        self.take(
            [
                self.made(host, latency_ns),
                handshake(f"10.0.0.{host}", self.now_ns, latency_ns, port=80),
                handshake(f"10.0.0.{host}", self.now_ns, latency_ns, port=22, retransmits=1),
            ]
        )

    def made(self, host: int, latency_ns: int) -> Handshake:
        return handshake(f"10.0.0.{host}", self.now_ns, latency_ns)

    def take(self, handshakes: list[Handshake]) -> None:
        self.rows.ingest(handshakes)
        self.rows.refresh(self.now_ns)

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * S
        self.rows.refresh(self.now_ns)

    @rule(start=st.integers(0, HOSTS))
    def look(self, start: int) -> None:
        self.start = start

    @rule(host=st.integers(0, HOSTS - 1))
    def rank(self, host: int) -> None:
        row = self.rows.find((handshake(f"10.0.0.{host}", S).remote,))
        if row is not None:
            expected = self.expected()
            assert self.rows.rank(row) == (expected.index(row) if row in expected else None)

    def expected(self) -> list[Row]:
        return [row for row in self.all_in_order() if row.matches]

    def all_in_order(self) -> list[Row]:
        """By the figures that rows have: whether these are right, others ask."""
        keys = [REST, *((handshake(f"10.0.0.{host}", S).remote,) for host in range(HOSTS))]
        rows = [row for row in map(self.rows.find, keys) if row is not None]
        frozen = self.frozen
        if frozen is not None:
            return sorted(
                rows, key=lambda row: (not row.key, frozen.index(row) if row in frozen else inf, row.key)
            )
        id_, descending = self.rows.sorting

        def place(row: Row) -> tuple[bool, float, float, object]:
            value = row.recent if id_ == "rate" else row.figure(id_)
            if value is None:
                return not row.key, inf, -row.failed, row.key
            return not row.key, -value if descending else value, 0, row.key

        return sorted(rows, key=place)

    @invariant()
    def what_is_in_sight_is_in_order(self) -> None:
        expected = self.expected()
        in_sight = expected[self.start : self.start + SCREEN]
        assert self.rows.rows(self.start, self.start + SCREEN) == in_sight
        assert [self.rows.rank(row) for row in in_sight] == list(
            range(self.start, self.start + len(in_sight))
        )
        assert self.rows.shown == len(expected)


class BoundedModel(Model):
    """The same where hosts come and go."""

    limit = 22


class HandledModel(BoundedModel):
    """The same where keys are typed after which all have another place, too."""

    @rule(window=st.sampled_from([Window.ALL, Window.MINUTE]))
    def look_at(self, window: Window) -> None:
        self.rows.look_at(window)

    @rule(column=st.sampled_from(["p50", "p95", "p99", "count", "max", "rate"]), descending=st.booleans())
    def sort_by(self, column: str, descending: bool) -> None:
        self.rows.sort_by(column, descending)
        self.frozen = None

    @rule(text=FILTERS)
    def narrow(self, text: str) -> None:
        self.rows.narrow(parse(text).predicate() if text else None)

    @rule()
    def freeze(self) -> None:
        expected = self.all_in_order()
        self.rows.freeze(self.frozen is None)
        self.frozen = None if self.frozen is not None else expected


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=rounds(100, 1000), stateful_step_count=25, deadline=None)
TestHandledModel = HandledModel.TestCase
TestHandledModel.settings = settings(max_examples=rounds(50, 500), stateful_step_count=25, deadline=None)
TestBoundedModel = BoundedModel.TestCase
TestBoundedModel.settings = settings(max_examples=rounds(50, 500), stateful_step_count=25, deadline=None)


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


@pytest.mark.parametrize("column", ["count", "rate"])
def test_only_quantiles_stay_where_all_that_comes_is(column: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Latencies of a few ns say nothing about a count."""
    monkeypatch.setattr("tui.core.ranking.Order", partial(Order, margin=1))
    rows = Rows(0, FakeLabels())
    rows.sort_by(column)
    for host in range(HOSTS):
        rows.ingest([handshake(f"10.0.0.{host}", S, 1)] * (HOSTS - host))
    rows.refresh(S)
    assert [row.label for row in rows.rows(0, 1)] == ["10.0.0.0"]
    rows.ingest([handshake("10.0.0.29", S, 1)] * 100)
    rows.refresh(S)
    assert [row.label for row in rows.rows(0, 1)] == ["10.0.0.29"]


@pytest.mark.parametrize("retransmits", [0, 1])
@pytest.mark.parametrize("port", [443, 80])
def test_a_quantile_that_is_followed_is_moved_by_all_that_comes(port: int, retransmits: int) -> None:
    rows = Rows(0, FakeLabels())
    rows.sort_by("p50")
    for _ in range(2):
        for host, latency_ns in (("10.0.0.1", 10_000), ("10.0.0.2", 20_000)):
            rows.ingest([handshake(host, S, latency_ns + 10 * number) for number in range(100)])
        rows.refresh(S)
    assert [row.label for row in rows.rows(0, 2)] == ["10.0.0.2", "10.0.0.1"]
    rows.ingest([handshake("10.0.0.1", S, 40_000, port=port, retransmits=retransmits)] * 150)
    rows.ingest([handshake("10.0.0.1", S, 40_000)] * 100)
    rows.refresh(S)
    assert [row.label for row in rows.rows(0, 2)] == ["10.0.0.1", "10.0.0.2"]
