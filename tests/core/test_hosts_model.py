"""The model against a naive one that keeps every handshake: any sequence of calls, all that is shown compared."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bpf.event import Handshake, Outcome, address_text
from tests.core.handshakes import MS, S, handshake
from tui.core.columns import COLUMNS
from tui.core.histogram import bucket_of, middle_ns, nearest_rank
from tui.core.host import Tally
from tui.core.hosts import Hosts
from tui.core.trend import EDGES_NS, slice_of

ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.0.0.20", "192.0.2.7", "2001:db8::a", "2001:db8::ff:a", "::1"]
WORDS = ["", "10.", "2001 A", "0.2", "nowhere", ":: db8"]
SORTABLE = [each.id for each in COLUMNS if each.value]
BEGAN_NS = 1_003_200_000_000

Figures = dict[str, Any]


def figures(tally: Tally) -> Figures:
    """What a row shows."""
    return {
        "count": tally.count,
        "rate": tally.rate,
        "fail": tally.failed,
        "last": tally.last_ns,
        "p50": tally.p50_ns,
        "p95": tally.p95_ns,
        "p99": tally.p99_ns,
        "max": tally.max_ns,
        "trend": tally.levels,
    }


def naive_quantile(latencies: list[int], q: float) -> int | None:
    """The nearest rank, as exactly as buckets tell it."""
    if not latencies:
        return None
    rank = nearest_rank(q, len(latencies))
    true = sorted(latencies)[rank - 1]
    if rank in (1, len(latencies)):
        return true
    return min(max(middle_ns(bucket_of(true)), min(latencies)), max(latencies))


def naive_figures(handshakes: list[Handshake], now_ns: int) -> Figures:
    """The same from the definitions."""
    established = [each for each in handshakes if each.outcome == Outcome.ESTABLISHED]
    latencies = [each.latency_ns for each in established if each.latency_ns]
    now = slice_of(now_ns)
    recent = sum(now - 12 < slice_of(each.time_ns) <= now for each in established)
    covered_ns = min(now_ns - (now - 11) * 5 * S, now_ns - BEGAN_NS)
    slowest = {
        age: max((each.latency_ns for each in established if slice_of(each.time_ns) == now - age), default=0)
        for age in range(24)
    }
    return {
        "count": len(established),
        "rate": recent / max(1.0, covered_ns / 1e9),
        "fail": len(handshakes) - len(established),
        "last": latencies[-1] if latencies else None,
        "p50": naive_quantile(latencies, 0.5),
        "p95": naive_quantile(latencies, 0.95),
        "p99": naive_quantile(latencies, 0.99),
        "max": max(latencies, default=None),
        "trend": bytes(
            bisect_left(EDGES_NS, slowest[age]) + 1 if slowest[age] else 0 for age in range(23, -1, -1)
        ),
    }


class Model(RuleBasedStateMachine):
    """Any sequence of calls; after each of them everything shown is compared."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts = Hosts(BEGAN_NS)
        self.now_ns = BEGAN_NS
        self.refreshed_ns = BEGAN_NS
        self.handshakes: list[Handshake] = []
        self.refreshed: list[Handshake] = []
        self.sorting = ("count", True)
        self.words: list[str] = []
        self.looked_at: dict[str, Figures] = {}

    @rule(
        events=st.lists(
            st.tuples(
                st.sampled_from(ADDRESSES),
                st.integers(0, 8 * S),
                st.integers(1, 400 * MS),
                st.sampled_from(["ok", "ok", "ok", "late", "ambiguous", *Outcome]),
            ),
            max_size=12,
        )
    )
    def ingest(self, events: list[tuple[str, int, int, Any]]) -> None:
        made = []
        for address, after_ns, latency_ns, kind in events:
            self.now_ns += after_ns
            time_ns = self.now_ns - 7 * S if kind == "late" else self.now_ns
            if isinstance(kind, Outcome):
                made.append(handshake(address, time_ns, latency_ns, outcome=kind, retransmits=2))
            elif kind == "ambiguous":
                made.append(handshake(address, time_ns, retransmits=1, ambiguous=True))
            else:
                made.append(handshake(address, time_ns, latency_ns))
        self.hosts.ingest(made)
        self.handshakes += made

    @rule(after_ns=st.integers(0, 2 * S) | st.integers(0, 150 * S))
    def refresh(self, after_ns: int) -> None:
        self.now_ns += after_ns
        self.hosts.refresh(self.now_ns)
        self.refreshed = list(self.handshakes)
        self.refreshed_ns = self.now_ns
        self.looked_at = {}

    @rule(column_id=st.sampled_from(SORTABLE), descending=st.booleans())
    def sort_by(self, column_id: str, descending: bool) -> None:
        self.hosts.sort_by(column_id, descending)
        self.sorting = (column_id, descending)

    @rule(text=st.sampled_from(WORDS))
    def narrow(self, text: str) -> None:
        self.hosts.narrow(text)
        self.words = text.lower().split()

    @invariant()
    def shows_the_hosts_of_the_last_refresh_that_match(self) -> None:
        known = {address_text(each.remote) for each in self.refreshed}
        matching = {address for address in known if all(word in address for word in self.words)}
        assert {row.address for row in self.rows()} == matching
        assert len(self.hosts) == len(known)
        assert self.hosts.shown == len(matching)

    @invariant()
    def figures_are_those_of_the_last_refresh(self) -> None:
        is_paused = len(self.refreshed) != len(self.handshakes)
        for row in self.rows():
            shown = figures(row)
            mine = [each for each in self.refreshed if each.remote == row.remote]
            expected = naive_figures(mine, self.refreshed_ns)
            for id_ in expected:
                # A percentile first seen during a pause may be newer than the pause.
                assert shown[id_] == expected[id_] or (is_paused and id_ in ("p50", "p95", "p99"))
            assert shown["max"] is None or shown["p50"] <= shown["p95"] <= shown["p99"] <= shown["max"]

    @invariant()
    def what_was_looked_at_stands_still_until_the_next_refresh(self) -> None:
        for row in self.rows():
            assert figures(row) == self.looked_at.setdefault(row.address, figures(row))

    @invariant()
    def rows_are_in_order_of_what_they_show(self) -> None:
        column_id, descending = self.sorting
        assert self.hosts.sorting == self.sorting

        def place(row: Any) -> tuple[bool, float, bytes]:
            value = int.from_bytes(row.remote, "big") if column_id == "host" else figures(row)[column_id]
            return (value is None, (value or 0) * (-1 if descending else 1), row.remote)

        rows = self.rows()
        assert rows == sorted(rows, key=place)
        assert [self.hosts.rank(row) for row in rows] == list(range(len(rows)))
        assert self.hosts.rows(1, 3) == rows[1:3]

    @invariant()
    def totals_are_of_all_hosts(self) -> None:
        is_paused = len(self.refreshed) != len(self.handshakes)
        expected = naive_figures(self.refreshed, self.refreshed_ns)
        for id_, value in figures(self.hosts.totals).items():
            assert value == expected[id_] or (is_paused and id_ in ("p50", "p95", "p99"))

    def rows(self) -> list[Any]:
        return self.hosts.rows(0, 1000)


class ManyRowsModel(Model):
    """The same with hosts enough for single rows to be moved, where Model's are all merged anew."""

    def __init__(self) -> None:
        super().__init__()
        crowd = [handshake(f"10.9.0.{number}", BEGAN_NS, MS) for number in range(80)]
        crowd += [handshake(address, BEGAN_NS, 2 * MS) for address in ADDRESSES]
        self.hosts.ingest(crowd)
        self.handshakes += crowd
        self.refresh(0)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestManyRowsModel = ManyRowsModel.TestCase
TestManyRowsModel.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
