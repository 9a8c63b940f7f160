"""What goes in as handshakes, samples and accounts comes out as series, each counted once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.event import Direction, Outcome
from bpf.source import Account
from tests.core.handshakes import MS, S, flow, handshake
from tests.exporter.scraped import Scraped, total_of, value_of
from tui.core.live import KEPT_NS
from tui.exporter.counts import EDGES_NS
from tui.exporter.label_sets import LabelBy

A, B = "192.0.2.1", "192.0.2.2"
LATENCY, CONNECT, SRTT = (
    "tcplat_handshake_latency_seconds",
    "tcplat_connect_duration_seconds",
    "tcplat_connection_srtt_seconds",
)


def test_a_handshake_is_in_its_buckets_and_in_all_above() -> None:
    scraped = Scraped()
    scraped.take([handshake(A, S, 3 * MS), handshake(A, S, 40 * MS), handshake(B, S, 11 * S)])
    series = scraped.series()
    labels = {"interface": "eth0", "direction": "outbound", "remote": A}
    for le, count in (("0.0025", 0), ("0.005", 1), ("0.025", 1), ("0.05", 2), ("10.0", 2), ("+Inf", 2)):
        assert value_of(series, f"{LATENCY}_bucket", le=le, **labels) == count
    assert value_of(series, f"{LATENCY}_count", **labels) == 2
    assert value_of(series, f"{LATENCY}_sum", **labels) == 0.043
    assert value_of(series, f"{LATENCY}_bucket", le="10.0", remote=B) == 0
    assert value_of(series, f"{LATENCY}_bucket", le="+Inf", remote=B) == 1


@pytest.mark.parametrize(("place", "edge_ns"), enumerate(EDGES_NS))
def test_an_edge_belongs_to_the_bucket_below(place: int, edge_ns: int) -> None:
    scraped = Scraped()
    times_ns = (edge_ns, edge_ns + 1)
    scraped.take([handshake(A, S, each) for each in times_ns], [flow(A, S, each) for each in times_ns])
    families = {each.name: each for each in scraped.families()}
    for name in (LATENCY, CONNECT, SRTT):
        buckets = [each for each in families[name].samples if each.name.endswith("_bucket")]
        assert float(buckets[place].labels["le"]) == edge_ns / 1e9
        assert [each.value for each in buckets] == [0] * place + [1] + [2] * (len(EDGES_NS) - place)


@given(st.lists(st.integers(1, 20 * S)))
def test_sums_and_counts_are_those_of_what_went_in(latencies_ns: list[int]) -> None:
    scraped = Scraped()
    scraped.take([handshake(A, S, each) for each in latencies_ns])
    series = scraped.series()
    for name in (LATENCY, CONNECT):
        assert total_of(series, f"{name}_bucket", le="+Inf") == len(latencies_ns)
        assert total_of(series, f"{name}_count") == len(latencies_ns)
        assert total_of(series, f"{name}_sum") == sum(latencies_ns) / 1e9
    assert total_of(series, "tcplat_handshakes_total", outcome="established") == len(latencies_ns)


def test_time_to_connect_is_that_of_the_application() -> None:
    scraped = Scraped()
    scraped.take([handshake(A, S, 3 * MS, connect_ns=1_003 * MS, retransmits=1)])
    assert scraped.value(f"{CONNECT}_sum") == 1.003
    assert scraped.value(f"{LATENCY}_sum") == 0.003
    assert scraped.value("tcplat_syn_retransmits_total") == 1


def test_inbound_there_is_no_time_to_connect() -> None:
    scraped = Scraped()
    scraped.take([handshake(A, S, 3 * MS, direction=Direction.INBOUND)])
    assert scraped.labels(f"{LATENCY}_count", "direction") == {"inbound"}
    assert scraped.value(f"{CONNECT}_count") is None


def test_an_ambiguous_handshake_counts_and_has_no_latency() -> None:
    scraped = Scraped()
    scraped.take([handshake(A, S, connect_ns=1_003 * MS, retransmits=2, ambiguous=True)])
    assert scraped.value("tcplat_handshakes_total", outcome="established") == 1
    assert scraped.value("tcplat_ambiguous_handshakes_total") == 1
    assert scraped.value(f"{LATENCY}_count") == 0
    assert scraped.value(f"{CONNECT}_count") == 1


def test_what_failed_is_in_no_histogram() -> None:
    scraped = Scraped()
    scraped.take([handshake(A, S, 3 * MS, outcome=each) for each in Outcome if each])
    outcomes = {each: scraped.value("tcplat_handshakes_total", outcome=each.name.lower()) for each in Outcome}
    assert outcomes == {each: int(each != Outcome.ESTABLISHED) for each in Outcome}
    assert (scraped.value(f"{LATENCY}_count"), scraped.value(f"{CONNECT}_count")) == (0, 0)


def test_a_handshake_that_two_interfaces_report_counts_once() -> None:
    scraped = Scraped()
    first = handshake(A, S, 3 * MS, ifindex=2, retransmits=1)
    scraped.take([first, first._replace(ifindex=3, latency_ns=4 * MS, repeated=1)])
    assert scraped.labels("tcplat_handshakes_total", "interface") == {"eth0"}
    assert scraped.value(f"{LATENCY}_count") == scraped.value("tcplat_syn_retransmits_total") == 1


def test_samples_are_never_mixed_with_handshakes() -> None:
    scraped = Scraped()
    scraped.take([handshake(A, S, 3 * MS)], [flow(B, S, 70 * MS)])
    assert scraped.labels(f"{LATENCY}_count", "remote") == {A}
    assert scraped.labels("tcplat_handshakes_total", "remote") == {A}
    assert scraped.labels(f"{SRTT}_count", "remote") == {B}
    assert scraped.labels("tcplat_open_connections", "remote") == {B}
    scraped.take([], [flow(A, S, 90 * MS, cookie=2)])
    assert scraped.value(f"{LATENCY}_sum", remote=A) == 0.003
    assert scraped.value(f"{SRTT}_sum", remote=A) == 0.09


def test_segments_are_counted_between_samples() -> None:
    scraped = Scraped()
    scraped.take(flows=[flow(A, S, MS, segments=100, retransmits=10)])
    assert scraped.value("tcplat_connection_segments_total") == 0
    scraped.take(flows=[flow(A, 2 * S, MS, segments=130, retransmits=12)])
    scraped.take(flows=[flow(A, 3 * S, MS, segments=131, retransmits=12, closing=True)])
    assert scraped.value("tcplat_connection_segments_total") == 31
    assert scraped.value("tcplat_connection_retransmitted_segments_total") == 2
    assert scraped.value(f"{SRTT}_count") == 3


def test_gauges_are_of_the_last_samples() -> None:
    scraped = Scraped()
    scraped.take(
        flows=[
            flow(A, S, 90 * MS, cookie=1),
            flow(A, S, 20 * MS, cookie=2, min_rtt_ns=0),
            flow(A, S, 30 * MS, cookie=3, min_rtt_ns=7 * MS),
            flow(A, 2 * S, 10 * MS, cookie=1, min_rtt_ns=5 * MS),
        ]
    )
    gauges = ("srtt_median", "srtt_max", "min_rtt_median", "min_rtt_max")
    values = [scraped.value(f"tcplat_connection_{each}_seconds") for each in gauges]
    assert values == [0.02, 0.03, 0.005, 0.007]
    assert scraped.value("tcplat_open_connections") == 3


def test_a_connection_that_has_ended_is_in_no_gauge() -> None:
    scraped = Scraped()
    scraped.take(flows=[flow(A, S, 90 * MS), flow(A, 2 * S, 90 * MS, closing=True)])
    assert scraped.value("tcplat_open_connections") == 0
    assert scraped.value("tcplat_connection_srtt_median_seconds") is None
    assert scraped.value(f"{SRTT}_count") == 2


def test_a_connection_that_has_long_been_silent_may_have_ended() -> None:
    scraped = Scraped()
    scraped.take(flows=[flow(A, S, MS, cookie=1), flow(A, 2 * S, MS, cookie=2)])
    scraped.now_ns = S + KEPT_NS
    assert scraped.value("tcplat_open_connections") == 2
    scraped.now_ns += 1
    assert scraped.value("tcplat_open_connections") == 1


def test_a_queue_must_last_to_be_bloat() -> None:
    scraped = Scraped()
    for second in (1, 6, 11):
        assert scraped.value("tcplat_bloated_connections") in (None, 0)
        scraped.take(flows=[flow(A, second * S, 90 * MS, min_rtt_ns=9 * MS)])
    assert scraped.value("tcplat_bloated_connections") == 1


def test_what_is_only_forwarded_is_apart_and_has_no_segments() -> None:
    scraped = Scraped()
    scraped.take(flows=[flow(A, S, 90 * MS, direction=None)._replace(is_forwarded=True)])
    scraped.take(flows=[flow(A, S, 70 * MS, cookie=2)])
    assert scraped.value(f"{SRTT}_sum", direction="forwarded") == 0.09
    assert scraped.value(f"{SRTT}_sum", direction="outbound") == 0.07
    assert scraped.labels("tcplat_connection_segments_total", "direction") == {"outbound"}


def test_of_a_refused_connection_tcp_knows_nothing() -> None:
    scraped = Scraped()
    scraped.take(flows=[flow(A, S, 0, closing=True)])
    assert scraped.value(f"{SRTT}_count") is None


@pytest.mark.parametrize(
    ("label_by", "remotes"),
    [
        (LabelBy.HOST, {"192.0.2.1", "192.0.2.2", "2001:db8::1"}),
        (LabelBy.NETWORK, {"192.0.2.0/24", "2001:db8::/48"}),
        (LabelBy.SERVICE, {"192.0.2.1:443", "192.0.2.1:22", "192.0.2.2:443", "[2001:db8::1]:443"}),
    ],
)
def test_remotes_go_by_what_was_asked_for(label_by: LabelBy, remotes: set[str]) -> None:
    handshakes = [handshake(each, S, MS) for each in (A, B, "2001:db8::1")]
    handshakes.append(handshake(A, S, MS, port=22, direction=Direction.INBOUND))
    scraped = Scraped(label_by)
    scraped.take(handshakes, [flow(A, S, MS)])
    assert scraped.labels("tcplat_handshakes_total", "remote") == remotes
    assert scraped.labels(f"{SRTT}_count", "remote") <= remotes


def test_there_need_be_no_remotes() -> None:
    scraped = Scraped(LabelBy.NONE)
    scraped.take([handshake(A, S, MS), handshake(B, S, MS), handshake(B, S, MS, ifindex=3)], [flow(A, S, MS)])
    assert not any("remote" in dict(labels) for _, labels in scraped.series())
    assert scraped.value(f"{LATENCY}_count", interface="eth0") == 2
    assert scraped.value(f"{LATENCY}_count", interface="wg0") == 1
    assert scraped.value("tcplat_label_sets") == 2


@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "a\nb", "a{}=,b", "\x1b[31m", "\u202e", "\udcff", "ünïcode", '"} 1\nx 2']
)
def test_names_are_inert(name: str) -> None:
    shown = "".join(each if each.isprintable() else "?" for each in name)
    scraped = Scraped(names={2: name}, version=name.encode(errors="replace").decode())
    scraped.take([handshake(A, S, MS)], [flow(A, S, MS)], [Account(name, "tcx")])
    assert scraped.labels("tcplat_handshakes_total", "interface") == {shown}
    assert scraped.labels("tcplat_probe_syns_total", "interface") == {shown}
    assert scraped.labels(f"{SRTT}_count", "interface") == {shown}


def test_interfaces_that_look_alike_are_one() -> None:
    """A series that came twice would make a scrape worthless."""
    scraped = Scraped(names={2: "a\x01", 3: "a\x02"})
    scraped.take(
        [handshake(A, S, MS, ifindex=2), handshake(A, S, MS, ifindex=3)],
        accounts=[Account("a\x01", "tcx", syns=1), Account("a\x02", "tcx", syns=2)],
    )
    assert scraped.value("tcplat_handshakes_total", interface="a?", outcome="established") == 2
    assert scraped.value("tcplat_probe_syns_total", interface="a?") == 3


def test_the_account_is_the_probes() -> None:
    scraped = Scraped()
    account = Account("eth0", "tcx", 5, syns=9, pending=2, events_lost=1, run_time_ns=7 * S, run_count=12)
    scraped.take(accounts=[account, Account("wg0", "", is_gone=True)])
    scraped.take([handshake(A, S, MS)])  # A batch without accounts changes none.
    names = (
        "established_total",
        "syns_total",
        "pending",
        "events_lost_total",
        "run_seconds_total",
        "runs_total",
    )
    values = [scraped.value(f"tcplat_probe_{each}", interface="eth0") for each in names]
    assert values == [5, 9, 2, 1, 7, 12]
    assert scraped.value("tcplat_probe_attached", interface="eth0") == 1
    assert scraped.value("tcplat_probe_attached", interface="wg0") == 0
    assert scraped.value("tcplat_probe_runs_total", interface="wg0") is None


def test_only_what_passes_the_filter_is_counted() -> None:
    scraped = Scraped(filter_=f"ip:{A} port:443")
    account = Account("eth0", "tcx", 2)
    scraped.take(
        [handshake(A, S, MS), handshake(A, S, MS, port=22), handshake(B, S, MS)],
        [flow(A, S, MS), flow(B, S, MS, cookie=2)],
        [account],
    )
    assert scraped.value("tcplat_handshakes_total", outcome="established") == 1
    assert scraped.labels(f"{SRTT}_count", "remote") == {A}
    assert scraped.value("tcplat_probe_established_total") == 2


def test_a_connection_that_no_longer_passes_is_not_open_for_ever() -> None:
    scraped = Scraped(filter_="srtt>50ms")
    scraped.take(flows=[flow(A, S, 90 * MS, segments=5)])
    assert scraped.value("tcplat_open_connections") == 1
    scraped.take(flows=[flow(A, 2 * S, 10 * MS, segments=50, closing=True)])
    assert scraped.value("tcplat_open_connections") == 0
    assert scraped.value(f"{SRTT}_count") == 1


def test_the_version_is_told() -> None:
    assert Scraped(version="0.1.0").value("tcplat_build_info", version="0.1.0") == 1
