"""Rows against naive ones that keep every handshake: any sequence of calls, all that is shown compared."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bpf.event import Direction, Handshake, Outcome
from tests.core.handshakes import MS, FakeLabels, S, handshake
from tests.core.naive_rows import NaiveRows, Shown
from tui.core.column import Main
from tui.core.columns import IDS_OF, column
from tui.core.figures import Figures
from tui.core.filter import parse
from tui.core.grouping import Grouping
from tui.core.row import Row
from tui.core.rows import Rows
from tui.core.window import Window

LABELS = FakeLabels({"10.0.0.2": "web.example.org"})
CELLS = [
    ("10.0.0.1", 443, "curl", Direction.OUTBOUND, 2),
    ("10.0.0.1", 443, "sshd", Direction.OUTBOUND, 2),
    ("10.0.0.1", 22, "sshd", Direction.OUTBOUND, 3),
    ("10.0.0.2", 443, "curl", Direction.OUTBOUND, 2),
    ("10.0.0.2", 443, "", Direction.INBOUND, 2),
    ("10.0.1.20", 8080, "", Direction.INBOUND, 9),
    ("192.0.2.7", 443, "curl", Direction.OUTBOUND, 3),
    ("2001:db8::a", 443, "curl", Direction.OUTBOUND, 2),
    ("2001:db8::ff:a", 22, "", Direction.INBOUND, 3),
]
"""Few, so that each sees much; of each grouping some go together."""
SORTABLE = [id_ for id_ in IDS_OF[Main.HANDSHAKE] if column(id_).value]
FILTERS = [
    *("", "10.0.0", "0.2 or web", "nowhere", "/^10\\.0\\.[01]\\.2/", "!ip:10.0.0.0/8", "host:web or dir:in"),
    *("if:eth0", "port:443", "port:1-100 or service:https", "proc:curl", "!proc:curl pid>800", "unit:nginx"),
    *("p95>20ms", "n>=2 or failed>0", "retx>0 last<1s", "rate>0.1", "age<30s", "!max>1ms", "min<1us"),
    *("unanswered>0 or refused>0", "p50:0-300ms p99>2ms", "!unreachable:0"),
]
BEGAN_NS = 1_003_200_000_000
LATENESS_NS = [0] * 12 + [1, 4 * S, 8 * S, 59 * S, 70 * S, 150 * S, 400 * S, 1000 * S]
AFTER_NS = (
    st.integers(0, 2 * S)
    | st.integers(0, 30 * S)
    | st.integers(0, 300 * S)
    | st.sampled_from([5 * S, 60 * S, 15 * 60 * S, 3600 * S])
)
LATENCIES = st.just(0) | st.integers(1, 300) | st.integers(1, 2 * S) | st.sampled_from([MS, 300 * MS])

Events = list[tuple[int, int, dict[str, Any]]]


@st.composite
def events(draw: st.DrawFn) -> tuple[int, int, dict[str, Any]]:
    """How long after the one before; how late it is reported; a handshake but for its time."""
    latency_ns = draw(LATENCIES)
    retransmits = draw(st.sampled_from([0, 0, 0, 1, 3]))
    address, port, process, direction, ifindex = draw(st.sampled_from(CELLS))
    return (
        draw(st.integers(0, 8 * S) | st.just(0)),
        draw(st.sampled_from(LATENESS_NS)),
        {
            "address": address,
            "latency_ns": latency_ns,
            "outcome": draw(st.sampled_from([Outcome.ESTABLISHED] * 6 + list(Outcome))),
            "retransmits": retransmits,
            "connect_ns": latency_ns + retransmits * S,
            "port": port,
            "process": process,
            "pid": draw(st.sampled_from([0, 812, 900])),
            "cgroup": draw(st.sampled_from([0, 7])),
            "direction": direction,
            "ifindex": ifindex,
        },
    )


Steps = list[tuple[Events, int]]
STEPS = st.lists(st.tuples(st.lists(events(), min_size=1, max_size=4), AFTER_NS), min_size=2, max_size=6)


def counted(figures: Figures) -> Shown:
    return {
        **{f"p{q}": figures.quantile_ns(q / 100) for q in (50, 95, 99)},
        "count": figures.established,
        "fail": figures.failed(),
        **{each.name.lower(): figures.failed(4096 + each) for each in Outcome if each},
        "retx": figures.retransmits,
        "latencies": figures.latencies,
        "min": figures.min_ns,
        "max": figures.max_ns,
        "jitter": figures.jitter_ns,
    }


def shown(row: Row) -> Shown:
    """All figures of a row."""
    figures = counted(row.figures)
    for id_, value in figures.items():
        assert id_ == "latencies" or row.figure(id_) == value
    assert (row.count, row.failed) == (figures["count"], figures["fail"])
    return figures | {
        "recent": row.recent,
        "rate": row.rate,
        "last": row.last_ns,
        "age": row.age_ns,
        "levels": row.levels,
        "marked": counted(row.marked) if row.marked else None,
        "since": counted(row.since_mark),
    }


class Model(RuleBasedStateMachine):
    """Any sequence of calls; after each of them everything shown is compared."""

    pending_max = 50_000

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = BEGAN_NS
        self.rows = Rows(BEGAN_NS, LABELS, self.pending_max)
        self.naive = NaiveRows(BEGAN_NS, LABELS)

    def take(self, made: list[Handshake]) -> None:
        self.rows.ingest(made)
        self.naive.pending += made

    @initialize(
        window=st.sampled_from(Window),
        grouping=st.sampled_from(Grouping),
        column_id=st.sampled_from(SORTABLE),
        text=st.just("") | st.sampled_from(FILTERS),
        steps=STEPS,
    )
    def begin(self, window: Window, grouping: Grouping, column_id: str, text: str, steps: Steps) -> None:
        self.look_at(window)
        self.group_by(grouping)
        self.sort_by(column_id, True)
        self.narrow(text)
        self.go_on(steps)

    @rule(events=st.lists(events(), max_size=8))
    def ingest(self, events: Events) -> None:
        made = []
        for after_ns, late_ns, what in events:
            self.now_ns += after_ns
            made.append(handshake(time_ns=self.now_ns - late_ns, **what))
        self.take(made)

    @rule(after_ns=AFTER_NS)
    def refresh(self, after_ns: int) -> None:
        self.now_ns += after_ns
        self.rows.refresh(self.now_ns)
        self.naive.refresh(self.now_ns)

    @rule(steps=STEPS)
    def go_on(self, steps: Steps) -> None:
        for each, after_ns in steps:
            self.ingest(each)
            self.refresh(after_ns)
            self.compare()

    @rule(after_ns=AFTER_NS)
    def wait(self, after_ns: int) -> None:
        self.now_ns += after_ns

    @rule(column_id=st.sampled_from(SORTABLE), descending=st.booleans())
    def sort_by(self, column_id: str, descending: bool) -> None:
        self.rows.sort_by(column_id, descending)
        self.naive.sort_by(column_id, descending)

    @rule(text=st.sampled_from(FILTERS))
    def narrow(self, text: str) -> None:
        predicate = parse(text).predicate() if text else None
        self.rows.narrow(predicate)
        self.naive.narrow(predicate)

    @rule(grouping=st.sampled_from(Grouping))
    def group_by(self, grouping: Grouping) -> None:
        self.rows.group_by(grouping)
        self.naive.group_by(grouping)

    @rule(direction=st.sampled_from([None, None, *Direction]))
    def face(self, direction: Direction | None) -> None:
        self.rows.face(direction)
        self.naive.face(direction)

    @rule(window=st.sampled_from(Window))
    def look_at(self, window: Window) -> None:
        self.rows.look_at(window)
        self.naive.look_at(window)

    @rule(is_frozen=st.booleans())
    def freeze(self, is_frozen: bool) -> None:
        self.rows.freeze(is_frozen)
        self.naive.freeze(is_frozen)

    @rule()
    def mark(self) -> None:
        self.rows.mark()
        self.naive.mark()

    @rule()
    def unmark(self) -> None:
        self.rows.unmark()
        self.naive.unmark()

    @rule(after_ns=st.integers(0, 20 * S), is_due=st.sampled_from([False] * 9 + [True]))
    def reset(self, after_ns: int, is_due: bool) -> None:
        if not is_due:
            return
        self.now_ns += after_ns
        self.rows.reset(self.now_ns)
        self.naive.reset(self.now_ns)

    @invariant()
    def compare(self) -> None:
        self.shows_the_same_rows_in_the_same_order()
        self.all_figures_are_those_of_the_last_refresh()
        self.totals_are_of_all_rows()
        self.says_what_it_does()

    def shows_the_same_rows_in_the_same_order(self) -> None:
        rows, expected = self.rows.rows(0, 1000), self.naive.rows()
        assert [row.key for row in rows] == [row.key for row in expected]
        assert [self.rows.rank(row) for row in rows] == list(range(len(rows)))
        assert self.rows.rows(1, 3) == rows[1:3]
        assert (self.rows.shown, len(self.rows)) == (len(expected), len(self.naive.all))
        for key in self.naive.all:
            row = self.rows.find(key)
            assert row and row.matches is self.naive.matches[key]
            assert row.matches or self.rows.rank(row) is None

    def all_figures_are_those_of_the_last_refresh(self) -> None:
        for key, expected in self.naive.all.items():
            row = self.rows.find(key)
            assert row and shown(row) == expected.shown()
            assert set(row.texts()) == set(expected.texts())

    def totals_are_of_all_rows(self) -> None:
        assert shown(self.rows.totals) == self.naive.totals.shown()

    def says_what_it_does(self) -> None:
        rows, naive = self.rows, self.naive
        assert rows.sorting == naive.sorting
        assert rows.is_frozen is (naive.held is not None)
        assert (rows.grouping, rows.direction, rows.window) == (naive.grouping, naive.direction, naive.window)
        assert (rows.now_ns, rows.marked_ns) == (naive.now_ns, naive.marked_ns)


class CrowdedModel(Model):
    """The same with rows enough for single ones to be moved, where Model's are all merged anew."""

    def __init__(self) -> None:
        super().__init__()
        crowd = [handshake(f"10.9.0.{number}", BEGAN_NS, MS) for number in range(60)]
        self.take(crowd)
        self.refresh(0)


class ImpatientModel(Model):
    """The same where what waits for a refresh is soon counted."""

    pending_max = 3


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=200, stateful_step_count=12, deadline=None)
TestCrowdedModel = CrowdedModel.TestCase
TestCrowdedModel.settings = settings(max_examples=20, stateful_step_count=10, deadline=None)
TestImpatientModel = ImpatientModel.TestCase
TestImpatientModel.settings = settings(max_examples=60, stateful_step_count=10, deadline=None)
