"""The ring of records: what is taken of it, and when."""

from __future__ import annotations

import re
import select
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bpf import ring
from bpf.event import RECORD
from bpf.interfaces import Layer
from bpf.program import Program
from bpf.ring import RECORDS
from tests.bpf.peers import ACK, RST, SYN, Peers
from tests.bpf.wire import Wire
from tools.bench.stand import Stand

pytestmark = pytest.mark.kernel


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
    assert re.findall(r"#define (RECORDS|RECORD_WORDS) (\d+)\n", program) == [
        ("RECORDS", str(RECORDS)),
        ("RECORD_WORDS", str(RECORD.size // 8)),
    ]


def test_nothing_is_in_it_at_first(stand: Stand) -> None:
    assert stand.ring.read() == b""


@pytest.mark.parametrize("batch", [1, 1000, RECORDS - 1, RECORDS])
def test_all_that_was_written_is_taken_once_and_in_order(stand: Stand, batch: int) -> None:
    for written in range(
        0, 300 * batch, batch
    ):  # More turns than their marks have values, if they are all of it.
        stand.put(numbered(written, 1) * batch)
        assert stand.ring.read() == numbered(written, 1) * batch
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


def refuse(wire: Wire, peers: Peers, number: int) -> None:
    """Let a handshake end."""
    each = replace(peers, local_port=1024 + number % 60_000)
    wire.sends(each.ours(SYN, number))
    wire.receives(each.theirs(RST | ACK, 0, number + 1))


def isns(wire: Wire) -> list[int]:
    return [event.identity >> 32 for event in wire.events()]


def test_what_there_is_no_room_for_is_counted_and_nothing_else_is_lost(
    program: Program, peers: Peers
) -> None:
    with Wire(program, Layer.IP) as wire:
        for number in range(RECORDS + 100):
            refuse(wire, peers, number)
        counters = wire.counters()
        assert (counters["emitted"], counters["events_lost"]) == (RECORDS + 100, 100)
        assert isns(wire) == list(range(RECORDS))
        refuse(wire, peers, 7)
        assert isns(wire) == [7]


def test_it_wakes_once_when_it_is_half_full(program: Program, peers: Peers) -> None:
    def is_ringing() -> bool:
        return bool(select.select([program.bell_fd], [], [], 0)[0])

    with Wire(program, Layer.IP) as wire:
        for _ in range(2):
            for number in range(RECORDS // 2 - 1):
                refuse(wire, peers, number)
            assert not is_ringing()
            refuse(wire, peers, 1)
            assert is_ringing()
            assert len(wire.events()) == RECORDS // 2
            assert not is_ringing()
