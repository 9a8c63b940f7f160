"""Captures that are torn, damaged or made to hurt: what was readable is kept, the rest is told in one line."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Iterator
from typing import BinaryIO, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpf.captures import Capture
from bpf.captures.pcapng import Pcapng as PcapngReader
from bpf.captures.window import Window
from bpf.errors import TcplatError
from bpf.event import Handshake, Outcome
from tests.bpf import containers
from tests.bpf.containers import FRAMINGS, Pcapng, S, frames, pcap
from tests.bpf.passing import BEGAN_NS, LOCAL, MS, answered, both_ways_series

WORST_BYTES = 64 << 20


class Dribble(io.RawIOBase):
    """A pipe that has little each time."""

    def __init__(self, data: bytes, at_a_time: int) -> None:
        self._data, self._at_a_time, self._at = data, at_a_time, 0

    def read(self, size: int = -1) -> bytes:
        part = self._data[self._at :][: self._at_a_time]
        self._at += len(part)
        return part


def played(data: bytes | BinaryIO) -> tuple[list[Handshake], str, int]:
    """Handshakes, trouble, packets; raises nothing but TcplatError."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    found: list[Handshake] = []
    packets = reached_ns = 0
    with Capture(stream, "x", local=LOCAL) as capture:
        while piece := capture.read():
            assert piece.time_ns >= reached_ns
            reached_ns = piece.time_ns
            found += piece.handshakes
            packets = sum(account.packets for account in piece.accounts) or packets
        return found, capture.trouble, packets


def small_pcap() -> bytes:
    series = sorted([*answered(0, 1001, MS), *answered(5 * MS, 1002, MS, is_v6=True)])
    return pcap(frames(series, FRAMINGS["ethernet"]))


def small_pcapng() -> bytes:
    file = Pcapng()
    file.interface(101, "eth0")
    file.block(0x0BAD, bytes(40))
    for each in answered(0, 1001, MS):
        file.enhanced(each.time_ns, each.data, flags=1 if each.is_ingress else 2)
    file.section(">")
    file.interface(113, resolution=6)
    for each in answered(MS, 1002, MS):
        file.obsolete(each.time_ns // 1000, FRAMINGS["cooked"].frame(each))
    file.simple(bytes(30))
    return file.written


@pytest.mark.parametrize("whole", [small_pcap(), small_pcapng()], ids=["pcap", "pcapng"])
def test_torn_anywhere_it_gives_what_was_before(whole: bytes) -> None:
    expected, trouble, _ = played(whole)
    assert trouble in ("", "1 packets have no time")
    counts = []
    for size in range(len(whole)):
        try:
            found, _, _ = played(whole[:size])
        except TcplatError:
            counts.append(0)
            continue
        assert found == expected[: len(found)]
        counts.append(len(found))
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2}
    assert played(cast(BinaryIO, Dribble(whole, 1)))[0] == expected
    assert played(cast(BinaryIO, Dribble(whole, 7)))[0] == expected


def test_where_it_ends_is_told() -> None:
    whole = small_pcap()
    assert played(whole[:-1])[1] == "ends within packet 6"
    assert played(whole[: 24 + 7])[1] == "ends within packet 1"
    assert played(small_pcapng()[:-1])[1] == "ends within a block after packet 6"


def test_absurd_lengths_are_damage() -> None:
    packet = answered(0, 1001, MS)[0]
    begin = pcap([(packet.time_ns, packet.data)], link_type=101)
    told = "damaged after packet 1: the next would have 300,000 bytes"
    data = begin + struct.pack("<IIII", 1, 1, 300_000, 300_000) + bytes(300_000)
    assert played(data)[1:] == (told, 1)
    file = Pcapng()
    file.interface(101)
    file.enhanced(packet.time_ns, packet.data)
    good = file.written
    file.enhanced(packet.time_ns, bytes(300_000))
    assert played(file.written)[1:] == (told, 1)
    for kind in (0x0A0D0D0A, 1, 2, 3, 6):
        data = good + struct.pack("<III", kind, 0xFFFFFFFC, 0x1A2B3C4D) + bytes(100)
        assert played(data)[1] == "damaged after packet 1: a block of 4,294,967,292 bytes"
    for total in (0, 8, 30, 33):
        assert played(good + struct.pack("<III", 6, total, 0) + bytes(100))[1].startswith(
            "damaged after packet 1"
        )


def test_lengths_that_differ_are_damage() -> None:
    file = Pcapng()
    file.interface(101)
    file.enhanced(BEGAN_NS, bytes(20))
    for kind in (6, 1, 0x0BAD):
        file.block(kind, bytes(40))
        data = file.written[:-4] + struct.pack("<I", 56)
        assert played(data)[1] == "damaged after packet 1: a block's lengths differ"
        file.written = file.written[:-52]


def test_other_damage_of_pcapng() -> None:
    file = Pcapng()
    file.interface(101)
    begin = file.written
    file.section("<", version=7)
    assert played(file.written)[1] == "damaged after packet 0: a section is of version 7, which is not known"
    data = begin + struct.pack("<III", 0x0A0D0D0A, 28, 5) + bytes(16)
    assert played(data)[1] == "damaged after packet 0: a section has no byte order"


def test_a_long_block_of_no_interest_is_skipped_without_being_held() -> None:
    file = Pcapng()
    file.interface(101)
    begin = file.written
    file.written = b""
    for each in answered(0, 1001, MS):
        file.enhanced(each.time_ns, each.data)
    length = 256 << 20
    parts = [begin, struct.pack("<II", 0x0BAD, length + 12), struct.pack("<I", length + 12), file.written]

    class Long(io.RawIOBase):
        def __init__(self) -> None:
            self._parts = self._make()

        def _make(self) -> Iterator[bytes]:
            yield from parts[:2]
            for _ in range(length >> 20):
                yield bytes(1 << 20)
            yield from parts[2:]

        def read(self, size: int = -1) -> bytes:
            return next(self._parts, b"")

    tracemalloc.start()
    try:
        found, trouble, _ = played(cast(BinaryIO, Long()))
        assert tracemalloc.get_traced_memory()[1] < WORST_BYTES
    finally:
        tracemalloc.stop()
    assert (len(found), trouble) == (1, "")


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), EOFError("ended"), ValueError("bad")])
def test_a_stream_that_breaks(error: Exception) -> None:
    class Breaking(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            part = self.read(100)
            if part:
                return part
            raise error

    found, trouble, _ = played(Breaking(small_pcap()))
    assert len(found) == 2
    assert trouble == f"cannot be read any further: {error}"
    with pytest.raises(TcplatError, match=r"^x cannot be read any further"):
        played(Breaking(b""))


def test_what_the_stream_says_of_its_end() -> None:
    class Torn(io.BytesIO):
        trouble = "ends in the middle of the gzip stream"

    assert played(Torn(small_pcap()[:-5]))[1] == Torn.trouble


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("resolution", "offset_s", "stamp", "time_ns"),
    [
        (None, None, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (6, None, 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        (9, None, 1_700_000_000_123_456_789, 1_700_000_000_123_456_789),
        (9, -1_000_000_000, 1_700_000_000_123_456_789, 700_000_000_123_456_789),
        (0, None, 1_700_000_000, 1_700_000_000 * S),
        (3, 7, 1_700_000_000_123, 1_700_000_007_123_000_000),
        (10, None, 17_000_000_001_234_567_899, 1_700_000_000_123_456_789),
        (0x80, None, 1_700_000_000, 1_700_000_000 * S),
        (0x80 | 10, None, (1_700_000_000 << 10) + 1, 1_700_000_000 * S + 976_562),
        (0x80 | 30, None, (1_700_000_000 << 30) + 1, 1_700_000_000 * S),
        (0x80 | 32, None, (1_700_000_000 << 32) + (1 << 31), 1_700_000_000 * S + S // 2),
        (127, 5, (1 << 64) - 1, 5 * S),
        (0x80 | 127, 5, (1 << 64) - 1, 5 * S),
    ],
)
def test_stamps_are_exact(
    order: str, resolution: int | None, offset_s: int | None, stamp: int, time_ns: int
) -> None:
    file = Pcapng(order)
    file.interface(101, "eth0", resolution=resolution, offset_s=offset_s)
    file.enhanced(stamp, bytes(20))
    file.obsolete(stamp, bytes(20))
    reader = PcapngReader(Window(io.BytesIO(file.written)))
    stamps = []
    while (records := reader.read()) is not None:
        stamps += [record[0] for record in records]
    assert stamps == [time_ns, time_ns]
    assert reader.untimed == 0


def wholes() -> list[bytes]:
    series = both_ways_series()
    written = [small_pcap(), small_pcapng()]
    for name, order in (("ethernet", ">"), ("cooked 2", "<"), ("null, Darwin", "<")):
        framing = FRAMINGS[name]
        written.append(pcap(frames(series, framing), order=order, link_type=framing.link_type))
        file = Pcapng(order)
        file.interface(framing.link_type, "eth0", resolution=6)
        for time_ns, frame in frames(series, framing):
            file.enhanced(time_ns // 1000, frame, flags=containers.INBOUND)
        written.append(file.written)
    return written


WHOLES = wholes()
BYTES = st.one_of(st.sampled_from([0, 1, 2, 4, 0x7F, 0x80, 0xFF]), st.integers(0, 255))


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(
    st.sampled_from(WHOLES),
    st.lists(st.tuples(st.integers(0, 1 << 16), BYTES), max_size=8),
    st.integers(0, 1 << 16),
    st.integers(1, 5000),
)
def test_mutated_captures(whole: bytes, changes: list[tuple[int, int]], cut: int, at_a_time: int) -> None:
    mutated = bytearray(whole)
    for at, value in changes:
        mutated[at % len(mutated)] = value
    data = bytes(mutated[: len(whole) - cut // 8 % len(whole)] if cut % 4 == 0 else mutated)
    tracemalloc.start()
    try:
        told = [attempt(data), attempt(cast(BinaryIO, Dribble(data, at_a_time)))]
        assert tracemalloc.get_traced_memory()[1] < WORST_BYTES
    finally:
        tracemalloc.stop()
    # However it comes, it is the same; only what is never answered is noticed at times of its own.
    assert told[0] == told[1]
    assert "\n" not in str(told[0][1])


def attempt(data: bytes | BinaryIO) -> tuple[object, ...] | str:
    """What is said of it; always in one line."""
    try:
        found, trouble, packets = played(data)
    except TcplatError as error:
        return str(error)
    return [each for each in found if each.outcome != Outcome.UNANSWERED], trouble, packets
