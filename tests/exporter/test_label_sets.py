"""Label sets are bounded, and nothing that was counted is lost or counted twice."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpf.event import Direction, Flow, Handshake, Outcome
from tests.core.handshakes import MS, S, flow, handshake
from tests.exporter.scraped import Scraped, Series, is_counter, total_of, value_of
from tests.rounds import rounds
from tools.bench.children import memory_bytes
from tui.core.connection import cell_key_of
from tui.core.grouping import Grouping, cell_key
from tui.exporter.counts import nothing
from tui.exporter.label_sets import OTHER, OTHER_INTERFACES, Key, LabelBy, LabelSets

COUNT = "tcplat_handshakes_total"
MANY = rounds(200_000, 1_000_000)
WITH_REMOTES = [each for each in LabelBy if each is not LabelBy.NONE]

addresses = st.integers(1, 12).map(lambda number: f"192.0.2.{number}")
directions = st.sampled_from(Direction)
handshakes = st.builds(
    lambda address, direction, ifindex, outcome, ms: handshake(
        address, S, ms * MS, direction=direction, ifindex=ifindex, outcome=outcome, retransmits=ms % 3
    ),
    *(addresses, directions, st.integers(2, 3), st.sampled_from(Outcome), st.integers(1, 20_000)),
)
flows = st.builds(
    lambda address, cookie, segments, closing: flow(
        address, S, cookie * MS, cookie=cookie, segments=segments, retransmits=segments // 2, closing=closing
    ),
    *(addresses, st.integers(1, 9), st.integers(0, 50), st.booleans()),
)
batches = st.lists(st.tuples(st.lists(handshakes, max_size=8), st.lists(flows, max_size=8)), max_size=12)
Batches = list[tuple[list[Handshake], list[Flow]]]


def sums(series: Series) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Of counters over all remotes; `le` and `outcome` are kept."""
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for (name, labels), value in series.items():
        if is_counter(name) and "remote" in dict(labels):
            key = (name, frozenset(pair for pair in labels if pair[0] != "remote"))
            found[key] = found.get(key, 0) + value
    return found


def of_other(series: Series) -> Series:
    return {key: value for key, value in series.items() if ("remote", OTHER) in key[1] and is_counter(key[0])}


@given(batches, st.integers(1, 5))
@settings(max_examples=60)
def test_eviction_keeps_every_sum(came: Batches, limit: int) -> None:
    bounded, unbounded = Scraped(max_series=limit), Scraped(max_series=1000)
    for each in came:
        bounded.take(*each)
        unbounded.take(*each)
    ours, all_ = sums(bounded.collected()), sums(unbounded.collected())
    assert ours.keys() == all_.keys()
    assert ours == pytest.approx(all_)


@given(batches, st.integers(1, 5))
@settings(max_examples=60)
def test_no_counter_goes_back_while_its_series_is_there(came: Batches, limit: int) -> None:
    """A remote that returns begins anew; its series was away, or its remote was evicted meanwhile."""
    scraped = Scraped(max_series=limit)
    before, others = scraped.collected(), of_other(scraped.collected())
    for taken_handshakes, taken_flows in came:
        evicted = value_of(before, "tcplat_label_sets_evicted_total")
        scraped.take(taken_handshakes, taken_flows)
        now = scraped.collected()
        assert of_other(now).keys() >= others.keys()
        assert all(of_other(now)[key] >= value for key, value in others.items())
        if value_of(now, "tcplat_label_sets_evicted_total") == evicted:
            assert {key for key in before if is_counter(key[0])} <= now.keys()
            assert all(now[key] >= value for key, value in before.items() if is_counter(key[0]))
        before, others = now, of_other(now)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5))), st.integers(1, 4))
def test_those_asked_for_last_are_kept(asked: list[tuple[int, int]], limit: int) -> None:
    label_sets, naive = LabelSets(LabelBy.HOST, limit), list[int]()
    for number, count in asked:
        label_sets.of(("eth0", 0, (number,)))[0] += count
        naive = [*(each for each in naive if each != number), number]
    snapshot = label_sets.snapshot()
    assert {row[0] for _, _, row in snapshot if row} == set(naive[-limit:])
    assert label_sets.size == len(naive[-limit:])
    assert sum(counts[0] for counts in snapshot.values()) == sum(count for _, count in asked)


def test_what_falls_out_is_added_to_other_and_begins_anew() -> None:
    scraped = Scraped(max_series=1)
    scraped.take([handshake("192.0.2.1", S, MS)] * 3)
    scraped.take([handshake("192.0.2.2", S, MS)])
    assert scraped.value(COUNT, remote=OTHER, outcome="established") == 3
    assert scraped.value(COUNT, remote="192.0.2.1", outcome="established") is None
    assert scraped.value("tcplat_label_sets_evicted_total") == 1
    scraped.take([handshake("192.0.2.1", S, MS)])
    assert scraped.value(COUNT, remote="192.0.2.1", outcome="established") == 1
    assert scraped.value(COUNT, remote=OTHER, outcome="established") == 4


def test_open_connections_of_evicted_remotes_are_others() -> None:
    scraped = Scraped(max_series=1)
    one, two = (flow(f"192.0.2.{number}", S, number * MS, cookie=number) for number in (1, 2))
    scraped.take(flows=[one, two])
    assert scraped.value("tcplat_open_connections", remote=OTHER) == 1
    assert scraped.value("tcplat_connection_srtt_max_seconds", remote=OTHER) == 0.001
    scraped.take(flows=[one._replace(time_ns=2 * S)])
    assert scraped.value("tcplat_open_connections", remote="192.0.2.1") == 1
    assert scraped.value("tcplat_connection_srtt_max_seconds", remote=OTHER) == 0.002


@pytest.mark.parametrize("label_by", WITH_REMOTES)
def test_20_000_remotes_are_as_many_series_as_1_000(label_by: LabelBy) -> None:
    scraped = Scraped(label_by)
    for number in range(20_000):
        ipv6 = f"2001:db8:{number >> 8:x}:{number & 255:x}::1"
        scraped.take([handshake(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", S, MS)])
        scraped.take([handshake(ipv6, S, MS)] if number % 4 == 0 else ())
    series = scraped.collected()
    remotes = {dict(labels)["remote"] for _, labels in series if "remote" in dict(labels)}
    assert OTHER in remotes or label_by is LabelBy.NETWORK
    assert len(remotes - {OTHER}) == (158 if label_by is LabelBy.NETWORK else 1000)
    assert total_of(series, "tcplat_handshake_latency_seconds_count") == 25_000


def test_interfaces_that_come_and_go_are_bounded_too() -> None:
    for label_by in (LabelBy.HOST, LabelBy.NONE):
        scraped = Scraped(label_by, max_series=100)
        for number in range(10_000):
            scraped.take([handshake(f"10.0.{number >> 8}.{number & 255}", S, MS, ifindex=number + 2)])
        series = scraped.collected()
        interfaces = {dict(labels)["interface"] for name, labels in series if name == COUNT}
        assert len(interfaces) <= 100 + 256 + 1
        assert OTHER_INTERFACES in interfaces
        assert total_of(series, COUNT) == 10_000


def test_an_interface_called_other_is_itself() -> None:
    scraped = Scraped(max_series=1, names={2: OTHER})
    scraped.take([handshake(f"192.0.2.{number}", S, MS) for number in (1, 2, 3)])
    assert scraped.value(COUNT, interface=OTHER, remote=OTHER, outcome="established") == 2


@given(handshakes, flows)
def test_remotes_are_those_of_the_tables_rows(one: Handshake, sample: Flow) -> None:
    for label_by in WITH_REMOTES:
        for cell in (cell_key(one), cell_key_of(sample)):
            assert label_by.row_of(cell.remote, cell.port) == Grouping(label_by.value).key_of(cell)


def test_a_snapshot_stands_still() -> None:
    label_sets = LabelSets(LabelBy.HOST, 10)
    key: Key = ("eth0", 0, (1,))
    label_sets.of(key)
    snapshot = label_sets.snapshot()
    label_sets.of(key)[0] += 1
    assert snapshot == {key: nothing()}


@pytest.mark.slow
def test_many_more_remotes_take_no_more_room_than_ten_thousand() -> None:
    scraped = Scraped()
    pattern = handshake("10.0.0.0", S, MS)

    def take(numbers: range) -> None:
        """In batches, as a busy source yields them."""
        for begin in range(numbers.start, numbers.stop, 1000):
            remotes = (b"\n" + number.to_bytes(15, "big") for number in range(begin, begin + 1000))
            scraped.take([pattern._replace(remote=remote) for remote in remotes])

    take(range(10_000))
    few = scraped.collected()
    before = memory_bytes(os.getpid())
    take(range(10_000, MANY))
    assert memory_bytes(os.getpid()) < before + 8 * MANY
    many = scraped.collected()
    assert len(many) == len(few)
    assert total_of(many, "tcplat_handshake_latency_seconds_count") == MANY
    assert value_of(many, "tcplat_label_sets") == 1000
    assert value_of(many, "tcplat_label_sets_evicted_total") == MANY - 1000
