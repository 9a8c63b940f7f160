"""The machine that gives rows and a naive model of them the same, and compares what both show."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bpf.event import Direction, Flow, Handshake, Outcome, Records
from tests.core.handshakes import FakeLabels, S, handshake
from tests.core.model_events import AFTER_NS, EVENTS, STEPS, Events, Said, Sockets, Steps
from tests.core.naive_figures import Shown
from tests.core.naive_rows import NaiveRows
from tui.core.column import Main
from tui.core.columns import COLUMNS
from tui.core.figures import Figures
from tui.core.filter import parse
from tui.core.grouping import Grouping
from tui.core.row import Row
from tui.core.rows import Rows
from tui.core.window import Moment, Window

LABELS = FakeLabels({"10.0.0.2": "web.example.org"})
SORTABLE = [each.id for each in COLUMNS if each.value]
FILTERS = [
    *("", "10.0.0", "0.2 or web", "nowhere", "/^10\\.0\\.[01]\\.2/", "!ip:10.0.0.0/8", "host:web or dir:in"),
    *("if:eth0", "port:443", "port:1-100 or service:https", "proc:curl", "!proc:curl pid>800", "unit:nginx"),
    *("p95>20ms", "n>=2 or failed>0", "retx>0 last<1s", "rate>0.1", "age<30s", "!max>1ms", "min<1us"),
    *("unanswered>0 or refused>0", "p50:0-300ms p99>2ms", "!unreachable:0"),
    *("srtt>12ms", "minrtt:4ms-10ms flows>=1", "flows:0 or n>0", "loss>1%", "bloat>=3 or loss:0", "!bloat<4"),
    *("pid:700,812", "!unit:nginx flows>0"),
]
BEGAN_NS = 1_003_200_000_000


def timed(figures: Figures) -> Shown:
    return {
        **{f"p{q}": figures.quantile_ns(q / 100) for q in (50, 95, 99)},
        "latencies": figures.latencies,
        "min": figures.min_ns,
        "max": figures.max_ns,
        "jitter": figures.jitter_ns,
    }


def counted(figures: Figures) -> Shown:
    return {
        **timed(figures),
        "count": figures.established,
        "fail": figures.failed(),
        **{each.name.lower(): figures.failed(4096 + each) for each in Outcome if each},
        "retx": figures.retransmits,
    }


def live(row: Row, moment: Moment) -> Shown:
    """All figures of its open connections."""
    found = row.live
    figures = {
        "flows": found.count,
        "srtt": found.srtt_ns,
        "srtt_max": found.srtt_max_ns,
        "minrtt": found.min_rtt_ns,
        "minrtt_max": found.min_rtt_max_ns,
        "bloat": found.bloat,
        "loss": found.loss_percent,
        "sampled": row.sample_age_ns,
    }
    for id_, value in figures.items():
        assert row.figure(id_) == value
    assert len(found.connections) == found.count
    return figures | {
        "is_bloated": found.is_bloated,
        "live_levels": row.live_levels,
        "samples": timed(found.tally.figures(moment)),
    }


def shown(row: Row, moment: Moment) -> Shown:
    """All figures of a row."""
    figures = counted(row.figures)
    for id_, value in figures.items():
        assert id_ == "latencies" or row.figure(id_) == value
    assert (row.count, row.failed) == (figures["count"], figures["fail"])
    return (
        figures
        | live(row, moment)
        | {
            "recent": row.recent,
            "rate": row.rate,
            "last": row.last_ns,
            "age": row.age_ns,
            "levels": row.levels,
            "marked": counted(row.marked) if row.marked else None,
            "since": counted(row.since_mark),
            "is_quiet": row.is_quiet,
        }
    )


class Model(RuleBasedStateMachine):
    """Any sequence of calls; after each of them everything shown is compared."""

    pending_max = 50_000
    is_of_records = False
    limit = 1000

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = BEGAN_NS
        self.rows = Rows(BEGAN_NS, LABELS, self.pending_max, self.limit)
        self.naive = NaiveRows(BEGAN_NS, LABELS)
        self.sockets = Sockets()

    def take(self, made: list[Handshake], flows: list[Flow]) -> None:
        self.rows.ingest(Records.of(made) if self.is_of_records else made, flows)
        self.naive.pending += made
        self.naive.pending_flows += flows

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

    @rule(events=st.lists(EVENTS, max_size=8))
    def ingest(self, events: Events) -> None:
        made, flows = [], []
        for after_ns, late_ns, what in events:
            self.now_ns += after_ns
            time_ns = self.now_ns - late_ns
            if isinstance(what, Said):
                flows.append(self.sockets.sample(time_ns, what))
            else:
                made.append(handshake(time_ns=time_ns, **what))
        self.take(made, flows)

    @rule(after_ns=AFTER_NS)
    def refresh(self, after_ns: int) -> None:
        self.now_ns += after_ns
        self.rows.refresh(self.now_ns)
        self.naive.refresh(self.now_ns)
        cells = self.rows._cells
        self.naive.fold({key[:16] for key in cells.by_key}, self.limit, len(cells.by_key))

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

    @rule(descending=st.booleans())
    def sort_by_each(self, descending: bool) -> None:
        for column_id in SORTABLE:
            self.sort_by(column_id, descending)
            self.shows_the_same_rows_in_the_same_order()

    @rule(main=st.sampled_from(Main))
    def turn_to(self, main: Main) -> None:
        self.rows.turn_to(main)
        self.naive.turn_to(main)

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
        moment = Moment.at(self.rows.now_ns, self.rows.window)
        for key, expected in self.naive.all.items():
            row = self.rows.find(key)
            assert row and shown(row, moment) == expected.shown
            assert set(row.texts()) == set(expected.texts())

    def totals_are_of_all_rows(self) -> None:
        moment = Moment.at(self.rows.now_ns, self.rows.window)
        assert shown(self.rows.totals, moment) == self.naive.totals.shown

    def says_what_it_does(self) -> None:
        rows, naive = self.rows, self.naive
        assert (rows.main, rows.sorting) == (naive.main, naive.sorting)
        assert rows.is_frozen is (naive.held is not None)
        assert (rows.grouping, rows.direction, rows.window) == (naive.grouping, naive.direction, naive.window)
        assert (rows.now_ns, rows.marked_ns) == (naive.now_ns, naive.marked_ns)
