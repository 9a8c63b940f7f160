"""The kernel program, packet by packet: what it reports, counts, and hands on."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from bpf.event import Direction, Outcome
from bpf.interfaces import Layer
from bpf.lab import packets
from bpf.lab.packets import Extension, Icmp, Raw, Tcp, Vlan
from bpf.program import Program
from tests.bpf.peers import (
    ACK,
    ADDRESSES,
    DESTINATION,
    HOP_BY_HOP,
    NEXT_PROGRAM,
    PSH,
    ROUTING,
    RST,
    SHORTEST,
    SYN,
    UDP,
    Packed,
    Peers,
    connect_in,
    connect_out,
    only,
)
from tests.bpf.wire import Wire

pytestmark = pytest.mark.kernel


def test_outbound_handshake_has_its_latency(wire: Wire, peers: Peers) -> None:
    connect_out(wire, peers)
    event = only(wire.events())
    assert peers.is_of(event)
    assert (event.direction, event.outcome) == (Direction.OUTBOUND, Outcome.ESTABLISHED)
    assert 0 < event.latency_ns == event.connect_ns
    assert (event.answer_ns, event.retransmits, event.ambiguous) == (0, 0, 0)
    assert wire.counters()["established"] == 1


def test_inbound_handshake_has_the_remote_sides_latency_and_our_answer(wire: Wire, peers: Peers) -> None:
    connect_in(wire, peers)
    event = only(wire.events())
    assert peers.is_of(event)
    assert (event.direction, event.outcome) == (Direction.INBOUND, Outcome.ESTABLISHED)
    assert event.latency_ns > 0
    assert event.answer_ns > 0
    assert (event.connect_ns, event.retransmits, event.ambiguous) == (0, 0, 0)


@pytest.mark.parametrize("connect", [connect_out, connect_in])
def test_each_handshake_is_reported_once(
    wire: Wire, peers: Peers, connect: Callable[[Wire, Peers], None]
) -> None:
    connect(wire, peers)
    wire.receives(peers.theirs(SYN | ACK, 5000, 1001))
    wire.receives(peers.theirs(ACK, 5001, 1001))
    wire.receives(peers.theirs(ACK | PSH, 5001, 1001))
    assert len(wire.events()) == 1


def test_retransmitted_syn_gives_no_latency(wire: Wire, peers: Peers) -> None:
    wire.sends(peers.ours(SYN, 1000))
    wire.sends(peers.ours(SYN, 1000))
    connect_out(wire, peers)
    event = only(wire.events())
    assert (event.latency_ns, event.retransmits, event.ambiguous) == (0, 2, 1)
    assert event.connect_ns > 0
    assert wire.counters()["ambiguous"] == 1


def test_retransmitted_syn_ack_gives_no_latency(wire: Wire, peers: Peers) -> None:
    wire.receives(peers.theirs(SYN, 5000))
    wire.sends(peers.ours(SYN | ACK, 1000, 5001))
    wire.sends(peers.ours(SYN | ACK, 1000, 5001))
    wire.receives(peers.theirs(ACK, 5001, 1001))
    event = only(wire.events())
    assert (event.latency_ns, event.retransmits, event.ambiguous) == (0, 1, 1)
    assert event.answer_ns > 0


def test_port_used_again_is_a_new_connection(wire: Wire, peers: Peers) -> None:
    wire.sends(peers.ours(SYN, 77))
    connect_out(wire, peers)
    event = only(wire.events())
    assert event.retransmits == 0
    assert event.latency_ns == event.connect_ns > 0


def test_answer_to_another_syn_is_no_answer(wire: Wire, peers: Peers) -> None:
    wire.sends(peers.ours(SYN, 1000))
    wire.receives(peers.theirs(SYN | ACK, 5000, 999))
    wire.receives(peers.theirs(RST | ACK, 0, 999))
    wire.receives(peers.theirs(ACK, 5000, 1001))
    assert wire.events() == []


def test_answer_to_nobody_is_no_handshake(wire: Wire, peers: Peers) -> None:
    wire.receives(peers.theirs(SYN | ACK, 5000, 1001))
    wire.sends(peers.ours(SYN | ACK, 1000, 5001))
    wire.receives(peers.theirs(ACK, 5001, 1001))
    assert wire.events() == []


@pytest.mark.parametrize(
    "change", [{"local_port": 38451}, {"remote_port": 444}, {"remote": "::ffff:1.2.3.4"}]
)
def test_answer_belongs_to_its_own_connection(wire: Wire, change: dict[str, object]) -> None:
    peers = Peers(*ADDRESSES[6])
    wire.sends(peers.ours(SYN, 1000))
    wire.receives(replace(peers, **change).theirs(SYN | ACK, 5000, 1001))  # type: ignore[arg-type]
    assert wire.events() == []


def test_refused_by_them(wire: Wire, peers: Peers) -> None:
    wire.sends(peers.ours(SYN, 1000))
    wire.receives(peers.theirs(RST | ACK, 0, 1001))
    event = only(wire.events())
    assert (event.direction, event.outcome) == (Direction.OUTBOUND, Outcome.REFUSED)
    assert (event.latency_ns, event.connect_ns) == (0, 0)
    assert wire.counters()["refused"] == 1


def test_refused_by_us(wire: Wire, peers: Peers) -> None:
    wire.receives(peers.theirs(SYN, 5000))
    wire.sends(peers.ours(RST | ACK, 0, 5001))
    event = only(wire.events())
    assert (event.direction, event.outcome) == (Direction.INBOUND, Outcome.REFUSED)


@pytest.mark.parametrize(("seq", "ack"), [(1, 5001), (0, 5000), (0, 5002)])
def test_a_rst_of_ours_that_does_not_answer_their_syn_refuses_nothing(
    wire: Wire, peers: Peers, seq: int, ack: int
) -> None:
    wire.receives(peers.theirs(SYN, 5000))
    wire.sends(peers.ours(RST | ACK, seq, ack))
    assert wire.events() == []


@pytest.mark.parametrize("seq", [1000, 1002, 1001 + 0xFFFF])
def test_a_rst_of_ours_with_another_number_does_not_take_our_answer_back(
    wire: Wire, peers: Peers, seq: int
) -> None:
    """The last one's slot of awaited acknowledgements is the one that is set."""
    wire.receives(peers.theirs(SYN, 5000))
    wire.sends(peers.ours(SYN | ACK, 1000, 5001))
    wire.sends(peers.ours(RST, seq))
    assert wire.events() == []
    wire.sends(peers.ours(RST, 1001))
    assert only(wire.events()).outcome == Outcome.REFUSED


def test_icmp_error_that_quotes_our_syn(wire: Wire, peers: Peers) -> None:
    syn = peers.ours(SYN, 1000)
    wire.sends(syn)
    kind = 1 if ":" in peers.local else 3
    router = "2001:db8::1" if ":" in peers.local else "10.0.2.1"
    wire.receives(packets.ip(router, peers.local, Icmp(kind, 1, syn[: 48 if kind == 1 else 28])))
    event = only(wire.events())
    assert peers.is_of(event)
    assert event.outcome == Outcome.UNREACHABLE
    assert wire.counters()["unreachable"] == 1


def test_icmp_error_that_quotes_something_else(wire: Wire, peers: Peers) -> None:
    wire.sends(peers.ours(SYN, 1000))
    kind = 1 if ":" in peers.local else 3
    wire.receives(packets.ip(peers.remote, peers.local, Icmp(kind, 1, peers.ours(ACK, 2000))))
    wire.receives(packets.ip(peers.remote, peers.local, Icmp(kind + 7, 1, peers.ours(SYN, 1000))))
    assert wire.events() == []


def test_path_mtu_message_ends_nothing(wire: Wire) -> None:
    peers = Peers(*ADDRESSES[4])
    wire.sends(peers.ours(SYN, 1000))
    wire.receives(packets.ip(peers.remote, peers.local, Icmp(3, 4, peers.ours(SYN, 1000))))
    assert wire.events() == []


def ipv4_with_options(source: str, destination: str, carried: packets.Carried) -> bytes:
    return packets.ipv4(source, destination, carried, options=bytes([1] * 40))


def ipv6_with_extensions(source: str, destination: str, carried: packets.Carried) -> bytes:
    extensions = [
        packets.options_extension(HOP_BY_HOP, 2),
        Extension(ROUTING),
        packets.fragment_extension(0, more=True),
        packets.options_extension(DESTINATION, 3),
    ]
    return packets.ipv6(source, destination, carried, extensions=extensions)


def ipv6_with_eight_extensions(source: str, destination: str, carried: packets.Carried) -> bytes:
    return packets.ipv6(source, destination, carried, extensions=[packets.options_extension(DESTINATION)] * 8)


@pytest.mark.parametrize("connect", [connect_out, connect_in])
@pytest.mark.parametrize(
    ("version", "packed"),
    [(4, ipv4_with_options), (6, ipv6_with_extensions), (6, ipv6_with_eight_extensions)],
)
def test_options_and_extension_headers_are_skipped(
    wire: Wire, version: int, packed: Packed, connect: Callable[[Wire, Peers], None]
) -> None:
    peers = Peers(*ADDRESSES[version], packed=packed)
    connect(wire, peers)
    event = only(wire.events())
    assert peers.is_of(event)
    assert event.latency_ns > 0


@pytest.mark.parametrize("tags", [[Vlan(7)], [Vlan(100, 0x88A8), Vlan(7)]], ids=["VLAN", "QinQ"])
@pytest.mark.parametrize("connect", [connect_out, connect_in])
def test_tags_in_the_frame_are_skipped(
    program: Program, peers: Peers, tags: list[Vlan], connect: Callable[..., None]
) -> None:
    with Wire(program, Layer.ETHERNET) as wire:
        connect(wire, peers, vlans=tags)
        assert peers.is_of(only(wire.events()))


def test_later_fragments_are_not_read_as_tcp(wire: Wire) -> None:
    local, remote = ADDRESSES[4]
    looks_like_syn = Tcp(38450, 443, SYN, 1000).packed(bytes(4), bytes(4))
    wire.sends(packets.ipv4(local, remote, Raw(6, looks_like_syn), fragment_offset_bytes=8))
    local, remote = ADDRESSES[6]
    fragment = packets.fragment_extension(8, more=False)
    wire.sends(packets.ipv6(local, remote, Raw(6, looks_like_syn), extensions=[fragment]))
    assert wire.counters()["syns"] == 0


def test_other_protocols_are_not_read_as_tcp(wire: Wire, peers: Peers) -> None:
    looks_like_syn = Tcp(38450, 443, SYN, 1000).packed(bytes(4), bytes(4))
    wire.sends(packets.ip(peers.local, peers.remote, Raw(UDP, looks_like_syn)))
    assert wire.counters()["syns"] == 0


def test_junk_is_handed_on_and_reports_nothing(wire: Wire) -> None:
    chance = random.Random(7)
    templates = [Peers(*ADDRESSES[version]).theirs(SYN, 1) for version in (4, 6)]
    for _ in range(3000):
        noise = chance.randbytes(chance.randint(SHORTEST, 200))
        data = bytearray(chance.choice([noise, packets.ethernet(chance.choice(templates))]))
        for _ in range(chance.randint(0, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        assert (
            wire.carries(bytes(data[: chance.randint(SHORTEST, len(data))]), is_ingress=True) == NEXT_PROGRAM
        )
    assert [event for event in wire.events() if event.outcome == Outcome.ESTABLISHED] == []
