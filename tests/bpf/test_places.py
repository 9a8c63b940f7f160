"""Where handshakes under way are kept: those that have the same place are told apart, and all are found again."""

from __future__ import annotations

import mmap
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bpf import places, syscall
from bpf.event import Direction
from bpf.interfaces import Layer
from bpf.lab import packets
from bpf.places import PLACE_BYTES, PLACES, SHARDS, SLOTS, SPARES, Table, UnderWay, shards_for
from bpf.program import Program
from tests.bpf.both import TIMEOUT_NS, Both
from tests.bpf.peers import ACK, ADDRESSES, RST, SYN, Peers, connect_in, connect_out
from tests.bpf.wire import IFINDEX, Wire

pytestmark = pytest.mark.kernel

COUNT = SLOTS * 3 // 2
RUNS = {True: 3_000_000, False: 300_000}
ENOUGH = {True: 1000, False: 100}
"""Of ours; of theirs, where the one that ends it is seldom quicker than who removes it."""
PATIENCE_S = 60


@pytest.fixture(params=[4, 6], ids=["IPv4", "IPv6"])
def crowd(request: pytest.FixtureRequest) -> list[Peers]:
    """More pairs of peers than there are places: some have one to themselves, others share one."""
    peers = Peers(*ADDRESSES[request.param])
    return [replace(peers, local_port=10_000 + number) for number in range(COUNT)]


def test_their_numbers_are_the_programs() -> None:
    program = (Path(places.__file__).parent / "handshake.bpf.c").read_text()
    for name, value in (
        ("SLOTS", SLOTS),
        ("SLOTS_BITS", SLOTS.bit_length() - 1),
        ("SHARDS", SHARDS),
        ("SPARES", SPARES),
        ("PLACES", PLACES),
        ("PLACE_BITS", PLACES.bit_length() - 1),
    ):
        assert f"#define {name} {value}\n" in program


def tables(program: Program) -> tuple[Table, Table]:
    return program.pending._outbound, program.pending._inbound


def some(crowd: list[Peers], rest: int) -> Iterator[tuple[int, Peers]]:
    """Every fourth, with its ISN."""
    return ((number, crowd[number]) for number in range(rest, len(crowd), 4))


@pytest.fixture(params=[1, 64], ids=["one CPU", "64 CPUs"])
def _cpus(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: request.param)


@pytest.mark.parametrize(
    ("cpus", "shards"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (12, 8), (64, 16), (512, 16)]
)
def test_shards(cpus: int, shards: int) -> None:
    assert shards_for(cpus) == shards


@pytest.mark.usefixtures("_cpus")
def test_ours(program: Program, crowd: list[Peers]) -> None:
    with Both(program, Layer.IP) as both:
        for number, peers in enumerate(crowd):
            both.carries(peers.ours(SYN, number), is_ingress=False)
        assert {entry.number is None for entry in tables(program)[0].entries()} == {True, False}
        for number, peers in some(crowd, 0):  # Again, then another connection from the same port.
            both.carries(peers.ours(SYN, number), is_ingress=False)
            both.carries(peers.ours(SYN, number + 7), is_ingress=False)
        for number, peers in some(crowd, 1):
            both.carries(peers.theirs(SYN, 5000), is_ingress=True)  # Simultaneous.
            both.carries(peers.theirs(SYN | ACK, 5000, number + 1), is_ingress=True)
        for number, peers in some(crowd, 2):
            both.carries(peers.theirs(RST | ACK, 0, number + 1), is_ingress=True)
        both.check()
        assert len(both.sweep()) == 0
        both.check_account()
        both.advance(TIMEOUT_NS)
        assert len(both.sweep()) == COUNT // 2
        for number, peers in some(crowd, 0):  # Late, all of them.
            both.carries(peers.theirs(SYN | ACK, 5000, number + 8), is_ingress=True)
        both.check()
        both.check_account()
        assert both.counters()["late"] == COUNT // 4


@pytest.mark.usefixtures("_cpus")
def test_theirs(program: Program, crowd: list[Peers]) -> None:
    with Both(program, Layer.IP) as both:
        for number, peers in enumerate(crowd):
            both.carries(peers.theirs(SYN, number), is_ingress=True)
        assert {entry.number is None for entry in tables(program)[1].entries()} == {True, False}
        for number, peers in some(crowd, 0):
            both.carries(peers.theirs(SYN, number), is_ingress=True)
            both.carries(peers.theirs(SYN, number + 7), is_ingress=True)
        for number, peers in enumerate(crowd):
            both.carries(peers.ours(SYN | ACK, 1000, number + 1), is_ingress=False)
        for number, peers in some(crowd, 1):
            both.carries(peers.theirs(ACK, number + 1, 1001), is_ingress=True)
        for number, peers in some(crowd, 2):
            both.carries(peers.theirs(RST, number + 1), is_ingress=True)
        both.check()
        both.check_account()
        both.advance(TIMEOUT_NS)
        assert len(both.sweep()) == COUNT // 2
        both.check_account()


@pytest.mark.usefixtures("_cpus")
@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "theirs"])
def test_nothing_is_left_of_those_that_ended_or_were_forgotten(
    program: Program, crowd: list[Peers], is_ours: bool
) -> None:
    with Wire(program, Layer.IP) as wire:
        for peers in crowd:
            if is_ours:
                wire.sends(peers.ours(SYN, 1000))
            else:
                wire.receives(peers.theirs(SYN, 5000))
        for peers in crowd[::2]:
            (connect_out if is_ours else connect_in)(wire, peers)
        assert len(wire.events()) == COUNT // 2
        program.pending.forget(IFINDEX)
        assert [list(table.entries()) for table in tables(program)] == [[], []]
        # Nor does a place think that any of its own are in the table.
        assert not any(program.pending._glance.used(table._direction) for table in tables(program))


@pytest.mark.usefixtures("_cpus")
def test_the_place_left_last_is_taken_again(program: Program, wire: Wire, crowd: list[Peers]) -> None:
    """One after the other: each shard has one for all of its slots."""
    told: dict[int, set[int]] = defaultdict(set)
    glance = program.pending._glance
    for peers in crowd[:1000]:
        wire.sends(peers.ours(SYN, 1000))
        (slot,) = glance.used(Direction.OUTBOUND)
        told[slot >> program._places.shard_bits].add(program._places.offset(glance.told(slot)))
        wire.receives(peers.theirs(RST | ACK, 0, 1001))
    assert {len(each) for each in told.values()} == {1}


def test_what_changed_since_it_was_read_is_not_removed(program: Program, wire: Wire, peers: Peers) -> None:
    ours, theirs = tables(program)
    wire.sends(peers.ours(SYN, 1000))
    wire.receives(replace(peers, local_port=80).theirs(SYN, 5000))
    read = only_entry(ours), only_entry(theirs)
    wire.sends(peers.ours(SYN, 1000))
    wire.sends(replace(peers, local_port=80).ours(SYN | ACK, 1000, 5001))
    assert [ours.remove(read[0]), theirs.remove(read[1])] == [False, False]
    assert [ours.remove(only_entry(ours)), theirs.remove(only_entry(theirs))] == [True, True]
    wire.receives(peers.theirs(SYN | ACK, 5000, 1001))
    wire.receives(replace(peers, local_port=80).theirs(ACK, 5001, 1001))
    assert wire.events() == []


def only_entry(table: Table) -> UnderWay:
    (entry,) = table.entries()
    return entry


@pytest.fixture
def _nothing_to_spare(program: Program) -> Iterator[None]:
    """As where programs interrupt each other on a CPU."""
    kept = program._places
    begin = PLACES * PLACE_BYTES + SHARDS * 64
    with mmap.mmap(kept.places_fd, len(kept._memory)) as memory:
        before = memory[begin : begin + SPARES * 64]
        memory[begin : begin + SPARES * 64] = bytes(SPARES * 64)
        yield
        memory[begin : begin + SPARES * 64] = before


@pytest.mark.usefixtures("_nothing_to_spare")
def test_what_cannot_be_followed_any_more_is_counted_and_has_no_figure(wire: Wire, peers: Peers) -> None:
    others = [replace(peers, local_port=port) for port in (1001, 1002, 1003)]
    for each, isn in zip(others, (1000, 1000, 2000), strict=True):
        wire.sends(each.ours(SYN, 1000))
        if each is not others[0]:
            wire.sends(each.ours(SYN, isn))  # Again; of another connection.
        wire.receives(each.theirs(SYN | ACK, 5000, isn + 1))
    connect_in(wire, peers)
    assert [event.local_port for event in wire.events()] == [1001]
    counters = wire.counters()
    assert (counters["syns"], counters["established"], counters["pending_full"]) == (5, 1, 4)


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "theirs"])
@pytest.mark.parametrize("is_elsewhere", [False, True], ids=["in its place", "in the table"])
def test_each_handshake_ends_once_whoever_ends_it(
    any_program: Program, crowd: list[Peers], is_elsewhere: bool, is_ours: bool
) -> None:
    """One SYN after another, while what ends it comes all the time, and user space removes what it has read."""
    table = tables(any_program)[not is_ours]
    with Wire(any_program, Layer.ETHERNET) as wire:
        sent = []
        for each in crowd:
            sent.append(each)
            if not is_elsewhere:
                break
            wire.sends(each.ours(SYN, 1000)) if is_ours else wire.receives(each.theirs(SYN, 1000))
            if found := in_the_table(table):
                assert table.remove(found[0])
                break
        peers, others = sent[-1], len(sent) - 1
        outwards, inwards = wire._loaded.egress_fd, wire._loaded.ingress_fd
        # Of theirs, the SYN-ACK comes beside its SYN and its acknowledgement.
        packets_of = (
            [
                (outwards, peers.ours(SYN, 7)),
                (inwards, peers.theirs(SYN | ACK, 5, 8)),
                (inwards, peers.theirs(SYN | ACK, 5, 8)),
            ]
            if is_ours
            else [
                (inwards, peers.theirs(SYN, 7)),
                (outwards, peers.ours(SYN | ACK, 5, 8)),
                (inwards, peers.theirs(ACK, 8, 6)),
            ]
        )
        before, removed, runs = wire.counters()["syns"], 0, 0
        deadline = time.monotonic() + PATIENCE_S
        standing = {entry.key for entry in table.entries()}
        # Until enough of them came at a time: that is for the scheduler to say.
        while wire.counters()["established"] <= ENOUGH[is_ours]:
            assert time.monotonic() < deadline
            runs += RUNS[is_ours]
            with ThreadPoolExecutor(3) as pool:
                running = [
                    pool.submit(syscall.test_run, fd, packets.ethernet(packet), IFINDEX, RUNS[is_ours])
                    for fd, packet in packets_of
                ]
                while not all(each.done() for each in running):
                    removed += sum(
                        table.remove(entry) for entry in table.entries() if entry.key not in standing
                    )
        counters = wire.counters()
        left = any_program.pending.sweep(time.monotonic_ns()).pending[IFINDEX] - others
        assert counters["pending_full"] == 0
        assert counters["syns"] - before + counters["syn_retransmits"] == runs
        assert counters["syns"] - before == counters["established"] + removed + left
        assert left in (0, 1)
        assert len(wire.events()) + counters["events_lost"] == counters["established"]
        any_program.pending.forget(IFINDEX)
        assert not any(any_program.pending._glance.used(table._direction) for table in tables(any_program))
        assert sorted(free(any_program._places)) == list(range(1, 2 * SLOTS + SPARES + 1))


def free(kept: places.Places) -> Iterator[int]:
    """The places that nobody has, by their numbers: one after another, and those that CPUs have to spare."""
    words = struct.unpack(f"={len(kept._memory) // 8}Q", kept._memory[:])
    told = words[PLACES * PLACE_BYTES // 8 :: 8]
    for each in told[:SHARDS]:
        while number := each % PLACES:
            yield number
            each = words[(number + 1) * PLACE_BYTES // 8 - 2]
    yield from (each % PLACES for each in told[SHARDS : SHARDS + SPARES])


def in_the_table(table: Table) -> list[UnderWay]:
    return [entry for entry in table.entries() if entry.number is None]
