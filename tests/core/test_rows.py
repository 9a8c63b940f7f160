"""What the model promises, one promise at a time; test_rows_model.py tries them all at once."""

from __future__ import annotations

import pytest

from bpf.event import Direction, Outcome, address_bytes
from tests.core.handshakes import MS, FakeLabels, S, handshake
from tui.core.entries import ENTRY
from tui.core.filter import parse
from tui.core.grouping import Grouping
from tui.core.row import Row
from tui.core.rows import Rows
from tui.core.window import Window

LABELS = FakeLabels({"10.0.0.2": "web.example.org"})


def addresses(model: Rows) -> list[str]:
    return [row.label for row in model.rows(0, 100)]


def figures(row: Row) -> tuple[float | None, ...]:
    return row.count, row.last_ns, row.figure("p50"), row.figure("p99"), row.figure("max")


def test_rows_without_a_figure_come_last_in_both_directions() -> None:
    model = Rows(0, LABELS)
    model.ingest([handshake("10.0.0.1", 0, outcome=Outcome.REFUSED), handshake("10.0.0.2", 0, MS)])
    model.ingest([handshake("10.0.0.3", 0, 2 * MS)])
    model.refresh(S)
    model.sort_by("p95")
    assert addresses(model) == ["10.0.0.3", "web.example.org", "10.0.0.1"]
    model.sort_by("p95", descending=False)
    assert addresses(model) == ["web.example.org", "10.0.0.3", "10.0.0.1"]


def test_by_rate_a_row_that_fell_silent_sinks_though_nothing_came() -> None:
    model = Rows(0, LABELS)
    model.sort_by("rate")
    model.ingest([handshake("10.0.0.9", S, MS)] * 3 + [handshake("10.0.0.1", 20 * S, MS)] * 2)
    model.refresh(21 * S)
    assert addresses(model) == ["10.0.0.9", "10.0.0.1"]
    model.refresh(61 * S)
    assert addresses(model) == ["10.0.0.1", "10.0.0.9"]
    assert [row.recent for row in model.rows(0, 2)] == [2, 0]


@pytest.mark.parametrize("touched", [1, 8, 9, 50, 100])
def test_rows_are_moved_one_by_one_or_all_together_alike(touched: int) -> None:
    model = Rows(0, LABELS)
    model.ingest([handshake(f"10.0.0.{number}", 0, MS) for number in range(100)])
    model.refresh(S)
    model.ingest(
        [handshake(f"10.0.0.{number}", S, MS) for number in range(0, 2 * touched, 2) if number < 100]
    )
    model.ingest([handshake(f"10.0.1.{number}", S, MS) for number in range(touched // 10)])
    model.refresh(2 * S)
    rows = model.rows(0, 1000)
    assert len(rows) == model.shown == len(model) == 100 + touched // 10
    assert rows == sorted(rows, key=lambda row: (-row.count, row.key))


def test_a_row_that_comes_into_view_during_a_pause_does_not_contradict_itself() -> None:
    model = Rows(0, LABELS)
    model.ingest([handshake("10.0.0.1", 0, MS), handshake("10.0.0.2", 0)])
    model.refresh(S)
    model.ingest([handshake("10.0.0.1", S, 50 * MS)] * 3 + [handshake("10.0.0.2", S, MS)])
    seen, unseen = model.rows(0, 2)
    assert figures(seen) == (1, MS, MS, MS, MS)
    assert figures(unseen) == (1, None, None, None, None)
    model.refresh(2 * S)
    assert figures(seen) == (4, 50 * MS, seen.figure("p99"), 50 * MS, 50 * MS)


def test_a_row_is_the_same_object_for_as_long_as_the_model_is_not_reset() -> None:
    model = Rows(0, LABELS)
    model.ingest([handshake("10.0.0.1", 0, MS)])
    model.refresh(S)
    row = model.rows(0, 1)[0]
    model.ingest([handshake("10.0.0.1", S, MS)])
    model.refresh(2 * S)
    assert model.rows(0, 1) == [row]
    model.reset(3 * S)
    assert model.rank(row) is None
    assert (len(model), model.shown, model.rows(0, 9), model.totals.count) == (0, 0, [], 0)
    model.ingest([handshake("10.0.0.1", 3 * S, MS)])
    model.refresh(4 * S)
    assert model.rank(row) is None
    assert model.rows(0, 1)[0].count == 1


def test_reset_keeps_sorting_and_filter() -> None:
    model = Rows(0, LABELS)
    model.sort_by("host", descending=True)
    model.narrow(parse("10.").predicate())
    model.reset(S)
    model.ingest([handshake(address, S, MS) for address in ("10.0.0.1", "192.0.2.1", "10.0.0.2")])
    model.refresh(2 * S)
    assert addresses(model) == ["web.example.org", "10.0.0.1"]
    assert (model.shown, len(model)) == (2, 3)


def test_a_row_that_is_filtered_out_has_no_rank() -> None:
    model = Rows(0, LABELS)
    model.ingest([handshake("10.0.0.1", 0, MS)])
    model.refresh(S)
    row = model.rows(0, 1)[0]
    model.narrow(parse("192.").predicate())
    assert model.rank(row) is None


def test_a_row_that_no_refresh_has_seen_is_nowhere() -> None:
    model = Rows(0, LABELS)
    model.ingest([handshake("10.0.0.1", 0, MS)])
    model.sort_by("p95")
    model.narrow(parse("10.").predicate())
    assert (len(model), model.shown, model.rows(0, 9)) == (0, 0, [])


def test_what_is_kept_for_later() -> None:
    model = Rows(0, LABELS)
    model.ingest(
        [
            handshake("10.0.0.1", 2 * S, MS),
            handshake("10.0.0.1", 3 * S, outcome=Outcome.REFUSED),
            handshake("10.0.0.1", 5 * S, outcome=Outcome.UNREACHABLE),
            handshake("10.0.0.1", 4 * S, outcome=Outcome.UNANSWERED, retransmits=3),
            handshake("10.0.0.1", 1 * S, retransmits=1, ambiguous=True),
        ]
    )
    model.refresh(6 * S)
    row = model.rows(0, 1)[0]
    assert (row.key, row.label) == ((address_bytes("10.0.0.1"),), "10.0.0.1")
    assert (row.count, row.figures.latencies, row.failed, row.figures.retransmits) == (2, 1, 3, 4)
    assert row.age_ns == S


def test_what_another_interface_reported_before_counts_once() -> None:
    model = Rows(0, LABELS)
    first = handshake("10.0.0.1", 2 * S, MS)
    model.ingest(
        [first, first._replace(ifindex=3, repeated=1), handshake("10.0.0.2", 2 * S)._replace(repeated=1)]
    )
    model.refresh(3 * S)
    assert [(row.label, row.count) for row in model.rows(0, 9)] == [("10.0.0.1", 1)]
    assert model.totals.count == 1


@pytest.mark.parametrize(("start", "stop"), [(-5, 0), (0, 0), (5, 9), (3, 1), (-9, -1)])
def test_rows_beyond_the_ends_are_none(start: int, stop: int) -> None:
    model = Rows(0, LABELS)
    model.ingest([handshake("10.0.0.1", 0, MS)])
    model.refresh(S)
    assert model.rows(start, stop) == []


def test_sorting_by_a_picture_or_the_unknown_is_an_error() -> None:
    model = Rows(0, LABELS)
    with pytest.raises(ValueError, match="trend"):
        model.sort_by("trend")
    with pytest.raises(KeyError):
        model.sort_by("colour")


def test_a_row_that_fell_silent_leaves_the_window_though_nothing_came() -> None:
    model = Rows(0, LABELS)
    model.look_at(Window.MINUTE)
    model.sort_by("count")
    model.ingest([handshake("10.0.0.9", S, MS)] * 3 + [handshake("10.0.0.1", 20 * S, MS)] * 2)
    model.refresh(21 * S)
    assert addresses(model) == ["10.0.0.9", "10.0.0.1"]
    model.refresh(61 * S)
    assert addresses(model) == ["10.0.0.1", "10.0.0.9"]
    assert [figures(row) for row in model.rows(0, 2)][1] == (0, MS, None, None, None)
    assert model.totals.count == 2


def test_by_age_what_came_last_is_first_also_within_a_slice() -> None:
    model = Rows(0, LABELS)
    model.sort_by("age")
    model.ingest([handshake("10.0.0.1", 100 * S, MS)])
    model.refresh(100 * S)
    model.ingest([handshake("10.0.0.9", 103 * S, MS)])
    model.refresh(104 * S)
    assert addresses(model) == ["10.0.0.9", "10.0.0.1"]
    assert [row.age_ns for row in model.rows(0, 2)] == [S, 4 * S]


def test_held_rows_stay_and_new_ones_go_to_the_end() -> None:
    model = Rows(0, LABELS)
    model.ingest([handshake("10.0.0.9", 0, MS)] * 2 + [handshake("10.0.0.5", 0, MS)])
    model.refresh(S)
    model.freeze(True)
    model.ingest([handshake("10.0.0.5", S, MS)] * 9 + [handshake("10.0.0.7", S, MS)] * 99)
    model.refresh(2 * S)
    assert addresses(model) == ["10.0.0.9", "10.0.0.5", "10.0.0.7"]
    model.ingest([handshake("10.0.0.6", S)])
    model.narrow(parse("!10.0.0.9").predicate())
    model.refresh(3 * S)
    assert addresses(model) == ["10.0.0.5", "10.0.0.6", "10.0.0.7"]
    model.narrow(None)
    assert [model.rank(row) for row in model.rows(0, 9)] == [0, 1, 2, 3]
    model.freeze(False)
    assert addresses(model) == ["10.0.0.7", "10.0.0.5", "10.0.0.9", "10.0.0.6"]


@pytest.mark.parametrize("anew", ["sort", "group", "direction", "reset"])
def test_what_makes_another_order_holds_it_no_more(anew: str) -> None:
    model = Rows(0, LABELS)
    model.freeze(True)
    {
        "sort": lambda: model.sort_by("p95"),
        "group": lambda: model.group_by(Grouping.SERVICE),
        "direction": lambda: model.face(Direction.INBOUND),
        "reset": lambda: model.reset(S),
    }[anew]()
    assert not model.is_frozen


def test_rows_are_called_what_they_stand_for() -> None:
    model = Rows(0, LABELS)
    model.ingest(
        [
            handshake("10.0.0.2", S, MS, process="curl"),
            handshake("2001:db8:1:2::3", S, MS, port=8080, direction=Direction.INBOUND, ifindex=3),
            handshake("::1", S, MS, port=22, process="a\x1b[0m\0b", ifindex=9),
        ]
    )
    model.refresh(S)
    model.sort_by("host")
    labels = {}
    for grouping in Grouping:
        model.group_by(grouping)
        labels[grouping.value] = addresses(model)
    assert labels == {
        "host": ["::1", "web.example.org", "2001:db8:1:2::3"],
        "service": ["[::1]:ssh", "web.example.org:https", "[2001:db8:1:2::3]:8080"],
        "network": ["::/48", "10.0.0.0/24", "2001:db8:1::/48"],
        "process": ["(not known)", "a?[0m", "curl"],
        "interface": ["eth0", "wg0", "if9"],
    }


def test_a_process_is_one_row_whatever_follows_its_name() -> None:
    model = Rows(0, LABELS)
    model.group_by(Grouping.PROCESS)
    model.ingest([handshake("::1", S, MS, process=name) for name in ("curl", "curl\0x")])
    model.refresh(S)
    assert [(row.label, row.count) for row in model.rows(0, 9)] == [("curl", 2)]


def test_a_row_has_of_all_that_its_cells_have() -> None:
    model = Rows(0, LABELS)
    model.ingest(
        [
            handshake("10.0.0.2", S, process="curl", pid=7, cgroup=7),
            handshake("10.0.0.2", S, port=9, direction=Direction.INBOUND, ifindex=9, pid=8, cgroup=1),
        ]
    )
    model.refresh(S)
    (row,) = model.rows(0, 9)
    assert row.numbers("pid") == {7, 8}
    assert row.numbers("port") == {443, 9}
    assert row.labels("dir") == {"in", "out"}
    assert row.labels("if") == {"eth0"}
    assert row.labels("unit") == {"nginx.service"}
    assert row.labels("proc") == {"curl"}
    assert set(row.texts()) == {"web.example.org", "10.0.0.2", "https", "curl"}
    assert row.addresses() == {address_bytes("10.0.0.2")}


def test_processes_seen_in_a_long_pause_are_not_shown_before_the_refresh() -> None:
    model = Rows(0, LABELS, pending_max=1)
    model.ingest([handshake("10.0.0.1", S, MS, pid=811)])
    model.refresh(S)
    model.ingest([handshake("10.0.0.1", 2 * S, MS, pid=812, cgroup=7)] * 2)
    row = model.rows(0, 1)[0]
    assert (row.numbers("pid"), row.labels("unit")) == ({811}, set())
    model.refresh(2 * S)
    assert (row.numbers("pid"), row.labels("unit")) == ({811, 812}, {"nginx.service"})


def test_of_a_process_that_forks_for_each_connection_the_latest_ids_are_kept() -> None:
    model = Rows(0, LABELS)
    for pid in range(1, 1001):
        model.ingest([handshake("10.0.0.1", S, pid=pid), handshake("10.0.0.1", S, pid=5000)])
        model.refresh(S)
    pids = model.rows(0, 1)[0].numbers("pid")
    assert len(pids) == 64
    assert {1000, 990} <= pids


def test_what_a_pause_costs_does_not_grow_with_its_length() -> None:
    model = Rows(0, LABELS, pending_max=100)
    sizes = []
    for slice_ in range(2000):
        model.ingest([handshake("10.0.0.1", slice_ * 5 * S, MS + at) for at in range(50)])
        if slice_ % 500 == 499:
            pending = model._pending
            assert sum(map(len, pending.entries.values())) <= 100 * ENTRY.size
            (held,) = pending.held.values()
            assert held.tally._counted
            past = held.tally._counted.past
            sizes.append(len(past._packed) + len(past._codes))
    one_by_one = 30 * 50
    assert max(sizes) <= sizes[0] < one_by_one + 200
    model.refresh(10_000 * S)
    assert model.rows(0, 1)[0].count == 100_000
    assert model.totals.recent == 50 * 11


def test_totals_count_once_what_comes_together_with_the_second_row() -> None:
    model = Rows(0, LABELS)
    for addresses_ in (["10.0.0.1"], ["10.0.0.1", "10.0.0.2"], ["10.0.0.2", "10.0.0.1", "10.0.0.3"]):
        model.ingest([handshake(each, S, MS) for each in addresses_])
        model.refresh(S)
        assert model.totals.count == sum(row.count for row in model.rows(0, 9))
        assert model.totals.recent == model.totals.count
