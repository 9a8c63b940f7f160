"""The ring of records: what is taken of it, and when."""

from __future__ import annotations

import re
import select
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bpf import ring
from bpf.event import RECORD
from bpf.interfaces import Layer
from bpf.program import Program
from bpf.ring import RECORDS, RESERVE
from tests.bpf.peers import ACK, ADDRESSES, RST, SYN, Peers
from tests.bpf.wire import Wire
from tools.bench.stand import Stand

pytestmark = pytest.mark.kernel

OFTEN = 5_000
PEERS = Peers(*ADDRESSES[4])


@pytest.fixture
def stand() -> Iterator[Stand]:
    with Stand() as entered:
        yield entered


def numbered(first: int, count: int) -> bytes:
    return b"".join(
        number.to_bytes(8, "little") + bytes(RECORD.size - 8) for number in range(first, first + count)
    )


def test_its_size_is_the_programs() -> None:
    program = (Path(ring.__file__).parent / "handshake.bpf.c").read_text()
    assert re.findall(r"#define (RECORDS|RECORD_WORDS|RESERVE) (\d+)\n", program) == [
        ("RECORDS", str(RECORDS)),
        ("RECORD_WORDS", str(RECORD.size // 8)),
        ("RESERVE", str(RESERVE)),
    ]


def test_nothing_is_in_it_at_first(stand: Stand) -> None:
    assert stand.ring.read() == b""


@pytest.mark.parametrize(
    ("batch", "batches"),
    # The last: more turns than their marks have values.
    [(1, 1000), (1000, 100), (RECORDS - 1, 3), (RECORDS, 258)],
)
def test_all_that_was_written_is_taken_once_and_in_order(stand: Stand, batch: int, batches: int) -> None:
    for number in range(batches):
        stand.put(numbered(number, 1) * batch)
        assert stand.ring.read() == numbered(number, 1) * batch
        assert stand.ring.read() == b""


@pytest.mark.parametrize("before", [0, RECORDS - 3], ids=["at the beginning", "across the end"])
def test_what_is_being_written_holds_back_what_comes_after_it(stand: Stand, before: int) -> None:
    stand.put(numbered(0, before))
    stand.ring.read()
    first = stand.count(6)
    stand.write(first, numbered(0, 2))
    stand.write(first + 4, numbered(4, 2))
    assert stand.ring.read() == numbered(0, 2)
    assert stand.ring.read() == b""
    stand.write(first + 2, numbered(2, 2))
    assert stand.ring.read() == numbered(2, 4)


def test_what_there_is_no_room_for_is_counted_and_nothing_else_is_lost(any_program: Program) -> None:
    room = RECORDS - RESERVE
    with Wire(any_program, Layer.IP) as wire:
        for number in range(room + 100):
            refuse(wire, number)
        counters = wire.counters()
        assert (counters["emitted"], counters["events_lost"]) == (room + 100, 100)
        assert isns(wire) == list(range(room))
        refuse(wire, 7)
        assert isns(wire) == [7]


def test_all_are_there_whoever_puts_them_there_at_the_same_time(any_program: Program) -> None:
    """Two connections that are refused again and again, each on a processor of its own, while the ring is read."""
    with Wire(any_program, Layer.IP) as wire:
        both = [replace(PEERS, local_port=port) for port in (1000, 2000)]
        with ThreadPoolExecutor(2) as pool:
            running = [pool.submit(refuse_often, wire, each) for each in both]
            taken = []
            while not all(each.done() for each in running):
                taken += wire.events()
        taken += wire.events()
        counters = wire.counters()
        assert len(taken) + counters["events_lost"] == counters["refused"] == 2 * OFTEN
        for each in both:
            mine = [event.identity >> 32 for event in taken if event.local_port == each.local_port]
            assert mine == sorted(set(mine))


def test_it_wakes_once_when_it_is_half_full(any_program: Program) -> None:
    def is_ringing() -> bool:
        return bool(select.select([any_program.bell_fd], [], [], 0)[0])

    with Wire(any_program, Layer.IP) as wire:
        for _ in range(2):
            for number in range(RECORDS // 2 - 1):
                refuse(wire, number)
            assert not is_ringing()
            refuse(wire, 1)
            assert is_ringing()
            assert len(wire.events()) == RECORDS // 2
            assert not is_ringing()


def refuse(wire: Wire, number: int) -> None:
    """Let a handshake end."""
    each = replace(PEERS, local_port=1024 + number % 60_000)
    wire.sends(each.ours(SYN, number))
    wire.receives(each.theirs(RST | ACK, 0, number + 1))


def refuse_often(wire: Wire, peers: Peers) -> None:
    for number in range(1, OFTEN + 1):
        wire.sends(peers.ours(SYN, number))
        wire.receives(peers.theirs(RST | ACK, 0, number + 1))


def isns(wire: Wire) -> list[int]:
    return [event.identity >> 32 for event in wire.events()]
