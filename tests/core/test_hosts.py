"""What the model promises, one promise at a time; test_hosts_model.py tries them all at once."""

from __future__ import annotations

import pytest

from bpf.event import Outcome, address_bytes
from tests.core.handshakes import MS, S, handshake
from tui.core.hosts import Hosts


def addresses(hosts: Hosts) -> list[str]:
    return [row.address for row in hosts.rows(0, 100)]


def test_hosts_without_a_figure_come_last_in_both_directions() -> None:
    hosts = Hosts(0)
    hosts.ingest([handshake("10.0.0.1", 0, outcome=Outcome.REFUSED), handshake("10.0.0.2", 0, MS)])
    hosts.ingest([handshake("10.0.0.3", 0, 2 * MS)])
    hosts.refresh(S)
    hosts.sort_by("p95")
    assert addresses(hosts) == ["10.0.0.3", "10.0.0.2", "10.0.0.1"]
    hosts.sort_by("p95", descending=False)
    assert addresses(hosts) == ["10.0.0.2", "10.0.0.3", "10.0.0.1"]


def test_by_rate_a_host_that_fell_silent_sinks_though_nothing_came() -> None:
    hosts = Hosts(0)
    hosts.sort_by("rate")
    hosts.ingest([handshake("10.0.0.9", S, MS)] * 3 + [handshake("10.0.0.1", 20 * S, MS)] * 2)
    hosts.refresh(21 * S)
    assert addresses(hosts) == ["10.0.0.9", "10.0.0.1"]
    hosts.refresh(61 * S)
    assert addresses(hosts) == ["10.0.0.1", "10.0.0.9"]
    assert [row.recent for row in hosts.rows(0, 2)] == [2, 0]


@pytest.mark.parametrize("touched", [1, 8, 9, 50, 100])
def test_rows_are_moved_one_by_one_or_all_together_alike(touched: int) -> None:
    hosts = Hosts(0)
    hosts.ingest([handshake(f"10.0.0.{number}", 0, MS) for number in range(100)])
    hosts.refresh(S)
    hosts.ingest(
        [handshake(f"10.0.0.{number}", S, MS) for number in range(0, 2 * touched, 2) if number < 100]
    )
    hosts.ingest([handshake(f"10.0.1.{number}", S, MS) for number in range(touched // 10)])
    hosts.refresh(2 * S)
    rows = hosts.rows(0, 1000)
    assert len(rows) == hosts.shown == len(hosts) == 100 + touched // 10
    assert rows == sorted(rows, key=lambda row: (-row.established, row.remote))


def test_a_row_that_comes_into_view_during_a_pause_does_not_contradict_itself() -> None:
    hosts = Hosts(0)
    hosts.ingest([handshake("10.0.0.1", 0, MS), handshake("10.0.0.2", 0)])
    hosts.refresh(S)
    hosts.ingest([handshake("10.0.0.1", S, 50 * MS)] * 3 + [handshake("10.0.0.2", S, MS)])
    seen, unseen = hosts.rows(0, 2)
    assert (seen.count, seen.last_ns, seen.p50_ns, seen.p99_ns, seen.max_ns) == (1, MS, MS, MS, MS)
    assert (unseen.last_ns, unseen.p50_ns, unseen.max_ns) == (None, None, None)
    hosts.refresh(2 * S)
    assert (seen.count, seen.p50_ns, seen.max_ns) == (4, seen.p99_ns, 50 * MS)


def test_a_row_is_the_same_object_for_as_long_as_the_model_is_not_reset() -> None:
    hosts = Hosts(0)
    hosts.ingest([handshake("10.0.0.1", 0, MS)])
    hosts.refresh(S)
    row = hosts.rows(0, 1)[0]
    hosts.ingest([handshake("10.0.0.1", S, MS)])
    hosts.refresh(2 * S)
    assert hosts.rows(0, 1) == [row]
    hosts.reset(3 * S)
    assert hosts.rank(row) is None
    assert (len(hosts), hosts.shown, hosts.rows(0, 9), hosts.totals.count) == (0, 0, [], 0)
    hosts.ingest([handshake("10.0.0.1", 3 * S, MS)])
    hosts.refresh(4 * S)
    assert hosts.rank(row) is None
    assert hosts.rows(0, 1)[0].count == 1


def test_reset_keeps_sorting_and_filter() -> None:
    hosts = Hosts(0)
    hosts.sort_by("host", descending=True)
    hosts.narrow("10.")
    hosts.reset(S)
    hosts.ingest([handshake(address, S, MS) for address in ("10.0.0.1", "192.0.2.1", "10.0.0.2")])
    hosts.refresh(2 * S)
    assert addresses(hosts) == ["10.0.0.2", "10.0.0.1"]
    assert (hosts.shown, len(hosts)) == (2, 3)


def test_a_host_that_is_filtered_out_has_no_rank() -> None:
    hosts = Hosts(0)
    hosts.ingest([handshake("10.0.0.1", 0, MS)])
    hosts.refresh(S)
    row = hosts.rows(0, 1)[0]
    hosts.narrow("192.")
    assert hosts.rank(row) is None


def test_a_host_that_no_refresh_has_seen_is_nowhere() -> None:
    hosts = Hosts(0)
    hosts.ingest([handshake("10.0.0.1", 0, MS)])
    hosts.sort_by("p95")
    hosts.narrow("10.")
    assert (len(hosts), hosts.shown, hosts.rows(0, 9)) == (0, 0, [])


def test_what_is_kept_for_later() -> None:
    hosts = Hosts(0)
    hosts.ingest(
        [
            handshake("10.0.0.1", 2 * S, MS),
            handshake("10.0.0.1", 3 * S, outcome=Outcome.REFUSED),
            handshake("10.0.0.1", 5 * S, outcome=Outcome.UNREACHABLE),
            handshake("10.0.0.1", 4 * S, outcome=Outcome.UNANSWERED, retransmits=3),
            handshake("10.0.0.1", 1 * S, retransmits=1, ambiguous=True),
        ]
    )
    hosts.refresh(6 * S)
    row = hosts.rows(0, 1)[0]
    assert (row.remote, row.address) == (address_bytes("10.0.0.1"), "10.0.0.1")
    assert (row.established, row.ambiguous, row.failures, row.retransmits) == (2, 1, 3, 4)
    assert row.last_seen_ns == 5 * S


def test_what_another_interface_reported_before_counts_once() -> None:
    hosts = Hosts(0)
    first = handshake("10.0.0.1", 2 * S, MS)
    hosts.ingest(
        [first, first._replace(ifindex=3, repeated=1), handshake("10.0.0.2", 2 * S)._replace(repeated=1)]
    )
    hosts.refresh(3 * S)
    assert [(row.address, row.count) for row in hosts.rows(0, 9)] == [("10.0.0.1", 1)]
    assert hosts.totals.count == 1


@pytest.mark.parametrize(("start", "stop"), [(-5, 0), (0, 0), (5, 9), (3, 1), (-9, -1)])
def test_rows_beyond_the_ends_are_none(start: int, stop: int) -> None:
    hosts = Hosts(0)
    hosts.ingest([handshake("10.0.0.1", 0, MS)])
    hosts.refresh(S)
    assert hosts.rows(start, stop) == []


def test_sorting_by_a_picture_or_the_unknown_is_an_error() -> None:
    hosts = Hosts(0)
    with pytest.raises(ValueError, match="trend"):
        hosts.sort_by("trend")
    with pytest.raises(KeyError):
        hosts.sort_by("colour")
