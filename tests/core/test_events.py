"""The last handshakes against a naive list of all, and what a row says of one."""

from __future__ import annotations

import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bpf.event import Direction, Handshake, Outcome, address_bytes
from tests.core.handshakes import MS, S, flow, handshake
from tui.core.event_columns import EVENT_COLUMNS, event_line, fit_events, rest_text
from tui.core.event_subject import EventSubject, FlowSubject, Known
from tui.core.events import Event, Events, Predicate
from tui.core.fields import GAP, Writing, process_text
from tui.core.filter import parse
from tui.core.format import ASCII, NONE
from tui.core.runs import Role, text_of

LIMIT = 7


def everything(each: Handshake) -> bool:
    return True


def is_odd(each: Handshake) -> bool:
    return each.time_ns % 2 == 1


def is_third(each: Handshake) -> bool:
    return each.time_ns % 3 == 0


class Model(RuleBasedStateMachine):
    """Handshakes are told apart by their time, which is also the number they should have."""

    def __init__(self) -> None:
        super().__init__()
        self.events = Events(LIMIT)
        self.came = self.taken_over = self.forgotten = 0
        self.predicate: Predicate = everything

    @rule(number=st.integers(0, 20))
    def ingest(self, number: int) -> None:
        self.events.ingest([handshake("192.0.2.1", self.came + each) for each in range(number)])
        self.came += number

    @rule()
    def refresh(self) -> None:
        self.events.refresh()
        self.taken_over = self.came

    @rule()
    def reset(self) -> None:
        self.events.reset()
        self.taken_over = self.forgotten = self.came

    @rule(predicate=st.sampled_from([None, is_odd, is_third]))
    def narrow(self, predicate: Predicate | None) -> None:
        self.events.narrow(predicate)
        self.predicate = predicate or everything

    @property
    def rows(self) -> list[Event]:
        kept = range(max(self.forgotten, self.taken_over - LIMIT), self.taken_over)
        all_ = [(number, handshake("192.0.2.1", number)) for number in reversed(kept)]
        return [each for each in all_ if self.predicate(each[1])]

    @invariant()
    def shows_the_last_ones_that_pass_newest_first(self) -> None:
        rows = self.rows
        assert self.events.rows(0, 1000) == rows
        assert self.events.rows(1, 3) == rows[1:3]
        assert self.events.rows(-2, 2) == rows[:2]
        assert self.events.shown == len(rows)
        assert len(self.events) == min(LIMIT, self.taken_over - self.forgotten)
        assert self.events.came == self.came - self.forgotten

    @invariant()
    def knows_the_place_of_each(self) -> None:
        rows = self.rows
        numbers = [number for number, _ in rows]
        for number in range(-1, self.came + 2):
            assert self.events.place(number) == (numbers.index(number) if number in numbers else None)
            assert self.events.newer_than(number) == sum(each > number for each in numbers)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=100, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("predicate", [None, is_odd])
def test_10_000_a_second_are_cheap(predicate: Predicate | None) -> None:
    events = Events()
    events.narrow(predicate)
    batch = [handshake("192.0.2.1", each) for each in range(10_000)]
    began = time.process_time()
    for _ in range(10):
        events.ingest(batch)
        events.refresh()
        for place in range(0, 10_000, 500):
            events.rows(place, place + 50)
            events.place(place)
    assert time.process_time() - began < 1  # a tenth of a core; it takes a hundredth


class Told:
    """Names by rule."""

    def name_of(self, ifindex: int) -> str:
        return f"eth{ifindex}"

    def unit_of(self, cgroup: int) -> str:
        return f"unit{cgroup}.service" if cgroup else ""


WRITING = Writing(Told(), 1_800_000_000 * S)
OUTBOUND = handshake("2001:db8::1", 5 * MS, 12_300_000)._replace(
    process=b"curl".ljust(16, b"\0"), pid=812, cgroup=7, connect_ns=1_012_300_000, retransmits=1
)
INBOUND = handshake("192.0.2.9", 0, 20 * MS)._replace(
    direction=int(Direction.INBOUND),
    connect_ns=0,
    answer_ns=21_000,
    remote_port=50_000,
    local_port=22,
    repeated=1,
)
REFUSED = handshake("192.0.2.9", 0, outcome=Outcome.REFUSED)


def cells(each: Handshake, writing: Writing = WRITING) -> dict[str, str]:
    return {column.id: column.text(each, writing) for column in EVENT_COLUMNS}


def test_every_field_is_told() -> None:
    assert cells(OUTBOUND) == {
        "time": "08:00:00.005",
        "dir": "→ out",
        "outcome": "established",
        "remote": "[2001:db8::1]:443",
        "latency": "12.3ms",
        "connect": "1.01s",
        "retx": "1",
        "process": "curl[812]",
        "unit": "unit7.service",
        "local": "10.0.2.15:38450",
        "if": "eth2",
        "answer": "-",
        "flags": "",
    }
    assert cells(INBOUND, Writing(Told(), 0, ASCII)) == {
        "time": "00:00:00.000",
        "dir": "< in",
        "outcome": "established",
        "remote": "192.0.2.9:50000",
        "latency": "20.0ms",
        "connect": "-",
        "retx": "",
        "process": "",
        "unit": "",
        "local": "10.0.2.15:22",
        "if": "eth2",
        "answer": "21.0us",
        "flags": "again",
    }


@pytest.mark.parametrize("width", [*range(1, 140), 200, 400])
def test_columns_fit_and_the_most_important_stay(width: int) -> None:
    columns = fit_events(width)
    assert len(text_of(event_line(OUTBOUND, columns, WRITING))) <= width + GAP
    if width >= 80:
        ids = {column.id for column, _ in columns}
        assert ids >= {"time", "dir", "outcome", "remote", "latency", "retx", "process"}
    assert [column for column in EVENT_COLUMNS if column in [each for each, _ in columns]] == [
        c for c, _ in columns
    ]
    assert all(column.width <= each <= (column.widest or column.width) for column, each in columns)


def test_what_does_not_fit_is_in_the_rest() -> None:
    for width in (20, 80, 120, 300):
        columns = fit_events(width)
        rest = rest_text(OUTBOUND, columns, WRITING)
        line = text_of(event_line(OUTBOUND, columns, WRITING))
        for text in cells(OUTBOUND).values():
            assert text in line + rest or text == NONE


def test_failure_is_a_word_and_stands_out() -> None:
    line = event_line(REFUSED, fit_events(80), WRITING)
    assert [text.strip() for text, role in line if role is Role.FAILURE] == ["refused"]
    assert all(role is Role.TEXT for _, role in event_line(INBOUND, fit_events(80), WRITING))


def test_process_cannot_command_the_terminal() -> None:
    assert process_text(b"\x1b[2J\xff\n".ljust(16, b"\0"), 1) == "?[2J\ufffd?[1]"


@pytest.mark.parametrize(
    ("filter_", "passing"),
    [
        ("", "oir"),
        ("192.0.2", "ir"),
        ("curl", "o"),
        ("proc:CUR", "o"),
        ("ip:2001:db8::/32", "o"),
        ("port:443", "or"),
        ("port:22", "i"),
        ("ssh", "i"),
        ("service:ssh", "i"),
        ("host:example", "o"),
        ("dir:in", "i"),
        ("if:eth2", "oir"),
        ("pid:812", "o"),
        ("!pid>0", "ir"),
        ("unit:unit7", "o"),
        ("p95>15ms", "i"),
        ("min>12ms max<13ms p50>12 p99>12 last>12", "o"),
        ("!p95>0", "r"),
        ("n>=1", "oi"),
        ("failed>0", "r"),
        ("refused:1", "r"),
        ("unanswered:0 unreachable:0", "oir"),
        ("retx>0", "o"),
        ("rate>=0", ""),
        ("age<=2s", "oir"),
        ("age>1s", "ir"),
    ],
)
def test_filter_asks_of_a_handshake_what_it_asks_of_a_row(filter_: str, passing: str) -> None:
    known = Known(
        Told(),
        host_name_of=lambda address: "www.example.org" if address == address_bytes("2001:db8::1") else "",
        service_of=lambda port: "ssh" if port == 22 else "",
        now_ns=lambda: 1_003 * MS,
    )
    matches = parse(filter_).predicate()
    found = (("o", OUTBOUND), ("i", INBOUND), ("r", REFUSED))
    assert "".join(name for name, each in found if matches(EventSubject(each, known))) == passing


@pytest.mark.parametrize(
    ("filter_", "passing"),
    [
        ("srtt>=90ms", "s"),
        ("srtt<90ms", "fc"),
        ("minrtt:10ms bloat:9", "s"),
        ("flows:1", "sf"),
        ("loss>=0 or p95>=0 or n>=0 or age>=0", ""),
        ("!loss>=0", "sfc"),
        ("port:443 dir:out", "sf"),
        ("port:22 dir:in", "c"),
        ("proc:psql pid:77 ip:10.0.0.0/24", "f"),
        ("unit:unit7 if:eth2", "f"),
        ("10.0.0", "sfc"),
    ],
)
def test_filter_asks_of_a_sample_what_it_asks_of_a_row(filter_: str, passing: str) -> None:
    known = Known(Told(), service_of=lambda port: "ssh" if port == 22 else "")
    matches = parse(filter_).predicate()
    found = (
        ("s", flow("10.0.0.1", S, 90 * MS, min_rtt_ns=10 * MS, direction=None)),
        ("f", flow("10.0.0.2", S, 1 * MS, process="psql", pid=77, cgroup=7)),
        ("c", flow("10.0.0.3", S, 1 * MS, port=22, direction=Direction.INBOUND, closing=True)),
    )
    assert "".join(name for name, each in found if matches(FlowSubject(each, known))) == passing


def test_without_a_clock_there_is_no_age() -> None:
    assert EventSubject(OUTBOUND, Known(Told())).figure("age") is None
