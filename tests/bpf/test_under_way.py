"""What is under way in the kernel program: bounds of its tables, sweeps, what is never answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bpf.event import Direction, Outcome
from bpf.interfaces import Layer
from bpf.matcher import PENDING_MAX
from bpf.places import SLOTS, Table, UnderWay
from bpf.program import Program
from bpf.tables import AwaitedAcks
from tests.bpf.peers import (
    ACK,
    ADDRESSES,
    SYN,
    Peers,
    connect_out,
    only,
)
from tests.bpf.wire import IFINDEX, Wire

pytestmark = pytest.mark.kernel


def test_full_table_is_counted_and_leaves_the_other_alone(program: Program) -> None:
    peers = Peers(*ADDRESSES[4])
    count = PENDING_MAX + SLOTS + 100  # More than a table and places hold.
    with Wire(program, Layer.IP) as wire:
        for number in range(count):
            source = replace(
                peers, remote=f"198.18.{number >> 8 & 255}.{number & 255}", remote_port=1 + number // 65536
            )
            wire.receives(source.theirs(SYN, number))
        left_out = wire.counters()["pending_full"]
        assert 100 <= left_out <= 100 + SLOTS
        assert program.pending.sweep(time.monotonic_ns()).pending[IFINDEX] == count - left_out
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
    entries = Table.entries

    def and_then_a_syn(table: Table) -> Iterator[UnderWay]:
        read = list(entries(table))
        if read:
            wire.sends(peers.ours(SYN, isn))
        yield from read

    monkeypatch.setattr(Table, "entries", and_then_a_syn)
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
