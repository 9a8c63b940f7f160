"""The reference matcher: what it says of any traffic the kernel program says too; and what is its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

import bpf
from bpf import packet
from bpf.event import Handshake, Outcome
from bpf.interfaces import Layer
from bpf.lab import packets
from bpf.lab.packets import ACK, SYN, Icmp, Tcp
from bpf.matcher import PENDING_MAX, Matcher
from bpf.program import Program
from tests.bpf import traffic
from tests.bpf.both import TIMEOUT_NS, Both
from tests.bpf.traffic import Action, Advance, Again, Packet, Quote, S, Sweep, TurnPage
from tests.rounds import rounds

OURS, THEIRS = "10.0.2.15", "142.250.180.3"


def icmp_error(about: bytes, quote: Quote, link_header_bytes: int) -> bytes:
    """An error about a packet that passed: its link header goes, and from a router comes another."""
    quoted = about[link_header_bytes:][: quote.quoted_bytes]
    ends = ("2001:db8::1", "2001:db8::15") if quoted[:1] >= b"\x60" else ("10.0.2.1", "10.0.2.15")
    error = packets.ip(*ends, Icmp(quote.kind, quote.code, quoted))
    return packets.ethernet(error) if link_header_bytes else error


def play(both: Both, actions: list[Action], link_header_bytes: int) -> None:
    """Do one thing after another, comparing after each."""
    passed: list[Packet] = []
    for action in actions:
        passing = None
        match action:
            case Packet():
                passing = action
            case Again(back, is_turned) if passed:
                earlier = passed[-back % len(passed)]
                passing = Packet(earlier.is_ingress ^ is_turned, earlier.data)
            case Quote(is_ingress, back) if passed:
                quoted = passed[-back % len(passed)].data
                passing = Packet(is_ingress, icmp_error(quoted, action, link_header_bytes))
            case Advance(interval_ns):
                both.advance(interval_ns)
            case Sweep():
                both.sweep()
            case TurnPage():
                both.turn_page()
        if passing and both.carries(passing.data, is_ingress=passing.is_ingress):
            passed.append(passing)
        both.check()
    both.check_account()


PROPERTY = settings(
    max_examples=rounds(150, 3000), deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


@pytest.mark.kernel
def test_any_traffic_on_an_ethernet_device(program: Program) -> None:
    with Both(program, Layer.ETHERNET) as both:

        @PROPERTY
        @given(traffic.traffic(is_ethernet=True))
        def agree(actions: list[Action]) -> None:
            both.clear()
            play(both, actions, link_header_bytes=14)

        agree()


@pytest.mark.kernel
def test_any_traffic_on_a_bare_ip_device(program: Program) -> None:
    with Both(program, Layer.IP) as both:

        @PROPERTY
        @given(traffic.traffic(is_ethernet=False))
        def agree(actions: list[Action]) -> None:
            both.clear()
            play(both, actions, link_header_bytes=0)

        agree()


@pytest.fixture
def both(program: Program) -> Iterator[Both]:
    with Both(program, Layer.IP) as entered:
        yield entered


def passes(both: Both, is_ingress: bool, flags: int, seq: int, ack: int = 0, options: bytes = b"") -> None:
    ends, ports = ((THEIRS, OURS), (443, 38450)) if is_ingress else ((OURS, THEIRS), (38450, 443))
    data = packets.ip(*ends, Tcp(*ports, flags, seq, ack, options=options))
    assert both.carries(data, is_ingress=is_ingress)


def answer_to_two(both: Both, is_inbound: bool, first: bytes, last: bytes, answer: bytes) -> int:
    """Send a SYN (or SYN-ACK) with these options, a second later another; 2 s later comes the answer. Its latency."""
    flags, ack = (SYN | ACK, 5001) if is_inbound else (SYN, 0)
    if is_inbound:
        passes(both, True, SYN, 5000)
    passes(both, False, flags, 1000, ack, first)
    both.advance(1 * S)
    passes(both, False, flags, 1000, ack, last)
    both.advance(2 * S)
    passes(both, True, ACK if is_inbound else SYN | ACK, 5001 if is_inbound else 5000, 1001, answer)
    (event,) = both.check()
    assert event.retransmits == 1
    assert event.ambiguous == (not event.latency_ns)
    return round(event.latency_ns / S)


@pytest.mark.kernel
@pytest.mark.parametrize("is_inbound", [False, True], ids=["outbound", "inbound"])
@pytest.mark.parametrize(
    ("first", "last", "echo", "latency_s"),
    [
        (1, 2, 1, 3),
        (1, 2, 2, 2),
        (1, 2, 3, 0),
        (1, 1, 1, 0),
        (None, 2, 2, 0),
        (1, None, 1, 0),
        (1, 2, None, 0),
    ],
)
def test_the_echo_tells_which_of_two_was_answered(
    both: Both, is_inbound: bool, first: int | None, last: int | None, echo: int | None, latency_s: int
) -> None:
    def stamps(value: int | None, echo: int = 0) -> bytes:
        return b"" if value is None else packets.timestamps(value, echo)

    answer = b"" if echo is None else packets.timestamps(9, echo)
    assert answer_to_two(both, is_inbound, stamps(first), stamps(last), answer) == latency_s


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("before", "is_read"),
    [
        (b"", True),
        (packets.NOP * 2, True),
        (packets.mss(1460) + packets.SACK_PERMITTED, True),
        (bytes((254, 30)) + bytes(28), True),
        (packets.NOP * 15, True),
        (packets.NOP * 16, False),
        (b"\0", False),
        (bytes((0, 4, 0, 0)), False),
        (bytes((2, 1)), False),
        (bytes((2, 0)), False),
        (bytes((2, 255)), False),
        (bytes((8, 9)) + bytes(7), True),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else None,
)
def test_timestamps_are_found_among_options(both: Both, before: bytes, is_read: bool) -> None:
    first, last, answer = (
        before + packets.timestamps(value, echo) for value, echo in ((1, 0), (2, 0), (9, 2))
    )
    assert answer_to_two(both, False, first, last, answer) == (2 if is_read else 0)


@pytest.mark.kernel
def test_a_syn_ack_with_another_number_is_a_new_answer(both: Both) -> None:
    passes(both, True, SYN, 5000)
    for number in (1000, 1000, 77):
        passes(both, False, SYN | ACK, number, 5001)
        both.advance(1 * S)
    passes(both, True, ACK, 5001, 1001)
    assert both.check() == []
    passes(both, True, ACK, 5001, 78)
    (event,) = both.check()
    assert (event.retransmits, round(event.latency_ns / S), round(event.answer_ns / S)) == (0, 1, 2)


@pytest.mark.kernel
def test_an_ack_whose_number_shares_the_slot_ends_nothing(both: Both) -> None:
    passes(both, True, SYN, 5000)
    passes(both, False, SYN | ACK, 1000, 5001)
    same_slot = 1001 + 0xFFFF
    assert packet.slot_of(same_slot) == packet.slot_of(1001)
    passes(both, True, ACK, 5001, same_slot)
    assert both.check() == []
    both.check_account()


def sees(matcher: Matcher, time_ns: int, tcp: Tcp, *, is_ingress: bool, ifindex: int = 1) -> Handshake | None:
    ends = (THEIRS, OURS) if is_ingress else (OURS, THEIRS)
    data = packets.ip(*ends, tcp)
    return matcher.see(time_ns, ifindex, is_ingress, data, *packet.bare_ip(data))


def connects(matcher: Matcher, sent_ns: int, answered_ns: int, ifindex: int = 1) -> Handshake | None:
    sees(matcher, sent_ns, Tcp(38450, 443, SYN, 1000), is_ingress=False, ifindex=ifindex)
    answer = Tcp(443, 38450, SYN | ACK, 5000, 1001)
    return sees(matcher, answered_ns, answer, is_ingress=True, ifindex=ifindex)


def test_times_are_those_of_the_packets() -> None:
    event = connects(Matcher(TIMEOUT_NS), 0, 45_540_912)
    assert event
    assert (event.time_ns, event.latency_ns, event.connect_ns) == (45_540_912,) * 3


def test_a_clock_that_was_set_back_gives_no_latency() -> None:
    event = connects(Matcher(TIMEOUT_NS), 2 * S, 1 * S)
    assert event
    assert (event.outcome, event.latency_ns, event.connect_ns) == (Outcome.ESTABLISHED, 0, 0)


def test_waiting_ends_with_the_timeout_and_memory_75_s_after_the_last_syn() -> None:
    matcher = Matcher(TIMEOUT_NS)
    syn = Tcp(38450, 443, SYN, 1000)
    sees(matcher, 0, syn, is_ingress=False)
    sees(matcher, 0, Tcp(38450, 444, SYN, 1000), is_ingress=True)
    assert matcher.sweep(TIMEOUT_NS - 1).pending == {1: 2}
    assert len(matcher.sweep(TIMEOUT_NS).unanswered) == 2
    matcher.sweep(75 * S)
    sees(matcher, 75 * S, syn, is_ingress=False)
    assert matcher.counters(1)["syn_retransmits"] == 1
    matcher.sweep(150 * S + 1)
    sees(matcher, 150 * S + 1, syn, is_ingress=False)
    assert matcher.counters(1)["syn_retransmits"] == 1


def test_each_interface_has_its_connections_and_its_account() -> None:
    matcher = Matcher(TIMEOUT_NS)
    sees(matcher, 1, Tcp(38450, 443, SYN, 1000), is_ingress=False, ifindex=1)
    assert not sees(matcher, 2, Tcp(443, 38450, SYN | ACK, 5000, 1001), is_ingress=True, ifindex=2)
    assert connects(matcher, 3, 4, ifindex=3)
    assert [matcher.counters(ifindex)["syns"] for ifindex in (1, 2, 3)] == [1, 0, 1]
    assert [matcher.counters(ifindex)["unsolicited"] for ifindex in (1, 2, 3)] == [0, 1, 0]
    assert matcher.sweep(5).pending == {1: 1}


@pytest.mark.parametrize("is_ingress", [False, True])
def test_what_is_under_way_is_bounded(is_ingress: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpf.matcher.PENDING_MAX", 10)
    matcher = Matcher(TIMEOUT_NS)
    for port in range(15):
        sees(matcher, port, Tcp(port, 443, SYN, 1), is_ingress=is_ingress)
    counters = matcher.counters(1)
    assert (counters["syns"], counters["pending_full"]) == (15, 5)
    assert matcher.sweep(0).pending == {1: 10}
    sees(matcher, 1, Tcp(1, 443, SYN, 2), is_ingress=is_ingress)
    assert (counters["superseded"], counters["pending_full"]) == (1, 5)


def test_the_bound_is_the_kernel_programs() -> None:
    program = Path(bpf.__file__).with_name("handshake.bpf.c").read_text()
    assert f"#define PENDING_MAX {PENDING_MAX}\n" in program


@pytest.mark.parametrize("start", [packet.ethernet, packet.bare_ip])
def test_runts_are_not_counted(start: Callable[[bytes], tuple[int, int]]) -> None:
    matcher = Matcher(TIMEOUT_NS)
    for size in range(packet.SHORTEST_BYTES + 1):
        assert not matcher.see(1, 1, True, bytes(size), *start(bytes(size)))
    assert matcher.counters(1)["packets"] == 1
