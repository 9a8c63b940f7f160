"""Playing a tape: at its own pace, faster, from another time; from a pipe; at once."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest

from bpf.errors import NoSuchInterface, TcplatError
from bpf.event import Handshake
from bpf.replay import FASTEST, SLOWEST, Pace, Replay
from bpf.source import ANY, Account, Batch, Player
from bpf.tape import Piece
from tests.bpf.taped import BEGAN_NS, SECOND_NS, Taped, at, broken, piece

MINUTE = [at(second) for second in range(60)]
PATIENCE_S = 10.0


def tape_of(*pieces: Piece | Exception) -> Callable[[], Taped]:
    return lambda: Taped(pieces)


def playing(pace: Pace, *pieces: Piece | Exception, selection: Sequence[str] = ()) -> Replay:
    return Replay(tape_of(*pieces), "it", pace, selection)


def drained(replay: Replay, wanted: Callable[[list[Handshake]], bool]) -> list[Handshake]:
    """Drain until what came is as wanted."""
    handshakes: list[Handshake] = []
    until = time.monotonic() + PATIENCE_S
    while not wanted(handshakes):
        assert time.monotonic() < until, handshakes
        handshakes += replay.drain(0.01).handshakes
    return handshakes


def all_of(replay: Replay) -> list[Batch]:
    batches = []
    while not replay.is_over:
        batches.append(replay.drain(0.05))
    return batches


def test_it_is_a_player() -> None:
    assert isinstance(playing(Pace.RECORDED), Player)


def test_at_once_gives_everything_in_order() -> None:
    accounts = [Account("eth0", "tcx", syns=1)]
    with playing(
        Pace.AT_ONCE, piece(accounts=accounts), piece(*MINUTE[:30], accounts=accounts), piece(*MINUTE[30:])
    ) as replay:
        batches = all_of(replay)
        assert [each for batch in batches for each in batch.handshakes] == MINUTE
        shape = [
            (len(batch.handshakes), len(batch.accounts))
            for batch in batches
            if batch.handshakes or batch.accounts
        ]
        assert shape == [(0, 1), (30, 0), (0, 1), (30, 0)]
        assert replay.now_ns() == MINUTE[-1].time_ns


def test_at_once_gives_the_accounts_of_the_tape_and_no_others() -> None:
    first, second = Account("eth0", "tcx", syns=1), Account("wg0", "tcx", syns=2)
    pieces = piece(accounts=[first]), piece(accounts=[second]), piece(accounts=[second])
    with playing(Pace.AT_ONCE, *pieces) as replay:
        assert [batch.accounts for batch in all_of(replay)] == [[first], [second], [second], []]
    with playing(Pace.AT_ONCE, *pieces, selection=["eth0"]) as replay:
        assert [each for batch in all_of(replay) for each in batch.accounts] == [first]


def test_recorded_pace_keeps_the_distances() -> None:
    some = [at(0), at(0.1), at(0.2), at(0.25)]
    began_ns = time.monotonic_ns()
    with playing(Pace.RECORDED, piece(*some), piece(at(0.3))) as replay:
        arrived = []
        while not replay.is_over:
            for each in replay.drain(0.05).handshakes:
                arrived.append((time.monotonic_ns(), each.time_ns))
                assert each.time_ns <= replay.now_ns()
    # Never early; how late, even the first, depends on the machine.
    assert all(came_ns - began_ns >= time_ns - BEGAN_NS for came_ns, time_ns in arrived)
    assert [time_ns for _, time_ns in arrived] == [each.time_ns for each in (*some, at(0.3))]


def test_faster_is_faster() -> None:
    with playing(Pace.RECORDED, piece(*MINUTE)) as replay:
        replay.change_speed(FASTEST)
        began = time.monotonic()
        assert drained(replay, lambda handshakes: len(handshakes) == 60) == MINUTE
        assert time.monotonic() - began < 30
        assert replay.playback.speed == FASTEST


def test_speed_has_bounds() -> None:
    with playing(Pace.RECORDED, piece(*MINUTE)) as replay:
        for _ in range(30):
            replay.change_speed(2)
        assert replay.playback.speed == FASTEST
        for _ in range(30):
            replay.change_speed(0.5)
        assert replay.playback.speed == SLOWEST


def test_long_gap_is_passed_over() -> None:
    year_s = 365 * 86400
    with playing(Pace.RECORDED, piece(at(0), at(61), at(61.1)), piece(at(year_s))) as replay:
        began = time.monotonic()
        assert len(drained(replay, lambda handshakes: len(handshakes) == 4)) == 4
        assert time.monotonic() - began < PATIENCE_S / 2
        assert replay.now_ns() == BEGAN_NS + year_s * SECOND_NS


def test_recorded_pace_goes_on_where_the_clock_was_set_back() -> None:
    hour_s = 3600
    before, after = [at(0), at(0.1)], [at(-hour_s), at(0.1 - hour_s), at(0.2 - hour_s)]
    pieces = piece(*before, after[0]), piece(*after[1:], accounts=[Account("eth0", "tcx")], until_s=0.1)
    began_ns = time.monotonic_ns()
    arrived = []
    with playing(Pace.RECORDED, *pieces) as replay:
        times_ns = [replay.now_ns()]
        while not replay.is_over:
            for each in replay.drain(0.05).handshakes:
                arrived.append((time.monotonic_ns() - began_ns, each.time_ns + replay.wall_offset_ns()))
                times_ns.append(replay.now_ns())
        assert replay.wall_offset_ns() == -int((hour_s + 0.1) * SECOND_NS)
    assert [time_ns for _, time_ns in arrived] == [each.time_ns for each in (*before, *after)]
    for (since_ns, _), due_s in zip(arrived, (0, 0.1, 0.1, 0.2, 0.3), strict=True):
        assert due_s * SECOND_NS <= since_ns < PATIENCE_S * SECOND_NS
    assert times_ns == sorted(times_ns)


def test_seeking_back_over_where_the_clock_was_set_back_brings_the_same() -> None:
    both = [*MINUTE[40:], *MINUTE[:40]]
    with playing(Pace.RECORDED, *(piece(each) for each in both)) as replay:
        replay.pause()
        replay.seek(39 * SECOND_NS)
        assert [each.remote for each in drained(replay, lambda got: len(got) == 41)]
        assert replay.now_ns() + replay.wall_offset_ns() == MINUTE[20].time_ns
        replay.seek(-20 * SECOND_NS)
        assert len(drained(replay, lambda got: len(got) >= 21)) == 21
        assert replay.now_ns() + replay.wall_offset_ns() == MINUTE[0].time_ns


def test_at_once_leaves_the_times_as_they_were_stamped() -> None:
    both = [*MINUTE[30:], *MINUTE[:30]]
    with playing(Pace.AT_ONCE, piece(*both)) as replay:
        assert [each for batch in all_of(replay) for each in batch.handshakes] == both
        assert replay.wall_offset_ns() == 0


def test_pipe_whose_clock_is_set_back_stays_up_to_date() -> None:
    with playing(Pace.LIVE, piece(at(0)), piece(at(-3600)), piece(at(-3599))) as replay:
        came: list[tuple[int, int]] = []
        while len(came) < 3:
            batch = replay.drain(0.05)
            came += [(replay.now_ns() - each.time_ns, replay.wall_offset_ns()) for each in batch.handshakes]
        assert all(age_ns < PATIENCE_S * SECOND_NS for age_ns, _ in came)
        assert [offset_ns for _, offset_ns in came] == [0, -3600 * SECOND_NS, -3600 * SECOND_NS]


def test_gap_is_not_passed_over_while_paused() -> None:
    with playing(Pace.RECORDED, piece(at(0), at(3600))) as replay:
        replay.drain(0)
        replay.pause()
        assert replay.drain(0.05).handshakes == []
        assert replay.now_ns() < BEGAN_NS + SECOND_NS


def test_pause_holds_the_clock() -> None:
    with playing(Pace.RECORDED, piece(*MINUTE)) as replay:
        replay.drain(0)
        replay.pause()
        replay.drain(0.02)
        before_ns = replay.now_ns()
        replay.change_speed(FASTEST)
        assert replay.drain(0.05) == Batch([], [])
        assert replay.now_ns() == before_ns
        assert replay.playback.is_paused
        replay.pause()
        drained(replay, lambda handshakes: len(handshakes) > 2)


def test_seeking_ahead_gives_what_lies_between() -> None:
    with playing(Pace.RECORDED, piece(*MINUTE[:20]), piece(*MINUTE[20:])) as replay:
        replay.seek(30 * SECOND_NS)
        got = drained(replay, lambda handshakes: len(handshakes) >= 31)
        assert got[:31] == MINUTE[:31]
        assert BEGAN_NS + 30 * SECOND_NS <= replay.now_ns() < BEGAN_NS + 40 * SECOND_NS


def test_seeking_back_begins_anew_and_says_so() -> None:
    with playing(Pace.RECORDED, piece(*MINUTE)) as replay:
        replay.seek(50 * SECOND_NS)
        drained(replay, lambda handshakes: len(handshakes) >= 51)
        replay.seek(-20 * SECOND_NS)
        batches: list[Batch] = []
        while sum(len(batch.handshakes) for batch in batches) < 31:
            batches.append(replay.drain(0.01))
        began = [batch.began_ns for batch in batches if batch.began_ns is not None]
        assert began == [BEGAN_NS]
        assert BEGAN_NS + 30 * SECOND_NS <= replay.now_ns() < BEGAN_NS + 40 * SECOND_NS


def test_seeks_in_a_row_add_up() -> None:
    with playing(Pace.RECORDED, piece(*MINUTE)) as replay:
        replay.pause()
        for steps in (50, -20, -20, 5, -3):
            replay.seek(steps * SECOND_NS)
        got = drained(replay, lambda handshakes: len(handshakes) >= 13)
        assert got == MINUTE[:13]
        assert replay.drain(0.05).handshakes == []
        assert replay.now_ns() == BEGAN_NS + 12 * SECOND_NS


def test_seeking_back_from_the_end_goes_on() -> None:
    with playing(Pace.RECORDED, piece(*MINUTE)) as replay:
        replay.seek(3600 * SECOND_NS)
        while not replay.is_over:
            replay.drain(0.01)
        assert replay.playback.is_over
        end_ns = replay.now_ns()
        assert end_ns == MINUTE[-1].time_ns
        replay.seek(-3600 * SECOND_NS)
        assert drained(replay, lambda handshakes: bool(handshakes)) == MINUTE[:1]
        assert not replay.playback.is_over


def test_switching_plays_that_interface_only() -> None:
    both = [at(second, ifindex=1 + second % 2) for second in range(10)]
    accounts = [Account("eth0", "tcx"), Account("wg0", "tcx")]
    with playing(Pace.AT_ONCE, piece(*both, accounts=accounts), selection=["wg0"]) as replay:
        batches = all_of(replay)
        assert {each.ifindex for batch in batches for each in batch.handshakes} == {2}
        assert [each.interface for each in replay.accounts()] == ["wg0"]
        replay.watch([ANY])
        assert len(replay.accounts()) == 2
        with pytest.raises(NoSuchInterface, match="no interface 'nope' in it; "):
            replay.watch(["nope"])
        assert replay.selection == (ANY,)


def test_what_cannot_be_opened_is_raised_on_entering() -> None:
    def fail() -> Taped:
        raise broken("no such file")

    with pytest.raises(TcplatError, match="no such file"), Replay(fail, "it", Pace.RECORDED):
        pass


def test_bug_in_a_tape_is_told_not_waited_for() -> None:
    said = "cannot read it: ZeroDivisionError"
    with pytest.raises(TcplatError, match=said), playing(Pace.AT_ONCE, ZeroDivisionError()):
        pass


@pytest.mark.parametrize("pace", list(Pace))
def test_what_was_readable_comes_before_the_error(pace: Pace) -> None:
    with playing(pace, piece(*MINUTE[:3], until_s=3), broken()) as replay:
        replay.seek(3600 * SECOND_NS)
        got = drained(replay, lambda handshakes: len(handshakes) == 3)
        assert got == MINUTE[:3]
        with pytest.raises(TcplatError, match="it broke; try again"):
            drained(replay, bool)


@pytest.mark.parametrize("pace", list(Pace))
def test_tape_that_says_nothing_holds_up_nobody(pace: Pace) -> None:
    pipe = Pipe()
    began = time.monotonic()
    with Replay(pipe.tape, "it", pace) as replay:
        assert replay.drain(0) == Batch([], [])
        assert time.monotonic() - began < PATIENCE_S / 2
        pipe.pieces.put(piece(*MINUTE[:1]))
        assert drained(replay, bool) == MINUTE[:1]
    pipe.pieces.put(None)


def test_interface_that_never_occurred_is_said_at_the_end() -> None:
    with playing(Pace.AT_ONCE, piece(*MINUTE[:2]), selection=["wg0", "eht0"]) as replay:
        assert replay.playback.trouble == ""
        all_of(replay)
        assert replay.playback.trouble == "no interface 'eht0' in it"


def test_empty_tape_is_over_at_once() -> None:
    with playing(Pace.RECORDED) as replay:
        assert replay.is_over
        assert replay.drain(0) == Batch([], [])


class Pipe:
    """Pieces that come when the test says so; None is the end."""

    def __init__(self) -> None:
        self.pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()

    def tape(self) -> Taped:
        return Taped(self._iterate())

    def _iterate(self) -> Iterator[Piece]:
        while (piece := self.pieces.get()) is not None:
            yield piece


def test_pipe_is_played_as_it_comes_and_waited_for() -> None:
    pipe = Pipe()
    with Replay(pipe.tape, "stdin", Pace.LIVE) as replay:
        assert replay.drain(0.01) == Batch([], [])
        pipe.pieces.put(piece(*MINUTE[:2]))
        batch = Batch([], [])
        while not batch.handshakes:
            batch = replay.drain(1)
        assert (batch.handshakes, batch.began_ns) == (MINUTE[:2], BEGAN_NS)
        # Its clock goes on while nothing comes.
        before_ns = replay.now_ns()
        replay.drain(0.02)
        assert replay.now_ns() > before_ns >= BEGAN_NS + SECOND_NS
        # A backlog shows how late the first was, not that time went back.
        pipe.pieces.put(piece(*MINUTE[2:]))
        assert drained(replay, lambda handshakes: len(handshakes) == 58) == MINUTE[2:]
        assert replay.now_ns() >= MINUTE[-1].time_ns
        assert replay.playback.is_live and not replay.playback.is_paused
        replay.pause()
        replay.change_speed(2)
        replay.seek(-SECOND_NS)
        assert (replay.playback.is_paused, replay.playback.speed) == (False, 1)
        pipe.pieces.put(None)
        while not replay.is_over:
            replay.drain(0.01)


def test_time_does_not_go_back() -> None:
    pieces = [piece(*MINUTE[n : n + 5]) for n in range(0, 60, 5)]
    with playing(Pace.RECORDED, *pieces) as replay:
        replay.change_speed(FASTEST)
        times = []
        while not replay.is_over:
            replay.drain(0.001)
            times.append(replay.now_ns())
    assert all(before <= after for before, after in pairwise(times))


def test_leaving_stops_the_reader() -> None:
    tapes: list[Taped] = []

    def endless() -> Iterator[Piece]:
        while True:
            yield piece(*MINUTE[:1])

    def open_tape() -> Taped:
        tapes.append(Taped(endless()))
        return tapes[-1]

    with Replay(open_tape, "it", Pace.RECORDED) as replay:
        replay.seek(SECOND_NS)
        replay.seek(-SECOND_NS)
    assert all(tape.closed.wait(PATIENCE_S) for tape in tapes)
    assert len(tapes) == 2 or not [each for each in threading.enumerate() if each.name == "tape reader"]
