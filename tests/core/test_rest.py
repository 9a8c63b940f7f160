"""Of too many hosts, those seen least recently are one row: the rest."""

from __future__ import annotations

import gc

import pytest

from bpf.event import Direction
from tests.core.handshakes import MS, FakeLabels, S, handshake
from tui.core.cell import Cell
from tui.core.column import Main
from tui.core.events import Events
from tui.core.filter import parse
from tui.core.grouping import REST, Grouping
from tui.core.rows import Rows
from tui.detailing import detail_of

LABELS = FakeLabels()


def crowded(limit: int = 3, hosts: int = 6) -> Rows:
    """Each host has a handshake more than the one before, and comes a second later."""
    model = Rows(0, LABELS, limit=limit)
    for number in range(1, hosts + 1):
        batch = [handshake(f"10.0.{number}.1", number * S, number * MS, process="curl")] * number
        model.ingest(batch)
        model.refresh(number * S)
    return model


def counts(model: Rows) -> dict[str, int]:
    return {row.label: row.count for row in model.rows(0, 100)}


def test_hosts_seen_least_recently_are_one_row_and_totals_still_add_up() -> None:
    model = crowded()
    assert counts(model) == {"10.0.6.1": 6, "10.0.5.1": 5, "10.0.4.1": 4, "(the rest)": 6}
    assert model.totals.count == 21
    model.ingest([handshake("10.0.1.1", 7 * S, MS)])
    model.refresh(7 * S)
    assert counts(model) == {"10.0.6.1": 6, "10.0.5.1": 5, "10.0.1.1": 1, "(the rest)": 10}
    assert model.totals.count == 22


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("column", ["count", "p95", "host", "age", "rate"])
def test_the_rest_is_last_whatever_the_order(column: str, descending: bool) -> None:
    model = crowded()
    model.sort_by(column, descending)
    rest = model.rows(0, 9)[-1]
    assert (rest.key, rest.figure("max"), model.rank(rest)) == (REST, 3 * MS, 3)


def test_what_is_in_the_rest_cannot_be_asked_so_no_filter_lets_it_through() -> None:
    model = crowded()
    model.narrow(parse("!10.0.6.1").predicate())
    assert list(counts(model)) == ["10.0.5.1", "10.0.4.1"]
    model.narrow(None)
    assert model.shown == 4


def test_of_processes_interfaces_and_directions_nothing_is_lost() -> None:
    model = crowded()
    for grouping, label in ((Grouping.PROCESS, "curl"), (Grouping.INTERFACE, "eth0")):
        model.group_by(grouping)
        assert counts(model) == {label: 21}
    model.ingest([handshake(f"10.0.{number}.1", 9 * S, process="curl") for number in (1, 2, 3)])
    model.refresh(9 * S)
    assert counts(model) == {"eth0": 24}
    model.face(Direction.INBOUND)
    assert counts(model) == {}


def test_a_network_keeps_what_it_has_as_long_as_one_of_its_hosts_is_kept() -> None:
    model = Rows(0, LABELS, limit=2)
    model.group_by(Grouping.NETWORK)
    for number in range(1, 5):
        model.ingest([handshake(f"10.0.0.{number}", number * S, MS)])
        model.refresh(number * S)
    assert counts(model) == {"10.0.0.0/24": 4}
    model.ingest([handshake(f"10.0.{number}.1", 9 * S, MS) for number in (7, 8)])
    model.refresh(9 * S)
    assert counts(model) == {"10.0.7.0/24": 1, "10.0.8.0/24": 1, "(the rest)": 4}


def test_its_details_say_what_is_known() -> None:
    model = crowded()
    rest = model.find(REST)
    assert rest
    detail = detail_of(rest, Events(), LABELS, model.now_ns, Main.HANDSHAKE)
    assert detail.title == "host (the rest)"
    parts = {split.by: [part.label for part in split.parts] for split in detail.splits}
    assert parts["port"] == ["(the rest)"]
    assert parts["process"] == ["curl"]


def test_a_long_pause_tells_no_more_hosts_apart() -> None:
    model = Rows(0, LABELS, pending_max=10, limit=20)
    for number in range(1000):
        model.ingest([handshake(f"10.0.{number // 250}.{number % 250}", S, MS)])
    assert len(model._pending.held) <= 20
    model.refresh(S)
    assert len(model) <= 31
    assert model.totals.count == sum(row.count for row in model.rows(0, 100)) == 1000


def test_more_processes_than_can_be_told_apart_are_added_up_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.core.cells._REST_LIMIT", 2)
    model = Rows(0, LABELS, limit=2)
    model.group_by(Grouping.PROCESS)
    for number in range(8):
        model.ingest([handshake(f"10.0.0.{number}", number * S, MS, process=f"p{number}")])
        model.refresh(number * S)
    assert model.totals.count == sum(row.count for row in model.rows(0, 100)) == 8
    assert counts(model) == {"(not known)": 4, "p0": 1, "p1": 1, "p6": 1, "p7": 1}


def test_hosts_that_come_and_go_leave_nothing_behind_for_the_garbage_collector() -> None:
    def cells() -> int:
        return sum(isinstance(each, Cell) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = cells()
        model = crowded(limit=20, hosts=200)
        assert cells() - before <= 3 * 20
        model.group_by(Grouping.SERVICE)
        model.reset(300 * S)
        assert cells() - before == 0
    finally:
        gc.enable()
