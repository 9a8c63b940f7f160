"""The kernel program, packet by packet: what it reports, counts, and hands on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from bpf import syscall
from bpf.event import Direction, Handshake, Outcome, address_bytes
from bpf.interfaces import Layer
from bpf.lab import packets
from bpf.lab.packets import Extension, Icmp, Raw, Tcp, Vlan
from bpf.program import Program
from bpf.tables import AwaitedAcks
from tests.bpf.wire import IFINDEX, Wire

pytestmark = pytest.mark.kernel

NEXT_PROGRAM = -1
SYN, RST, ACK, FIN, PSH = 0x02, 0x04, 0x10, 0x01, 0x08
HOP_BY_HOP, ROUTING, DESTINATION = 0, 43, 60
UDP = 17
SHORTEST = 54
"""The kernel refuses a test run of less than Ethernet and IP headers; shorter junk comes through a real device."""
ADDRESSES = {4: ("10.0.2.15", "142.250.180.3"), 6: ("2001:db8::15", "2001:db8:1::3")}


@pytest.fixture(params=list(Layer), ids=[layer.value for layer in Layer])
def wire(request: pytest.FixtureRequest, program: Program) -> Iterator[Wire]:
    with Wire(program, request.param) as entered:
        yield entered


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def peers(request: pytest.FixtureRequest) -> Peers:
    return Peers(*ADDRESSES[request.param])


Packed = Callable[[str, str, packets.Carried], bytes]


@dataclass(frozen=True)
class Peers:
    """Two ends of a connection, and the segments they send each other. `packed` wraps them into IP."""

    local: str
    remote: str
    local_port: int = 38450
    remote_port: int = 443
    packed: Packed = packets.ip

    def ours(self, flags: int, seq: int, ack: int = 0) -> bytes:
        return self.packed(self.local, self.remote, Tcp(self.local_port, self.remote_port, flags, seq, ack))

    def theirs(self, flags: int, seq: int, ack: int = 0) -> bytes:
        return self.packed(self.remote, self.local, Tcp(self.remote_port, self.local_port, flags, seq, ack))

    def is_of(self, event: Handshake) -> bool:
        return (event.remote, event.local, event.remote_port, event.local_port) == (
            address_bytes(self.remote),
            address_bytes(self.local),
            self.remote_port,
            self.local_port,
        )


def connect_out(wire: Wire, peers: Peers, **frame: object) -> None:
    assert wire.sends(peers.ours(SYN, 1000), **frame) == NEXT_PROGRAM
    assert wire.receives(peers.theirs(SYN | ACK, 5000, 1001), **frame) == NEXT_PROGRAM
    assert wire.sends(peers.ours(ACK, 1001, 5001), **frame) == NEXT_PROGRAM


def connect_in(wire: Wire, peers: Peers, **frame: object) -> None:
    assert wire.receives(peers.theirs(SYN, 5000), **frame) == NEXT_PROGRAM
    assert wire.sends(peers.ours(SYN | ACK, 1000, 5001), **frame) == NEXT_PROGRAM
    assert wire.receives(peers.theirs(ACK, 5001, 1001), **frame) == NEXT_PROGRAM


def only(events: list[Handshake]) -> Handshake:
    assert len(events) == 1
    return events[0]


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


def test_what_the_ring_cannot_take_is_counted(program: Program) -> None:
    peers = Peers(*ADDRESSES[4])
    with Wire(program, Layer.IP) as wire:
        made = 0
        while not wire.counters()["events_lost"]:
            for _ in range(500):
                made += 1
                each = replace(peers, local_port=1024 + made % 60000)
                wire.sends(each.ours(SYN, made))
                wire.receives(each.theirs(RST | ACK, 0, made + 1))
            assert made < 60_000
        counters = wire.counters()
        assert len(wire.events()) + counters["events_lost"] == counters["refused"] == made


def test_full_table_is_counted_and_leaves_the_other_alone(program: Program) -> None:
    peers = Peers(*ADDRESSES[4])
    with Wire(program, Layer.IP) as wire:
        for number in range(65536 + 100):
            source = replace(
                peers, remote=f"198.18.{number >> 8 & 255}.{number & 255}", remote_port=1 + number // 65536
            )
            wire.receives(source.theirs(SYN, number))
        assert wire.counters()["pending_full"] == 100
        connect_out(wire, peers)
        assert peers.is_of(only(wire.events()))


def test_unanswered_is_reported_once_and_a_later_syn_is_still_a_retransmission(
    program: Program, wire: Wire, peers: Peers
) -> None:
    wire.sends(peers.ours(SYN, 1000))
    wire.sends(peers.ours(SYN, 1000))
    began_ns = time.monotonic_ns()
    assert program.pending.sweep(began_ns + 9_000_000_000).unanswered == []
    event = only(program.pending.sweep(began_ns + 11_000_000_000).unanswered)
    assert peers.is_of(event)
    assert (event.outcome, event.direction, event.retransmits) == (Outcome.UNANSWERED, Direction.OUTBOUND, 1)
    assert program.pending.sweep(began_ns + 12_000_000_000).unanswered == []
    connect_out(wire, peers)
    late = only(wire.events())
    assert (late.retransmits, late.latency_ns) == (2, 0)


def test_unanswered_is_forgotten_at_last(program: Program, wire: Wire, peers: Peers) -> None:
    wire.sends(peers.ours(SYN, 1000))
    program.pending.sweep(time.monotonic_ns() + 80_000_000_000)
    wire.receives(peers.theirs(SYN | ACK, 5000, 1001))
    assert wire.events() == []


@pytest.mark.parametrize("isn", [1000, 2000], ids=["retransmitted", "superseded"])
def test_syn_that_leaves_while_the_tables_are_swept_is_not_lost(
    program: Program, wire: Wire, peers: Peers, monkeypatch: pytest.MonkeyPatch, isn: int
) -> None:
    wire.sends(peers.ours(SYN, 1000))
    entries = syscall.entries

    def and_then_a_syn(map_fd: int, key_bytes: int, value_bytes: int) -> Iterator[tuple[bytes, bytes]]:
        read = list(entries(map_fd, key_bytes, value_bytes))
        if read:
            wire.sends(peers.ours(SYN, isn))
        yield from read

    monkeypatch.setattr(syscall, "entries", and_then_a_syn)
    unanswered = program.pending.sweep(time.monotonic_ns() + 11_000_000_000).unanswered
    wire.receives(peers.theirs(SYN | ACK, 5000, isn + 1))
    event = only(wire.events())
    counters = wire.counters()
    is_retransmission = isn == 1000
    assert (event.retransmits, event.ambiguous) == (int(is_retransmission), int(is_retransmission))
    assert (
        counters["syns"]
        == counters["established"] + counters["superseded"] + len(unanswered) - counters["late"]
    )


def test_unanswered_is_reported_even_if_nobody_looked_for_long(
    program: Program, wire: Wire, peers: Peers
) -> None:
    wire.sends(peers.ours(SYN, 1000))
    event = only(program.pending.sweep(time.monotonic_ns() + 80_000_000_000).unanswered)
    assert peers.is_of(event)


@pytest.mark.parametrize("answered", [False, True])
def test_inbound_unanswered(program: Program, wire: Wire, peers: Peers, answered: bool) -> None:
    wire.receives(peers.theirs(SYN, 5000))
    if answered:
        wire.sends(peers.ours(SYN | ACK, 1000, 5001))
    event = only(program.pending.sweep(time.monotonic_ns() + 11_000_000_000).unanswered)
    assert (event.outcome, event.direction) == (Outcome.UNANSWERED, Direction.INBOUND)
    assert program.pending.sweep(time.monotonic_ns() + 12_000_000_000).unanswered == []


def test_turning_the_page_loses_no_handshake_under_way(program: Program, wire: Wire, peers: Peers) -> None:
    awaited: AwaitedAcks = program.awaited_acks
    awaited.turn()
    awaited.wipe()
    wire.receives(peers.theirs(SYN, 5000))
    wire.sends(peers.ours(SYN | ACK, 1000, 5001))
    awaited.wipe()  # As the probe does every second, also right before it turns the page.
    awaited.turn()
    awaited.wipe()
    wire.receives(peers.theirs(ACK, 5001, 1001))
    assert only(wire.events()).latency_ns > 0


@pytest.mark.parametrize("answered", [False, True])
def test_what_came_before_the_other_side_was_attached_is_not_called_unanswered(
    program: Program, wire: Wire, peers: Peers, answered: bool
) -> None:
    began_ns = time.monotonic_ns()
    wire.receives(peers.theirs(SYN, 5000))
    if answered:
        wire.sends(peers.ours(SYN | ACK, 1000, 5001))
    assert program.pending.forget_unheard(IFINDEX, began_ns) == 0
    assert program.pending.forget_unheard(IFINDEX + 1, time.monotonic_ns()) == 0
    assert program.pending.forget_unheard(IFINDEX, time.monotonic_ns()) == (0 if answered else 1)
    assert len(program.pending.sweep(time.monotonic_ns() + 11_000_000_000).unanswered) == answered
