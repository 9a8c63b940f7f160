"""Connections that are forwarded, segment by segment: which echo is to which segment, and what gives no figure.

The probe is at the outer interface of a router; the test writes what both hosts send.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bpf.event import address_bytes
from bpf.interfaces import Layer
from bpf.lab import packets
from bpf.lab.packets import Raw, Tcp
from tests.bpf.kernel_maps import entries_of, map_named
from tests.bpf.peers import ACK, ADDRESSES, FIN, RST, SYN, Peers
from tests.bpf.router import WORD, Passed, Router, routing, timestamps

pytestmark = pytest.mark.kernel

DELAY_S = 0.02


@pytest.fixture(scope="module", params=list(Layer), ids=[layer.value for layer in Layer])
def router(request: pytest.FixtureRequest) -> Iterator[Router]:
    with routing(request.param) as entered:
        yield entered


@pytest.fixture
def passed(router: Router, peers: Peers) -> Iterator[Passed]:
    connection = Passed(router, peers)
    yield connection
    # A SYN forgets it: the next test has the same ports.
    router.forwards(peers.ours(SYN, 0), is_ingress=False)
    connection.flows()


def begin(passed: Passed, value: int = 1000, echo: int = 5000, seq: int = 100) -> None:
    """The first segments seen: their TSvals may have been on others before."""
    passed.out(value, echo, seq)
    passed.back(echo, value, 900)


def test_each_half_has_the_round_trips_of_its_own_host(passed: Passed) -> None:
    begin(passed)
    passed.out(1001, 5000, 100, payload=10, name="asked")
    time.sleep(DELAY_S)
    passed.back(5020, 1001, 900, payload=10, name="answered")
    time.sleep(DELAY_S / 4)
    passed.out(1025, 5020, 110, name="acknowledged")
    far, near = passed.flows()
    peers = passed.peers
    local, remote = address_bytes(peers.local), address_bytes(peers.remote)
    assert (far.remote, far.remote_port, far.local, far.local_port) == (remote, 443, local, 38450)
    assert (near.remote, near.remote_port, near.local, near.local_port) == (local, 38450, remote, 443)
    passed.assert_between(far.srtt_ns, "asked", "answered")
    passed.assert_between(near.srtt_ns, "answered", "acknowledged")
    for flow in far, near:
        assert flow.is_forwarded
        assert flow.min_rtt_ns == flow.srtt_ns
        assert (flow.direction, flow.is_closing) == (None, False)
        assert passed.router.probe.name_of(flow.ifindex) == "outside"
        assert (flow.pid, flow.cgroup, flow.process) == (0, 0, bytes(15))
        assert (flow.segments, flow.retransmits, flow.bytes_acked, flow.cwnd, flow.opened_ns) == (0,) * 5
    assert far.cookie ^ near.cookie == 1
    assert 1 << 52 <= far.cookie < 1 << 53


def test_round_trips_are_smoothed_and_the_least_is_kept(passed: Passed) -> None:
    begin(passed)
    for number, delay_s in enumerate((0.02, 0.1)):
        passed.out(2000 + number, 5000, 100 + number, payload=1)
        time.sleep(delay_s)
        passed.back(5000, 2000 + number, 900)
    first, second = passed.flows()
    assert second.min_rtt_ns == first.min_rtt_ns == first.srtt_ns
    assert 20e6 <= first.srtt_ns < 40e6
    later_ns = (second.srtt_ns - first.srtt_ns * 7 / 8) * 8
    assert 100e6 - 8_000 <= later_ns < 120e6


def test_only_the_first_echo_counts(passed: Passed) -> None:
    begin(passed)
    passed.out(1001, 5000, 100, payload=10)
    passed.back(5001, 1001, 900)
    time.sleep(DELAY_S)
    passed.back(5020, 1001, 900, payload=10)
    assert len(passed.flows()) == 1


def test_a_tsval_that_several_segments_carry_is_that_of_the_first(passed: Passed) -> None:
    begin(passed)
    passed.out(1001, 5000, 100, payload=10, name="first")
    time.sleep(DELAY_S)
    passed.out(1001, 5000, 110, payload=10)
    passed.back(5001, 1001, 900, name="answered")
    passed.out(1001, 5000, 120, payload=10)
    passed.back(5001, 1001, 900)
    (flow,) = passed.flows()
    passed.assert_between(flow.srtt_ns, "first", "answered")


def test_a_tsval_first_seen_on_a_bare_acknowledgement_is_not_waited_for(passed: Passed) -> None:
    begin(passed)
    passed.out(1001, 5000, 100)
    passed.out(1001, 5000, 100, payload=10)
    passed.back(5001, 1001, 900)
    assert passed.flows() == []


def test_nor_is_one_that_may_have_passed_before_we_looked(passed: Passed) -> None:
    passed.out(1000, 5000, 100, payload=10)
    passed.back(5000, 1000, 900, payload=10)
    passed.out(1000, 5000, 110)
    assert passed.flows() == []


def test_an_echo_of_something_later_ends_the_wait(passed: Passed) -> None:
    begin(passed)
    passed.out(1001, 5000, 100, payload=10)
    passed.out(1002, 5000, 110, payload=10)
    passed.back(5001, 1000, 900)
    passed.back(5002, 1002, 900)
    passed.back(5003, 1001, 900)
    assert passed.flows() == []
    passed.out(1003, 5003, 120, payload=10)
    passed.back(5004, 1003, 900)
    assert len(passed.flows()) == 1


@pytest.mark.parametrize("tick", [0, 250], ids=["same tick", "later"])
def test_what_is_sent_again_gives_no_figure_of_the_first(passed: Passed, tick: int) -> None:
    begin(passed)
    passed.out(1001, 5000, 100, payload=10)
    time.sleep(DELAY_S)
    passed.out(1001 + tick, 5000, 100, payload=10)
    passed.back(5250, 1001 + tick, 900)
    assert passed.flows() == []
    passed.out(1300, 5250, 110, payload=10)
    passed.back(5300, 1300, 900)
    assert passed.flows()[0].srtt_ns < DELAY_S * 1e9


def test_a_clock_that_wraps_goes_on(passed: Passed) -> None:
    begin(passed, value=WORD - 1, seq=WORD - 10)
    for value in (WORD, WORD + 1, WORD + 2):
        passed.out(value, 5000, WORD - 10 + 20 * (value - WORD), payload=20)
        passed.back(5000, value, 900)
    assert len(passed.flows()) == 3


def test_without_timestamps_there_is_no_figure(passed: Passed) -> None:
    peers = passed.peers
    for number in range(3):
        out = Tcp(peers.local_port, peers.remote_port, ACK, 100 + number, 900 + number, payload=b"x")
        back = Tcp(peers.remote_port, peers.local_port, ACK, 900 + number, 101 + number, payload=b"x")
        passed.router.forwards(packets.ip(peers.local, peers.remote, out), is_ingress=False)
        passed.router.forwards(packets.ip(peers.remote, peers.local, back), is_ingress=True)
    assert passed.flows() == []


def test_what_comes_in_is_followed_once_something_was_forwarded(passed: Passed) -> None:
    passed.back(5000, 1000, 900, payload=10)
    passed.back(5001, 1000, 910, payload=10)
    passed.out(1001, 5001, 100)
    assert passed.flows() == []
    passed.back(5002, 1001, 920)
    passed.back(5003, 1001, 920, payload=10)
    passed.out(1002, 5003, 100)
    assert len(passed.flows()) == 1


def test_a_later_fragment_is_not_read_as_tcp(router: Router) -> None:
    peers = Peers(*ADDRESSES[4], local_port=5555)
    passed = Passed(router, peers)
    begin(passed)
    passed.out(1001, 5000, 100, payload=10)
    looks_sent_again = Tcp(peers.local_port, peers.remote_port, ACK, 100, 1, options=timestamps(1002, 5000))
    raw = Raw(6, looks_sent_again.packed(bytes(4), bytes(4)) + bytes(12))
    fragment = packets.ipv4(peers.local, peers.remote, raw, fragment_offset_bytes=8)
    router.forwards(fragment, is_ingress=False)
    passed.back(5001, 1001, 900)
    assert len(passed.flows()) == 1


def test_both_fins_give_a_last_sample_of_each_half(passed: Passed) -> None:
    begin(passed)
    passed.out(1001, 5000, 100, payload=10)
    passed.back(5001, 1001, 900, payload=10)
    passed.out(1002, 5001, 110, flags=FIN | ACK)
    assert [flow.is_closing for flow in passed.flows()] == [False, False]
    passed.back(5002, 1002, 910, flags=FIN | ACK)
    far, near = passed.flows()
    assert far.is_closing and near.is_closing
    passed.out(1003, 5002, 111)
    assert passed.flows() == []


def test_a_reset_gives_a_last_sample_and_the_next_connection_has_another_number(passed: Passed) -> None:
    numbers = set()
    for number in range(2):
        begin(passed)
        passed.out(1001, 5000, 100, payload=10)
        passed.back(5001, 1001, 900)
        passed.router.forwards(passed.peers.theirs(RST, 900), is_ingress=True)
        first, last = passed.flows()
        assert (first.is_closing, last.is_closing) == (False, True)
        assert first.cookie == last.cookie
        numbers.add(first.cookie)
        assert len(numbers) == number + 1


def test_ports_used_again_begin_anew(passed: Passed) -> None:
    begin(passed)
    passed.out(1001, 5000, 100, payload=10)
    passed.back(5001, 1001, 900)
    passed.router.forwards(passed.peers.ours(SYN, 7000), is_ingress=False)
    begin(passed, value=77, echo=33)
    passed.out(78, 33, 7001, payload=10)
    passed.back(34, 78, 900)
    before, after = passed.flows()
    assert before.cookie != after.cookie


def test_more_connections_than_there_is_room_for(router: Router) -> None:
    many = [
        Peers("10.0.2.15", "142.250.180.3", 1024 + number % 50_000, number // 50_000)
        for number in range(70_000)
    ]
    for peers in many:
        tcp = Tcp(peers.local_port, peers.remote_port, ACK, 100, 1, options=timestamps(1000, 5000))
        router.forwards(packets.ip(peers.local, peers.remote, tcp), is_ingress=False)
    last = Passed(router, many[-1])
    begin(last)
    last.out(1001, 5000, 100, payload=10)
    last.back(5001, 1001, 900)
    assert len(last.flows()) == 1
    assert 60_000 < entries_of(map_named("passings")) <= 65_536


def test_after_ten_seconds_of_silence_an_echo_is_not_waited_for_and_any_tsval_is_new() -> None:
    with routing(Layer.IP) as router:
        passed = Passed(router, Peers(*ADDRESSES[4]))
        begin(passed)
        passed.out(1001, 5000, 100, payload=10)
        time.sleep(10.1)
        passed.out(900, 5000, 110, payload=10)
        passed.back(5001, 900, 900)
        (flow,) = passed.flows()
    assert flow.srtt_ns < DELAY_S * 1e9
