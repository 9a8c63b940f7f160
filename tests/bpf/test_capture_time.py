"""Captures as time passes: sweeps, clocks that jump, pieces, accounts, pipes."""

from __future__ import annotations

import itertools
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from bpf.captures import Capture
from bpf.event import Handshake, Outcome
from bpf.lab.packets import ACK, SYN, Tcp
from tests.bpf.containers import FRAMINGS, Pcapng, S, frames, ng, pcap
from tests.bpf.passing import (
    BEGAN_NS,
    LOCAL,
    MS,
    answered,
    comparable,
    matched,
    out,
)
from tests.bpf.playing import accounts, handshakes, play


def test_unanswered_at_their_time_though_nothing_follows_for_long() -> None:
    series = [out(0, Tcp(1001, 443, SYN, 5)), *answered(86400 * S, 1002, MS)]
    pieces, _ = play(pcap(frames(series, FRAMINGS["ethernet"])))
    unanswered, established = handshakes(pieces)
    assert unanswered.outcome == Outcome.UNANSWERED
    assert 10 * S <= unanswered.time_ns - BEGAN_NS <= 11 * S
    assert established.latency_ns == MS
    assert len(pieces) < 20


def test_a_clock_that_jumps_hangs_nothing() -> None:
    ahead = [each._replace(time_ns=each.time_ns + 2_000_000_000 * S) for each in answered(0, 1002, MS)]
    back = [each._replace(time_ns=each.time_ns - 1_600_000_000 * S) for each in answered(0, 1003, MS)]
    lost = out(2 * S, Tcp(1004, 443, SYN, 5))
    series = [*answered(0, 1001, MS), *ahead, *back, lost, *answered(20 * S, 1005, MS)]
    pieces, _ = play(pcap(frames(series, FRAMINGS["ethernet"])))
    found = [(each.local_port, each.outcome, each.latency_ns) for each in handshakes(pieces)]
    assert found == [
        *((port, 0, MS) for port in (1001, 1002, 1003)),
        (1004, Outcome.UNANSWERED, 0),
        (1005, 0, MS),
    ]
    assert len(pieces) < 60


def test_stamps_that_cannot_be() -> None:
    file = Pcapng()
    file.interface(101, offset_s=-1_800_000_000)
    file.interface(101, resolution=0)
    for index in (0, 1):
        for each in answered(0, 1001 + index, MS):
            file.enhanced(each.time_ns if index == 0 else each.time_ns * 9, each.data, index)
    pieces, capture = play(file.written)
    assert len(handshakes(pieces)) == 2
    assert capture.trouble == "6 packets have no time"


def test_pieces_are_short() -> None:
    series = [each for number in range(2000) for each in answered(number * MS, 1000 + number, MS // 2)]
    pieces, _ = play(pcap(frames(sorted(series), FRAMINGS["ethernet"])))
    for before, piece in itertools.pairwise(pieces):
        assert piece.time_ns - before.time_ns < 110 * MS
        assert len(piece.handshakes) <= 2000
    assert len(handshakes(pieces)) == 2000


def test_pieces_without_handshakes_are_few() -> None:
    tcp = Tcp(1001, 443, ACK, 1, 1)
    file = Pcapng()
    file.interface(101)
    for number in range(5000):
        each = out(number * 200 * MS, tcp)
        write = file.obsolete if number % 2 else file.enhanced
        write(each.time_ns, each.data)
        file.block(0x0BAD, b"")
    pieces, _ = play(file.written)
    assert all(piece.accounts for piece in pieces)
    assert len(pieces) == 101
    series = [out(number, tcp) for number in range(5000)]
    pieces, _ = play(pcap(frames(series, FRAMINGS["raw"]), link_type=101))
    assert len(pieces) >= 4


def test_accounts_at_the_start_then_at_intervals_and_at_the_end() -> None:
    series = [each for number in range(300) for each in answered(number * S // 10, 1000 + number, MS)]
    pieces, _ = play(pcap(frames(series, FRAMINGS["ethernet"])))
    times_s = [(piece.accounts[0].read_ns - BEGAN_NS) // S for piece in pieces if piece.accounts]
    assert times_s == [0, 10, 20, 29]
    assert accounts(pieces)[0].established == 300


def test_a_pipe_yields_packets_as_they_come() -> None:
    series = answered(0, 1001, 20 * MS)
    for framing in ("pcap", "pcapng"):
        raw = FRAMINGS["raw"]
        data = pcap(frames(series, raw), link_type=101) if framing == "pcap" else ng(series, raw)
        ours, theirs = os.pipe()
        begin = len(data) - 20  # In the middle of the last packet, whose handshake the one before has ended.
        os.write(theirs, data[:begin])
        answering = threading.Event()

        def finish(end: int = theirs, rest: bytes = data[begin:], told: threading.Event = answering) -> bool:
            in_time = told.wait(10)
            os.write(end, rest)
            os.close(end)
            return in_time

        with (
            ThreadPoolExecutor() as aside,
            Capture(os.fdopen(ours, "rb"), "stdin", local=LOCAL) as capture,
        ):
            came_at_once = aside.submit(finish)
            found: list[Handshake] = []
            while not found:
                piece = capture.read()
                assert piece
                found += piece.handshakes
            answering.set()
            while piece := capture.read():
                found += piece.handshakes
            assert came_at_once.result()
        assert comparable(found) == matched(series)
