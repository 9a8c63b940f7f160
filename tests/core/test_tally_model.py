"""Tallies against a list of all handshakes: whatever is added in whichever way, and whatever was asked before."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bpf.event import Handshake, Outcome
from tests.core.handshakes import MS, S, handshake
from tests.core.naive_figures import jitter, quantile
from tests.rounds import rounds
from tui.core.codes import Delta
from tui.core.entries import ENTRY, entry_of
from tui.core.histogram import bucket_of
from tui.core.tally import Tally
from tui.core.trend import EDGES_NS

SLICE_NS = 5 * S
SHORT = st.just(0) | st.integers(0, 6 * S)
LONG = st.integers(0, 40 * S) | st.sampled_from([60 * S, 125 * S, 150 * S, 400 * S, 900 * S, 2000 * S])
LATENCIES = st.just(0) | st.integers(1, 300) | st.integers(1, 2 * S) | st.sampled_from([MS, 300 * MS])
LATE = st.sampled_from([0] * 8 + [1, 3 * S, 7 * S, 35 * S, 70 * S, 140 * S, 500 * S, 950 * S])
OUTCOMES = st.sampled_from([Outcome.ESTABLISHED] * 6 + list(Outcome))
IN_ORDER = st.tuples(SHORT, st.just(0), LATENCIES, st.just(Outcome.ESTABLISHED), st.just(0))
ANY = st.tuples(SHORT, LATE, LATENCIES, OUTCOMES, st.sampled_from([0, 0, 0, 2]))
MADE = st.lists(IN_ORDER, min_size=1, max_size=12) | st.lists(ANY, min_size=1, max_size=8)
"""How long after the one before, and how late it is told; its latency, outcome and retransmissions."""
Made = list[tuple[int, int, int, Outcome, int]]
AGES = st.integers(0, 3) | st.integers(0, 23) | st.integers(0, 30).map(lambda half_minutes: -half_minutes)
"""Slices that counts are asked from: how old; or, below 0, the beginnings of half minutes before."""


Questions = list[tuple[str, int, int]]
QUESTIONS: st.SearchStrategy[Questions] = st.lists(
    st.tuples(
        st.sampled_from(["quantile", "all_figures", "last", "recent", "since", "has_between", "levels"]),
        AGES,
        AGES,
    ),
    max_size=3,
)


def slice_of(each: Handshake) -> int:
    return each.time_ns // SLICE_NS


class Model(RuleBasedStateMachine):
    """Asks one thing at a time, as what was asked is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self.now_ns = 10_000 * S
        self.tally = Tally()
        self.all: list[Handshake] = []
        self.first = self.shown = 0
        """The slices that were asked about last: they are asked about again when more has come."""

    def teardown(self) -> None:
        self._patch.undo()

    @initialize(few=st.sampled_from([1, 1, 4, 48]), made=MADE)
    def begin(self, few: int, made: Made) -> None:
        self._patch.setattr("tui.core.tally._FEW_BYTES", few * ENTRY.size)
        self.add(made, [])

    @rule(made=MADE, questions=QUESTIONS)
    def add(self, made: Made, questions: Questions) -> None:
        self._put(self.tally, self._handshakes(made))
        self._ask(questions)

    @rule(made=MADE, questions=QUESTIONS)
    def apply(self, made: Made, questions: Questions) -> None:
        self.tally.apply(Delta(self._handshakes(made)))
        self._ask(questions)

    @rule(made=MADE, later=MADE, after_ns=LONG, is_delta=st.booleans(), questions=QUESTIONS)
    def merge(self, made: Made, later: Made, after_ns: int, is_delta: bool, questions: Questions) -> None:
        other = Tally()
        self._put(other, self._handshakes(made))
        self.now_ns += after_ns
        if is_delta:
            other.apply(Delta(self._handshakes(later)))
        else:
            self._put(other, self._handshakes(later))
        self.tally.merge(other)
        self._ask(questions)

    @rule(made=MADE, questions=QUESTIONS)
    def merge_all(self, made: Made, questions: Questions) -> None:
        others = []
        for each in self._handshakes(made):
            others.append(Tally())
            self._put(others[-1], [each])
        self.tally.merge_all(others)
        self._ask(questions)

    @rule(after_ns=SHORT | LONG)
    def wait(self, after_ns: int) -> None:
        self.now_ns += after_ns

    def _handshakes(self, made: Made) -> list[Handshake]:
        found = []
        for after_ns, late_ns, latency_ns, outcome, retransmits in made:
            self.now_ns += after_ns
            found.append(
                handshake(
                    "10.0.0.1",
                    self.now_ns - late_ns,
                    latency_ns,
                    outcome=outcome,
                    retransmits=retransmits,
                    connect_ns=latency_ns + retransmits * S,
                )
            )
        self.all += found
        return found

    def _put(self, tally: Tally, handshakes: list[Handshake]) -> None:
        """As entries, but for those that are none."""
        entries = [(each, entry_of(each)) for each in handshakes]
        tally.apply(Delta(each for each, entry in entries if entry is None))
        tally.add(b"".join(entry for _, entry in entries if entry is not None))

    def _first(self, age: int) -> int:
        newest = self._newest()
        return newest - age if age >= 0 else newest // 6 * 6 + 6 * age

    def _newest(self) -> int:
        return max(map(slice_of, self.all))

    def _ask(self, questions: Questions) -> None:
        if questions and self._newest() - 23 <= self.first:
            self._compare_recent()
        if questions and self._newest() <= self.shown:
            self._compare_levels()
        for question, age, other_age in questions:
            getattr(self, question)(age, other_age)

    def quantile(self, age: int, _: int) -> None:
        q = (0.01, 0.5, 0.95, 0.99)[age % 4]
        latencies = [each.latency_ns for each in self.all if each.latency_ns and not each.outcome]
        expected = quantile(latencies, q, is_exact=True)
        assert self.tally.quantile_ns(q) == expected

    def all_figures(self, _: int, __: int) -> None:
        latencies = [each.latency_ns for each in self.all if each.latency_ns and not each.outcome]
        figures = self.tally.all_time
        assert figures.latencies == len(latencies)
        assert (figures.min_ns, figures.max_ns) == (
            min(latencies, default=None),
            max(latencies, default=None),
        )
        assert figures.quantile_ns(0.5) == quantile(latencies, 0.5, is_exact=True)
        assert figures.jitter_ns == jitter(latencies)
        assert figures.retransmits == sum(each.retransmits for each in self.all)

    def last(self, _: int, __: int) -> None:
        answered = [
            (each.time_ns, each.latency_ns) for each in self.all if each.latency_ns and not each.outcome
        ]
        assert self.tally.last_latency_ns == (max(answered)[1] if answered else None)
        assert self.tally.last_seen_ns == max(each.time_ns for each in self.all)
        failed = sum(each.outcome != Outcome.ESTABLISHED for each in self.all)
        assert (self.tally.established, self.tally.failed) == (len(self.all) - failed, failed)

    def recent(self, age: int, _: int) -> None:
        self.first = self._first(age)
        self._compare_recent()

    def _compare_recent(self) -> None:
        first = self.first
        recent = [each for each in self.all if slice_of(each) >= first and not each.outcome]
        assert self.tally.recent(first) == len(recent)

    def since(self, age: int, _: int) -> None:
        first = self._first(age)
        expected = Delta(each for each in self.all if slice_of(each) >= first).by_code()
        assert self.tally.since(first) == expected
        assert self.tally.counts == Delta(self.all).by_code()

    def has_between(self, age: int, other_age: int) -> None:
        first, end = sorted(map(self._first, (age, other_age)))
        end += end == self._newest()
        expected = any(first <= slice_of(each) < end for each in self.all)
        assert self.tally.has_between(first, end) is expected

    def levels(self, age: int, _: int) -> None:
        self.shown = self._newest() + max(age, 0)
        self._compare_levels()

    def _compare_levels(self) -> None:
        now = self.shown
        slowest: Counter[int] = Counter()
        for each in self.all:
            if not each.outcome:
                slowest[slice_of(each)] = max(slowest[slice_of(each)], each.latency_ns)
        expected = [
            sum(bucket_of(ns) > bucket_of(edge_ns) for edge_ns in EDGES_NS) + 1 if (ns := slowest[at]) else 0
            for at in range(now - 23, now + 1)
        ]
        assert list(self.tally.levels(now)) == expected


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=rounds(60, 1200), stateful_step_count=15, deadline=None)
