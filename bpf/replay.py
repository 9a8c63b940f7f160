"""Replay: the source that plays a tape, at the pace it was recorded at or as fast as it can be read."""

from __future__ import annotations

import enum
import queue
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TypeVar

from bpf.errors import NoSuchInterface
from bpf.event import Flow, Handshake
from bpf.source import ANY, Account, Batch, Playback
from bpf.steady import Steady
from bpf.tape import Piece, Tape
from bpf.tape_reader import TapeReader

Entry = TypeVar("Entry", Handshake, Flow)

SLOWEST, FASTEST = 1 / 8, 1024.0
_BATCH_HANDSHAKES = 5000
"""Enough to be quick at catching up, few enough for the screen to answer keys meanwhile."""
_PATIENCE_S = 0.05
_OPENING_S = 0.5
_GAP_NS = 60_000_000_000
"""A recorded time without anything, longer than this, is passed over: a night, or a clock that was wrong."""


class Pace(enum.Enum):
    """When handshakes are handed out."""

    RECORDED = "recorded"
    """As far apart as they were; the player's controls work."""
    LIVE = "live"
    """When they come out of a pipe."""
    AT_ONCE = "at once"
    """As fast as they are read."""


class Replay:
    """A `Player`. Its time is that of the tape, made `Steady`, in nanoseconds; it moves when it is drained."""

    def __init__(
        self, open_tape: Callable[[], Tape], title: str, pace: Pace, selection: Sequence[str] = ()
    ) -> None:
        """`open_tape` is called in other threads, again for each step back; `selection`: interfaces; none: all."""
        self._open_tape = open_tape if pace is Pace.AT_ONCE else lambda: Steady(open_tape())
        self._title = title
        self._pace = pace
        self._selection = tuple(selection) or (ANY,)
        self._speed = 1.0
        self._is_paused = False
        self._reader: TapeReader | None = None
        self._begin()
        self._began_ns = 0

    def _begin(self, target_ns: int = 0) -> None:
        """Everything until `target_ns` will be handed out without waiting."""
        self._target_ns = target_ns
        self._owed_ns = 0
        """So much the clock is behind, and catches up as fast as it can: no piece is jumped over."""
        self._now_ns: int | None = None
        """None: nothing was read yet."""
        self._live_offset_ns: int | None = None
        self._drained_ns = time.monotonic_ns()
        self._piece: Piece | None = None
        self._taken = self._taken_flows = 0
        """How many handshakes and samples of the piece were handed out."""
        self._wall_offset_ns = 0
        self._is_over = False
        self._accounts: dict[str, Account] = {}

    def __enter__(self) -> Replay:
        """Begin to read; waits a moment for a file's first piece, but not for a pipe's. Raises TcplatError."""
        self._reader = TapeReader(self._open_tape)
        if self._pace is not Pace.LIVE:
            self._next_piece(_OPENING_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader:
            self._reader.stop()

    @property
    def selection(self) -> tuple[str, ...]:
        """What is played: names of interfaces, or `ANY` alone."""
        return self._selection

    @property
    def gone(self) -> frozenset[str]:
        """None: the past does not change."""
        return frozenset()

    @property
    def is_over(self) -> bool:
        """Whether the end was reached; a step back begins it anew."""
        return self._is_over

    @property
    def playback(self) -> Playback:
        """How it plays. From any thread."""
        return Playback(
            self._title, self._speed, self._is_paused, self._is_over, self._pace is Pace.LIVE, self._trouble
        )

    @property
    def interfaces(self) -> Sequence[str]:
        """The names of those seen so far. From any thread."""
        return self._reader.tape.interfaces if self._reader and self._reader.tape else ()

    @property
    def _trouble(self) -> str:
        troubles = [self._reader.tape.trouble] if self._reader and self._reader.tape else []
        if self._is_over:
            seen = (ANY, *self.interfaces)
            troubles += [f"no interface {name!r} in it" for name in self._selection if name not in seen]
        return "; ".join(filter(None, troubles))

    def now_ns(self) -> int:
        """The recorded time that has been reached. From any thread."""
        return time.time_ns() if self._now_ns is None else self._now_ns

    def wall_offset_ns(self) -> int:
        """None, unless the tape's clock was set back: tapes are stamped with Unix time. From any thread."""
        return self._wall_offset_ns

    def wake(self) -> None:
        """Nothing to do: a drain never waits for long."""

    def name_of(self, ifindex: int) -> str:
        """Name the interface of a handshake that `drain` returned."""
        return self._reader.tape.name_of(ifindex) if self._reader and self._reader.tape else ""

    def unit_of(self, cgroup: int) -> str:
        """Name the systemd unit or container of a handshake that `drain` returned."""
        return self._reader.tape.unit_of(cgroup) if self._reader and self._reader.tape else ""

    def accounts(self) -> list[Account]:
        """The accounts of the recorded time that has been reached, of the interfaces selected."""
        return [each for name, each in sorted(self._accounts.items()) if self._is_selected(name)]

    def watch(self, selection: Sequence[str]) -> None:
        """Play other interfaces, from now on. Raises NoSuchInterface for one that did not occur up to now."""
        for name in selection:
            if name not in (ANY, *self.interfaces):
                raise NoSuchInterface(f"no interface {name!r} in {self._title}", "choose another")
        self._selection = tuple(selection)

    def pause(self) -> None:
        """Let the recorded time stand still, or go on. A pipe cannot be held up."""
        self._is_paused = not self._is_paused and self._pace is Pace.RECORDED

    def change_speed(self, factor: float) -> None:
        """Play so much faster, within `SLOWEST` and `FASTEST`. A pipe has its own speed."""
        if self._pace is Pace.RECORDED:
            self._speed = min(max(self._speed * factor, SLOWEST), FASTEST)

    def seek(self, by_ns: int) -> None:
        """Go to another time: the next batches have what lies between, or begin anew if it was a step back."""
        if self._pace is not Pace.RECORDED:
            return
        if self._now_ns is None:  # Already on the way back.
            self._target_ns += by_ns
        elif by_ns > 0:
            self._owed_ns += by_ns
        else:
            assert self._reader
            self._reader.stop()
            self._begin(self._now_ns + self._owed_ns + by_ns)
            self._reader = TapeReader(self._open_tape)

    def drain(self, timeout_s: float) -> Batch:
        """Wait up to `timeout_s` for what is due, and return it. Raises TcplatError if the tape cannot be read."""
        until = time.monotonic() + timeout_s
        is_first = self._now_ns is None
        while True:
            self._pass_time()
            batch = self._due()
            began_ns = self._began_ns if is_first and self._now_ns is not None else None
            if batch.handshakes or batch.flows or batch.accounts or began_ns is not None:
                return batch._replace(began_ns=began_ns)
            left_s = until - time.monotonic()
            if left_s <= 0:
                return batch
            self._wait(left_s)

    def _pass_time(self) -> None:
        """Move the clock by what has passed since the last time, as the pace says."""
        monotonic_ns = time.monotonic_ns()
        passed_ns, self._drained_ns = monotonic_ns - self._drained_ns, monotonic_ns
        if self._now_ns is None or self._is_over:
            self._owed_ns = 0
        elif (
            self._pace is Pace.RECORDED and self._piece
        ):  # Without one reading cannot keep up, and time waits.
            if not self._is_paused:
                gap_ns = _next_ns(self._piece, self._taken, self._taken_flows) - self._now_ns
                self._owed_ns += int(passed_ns * self._speed)
                if gap_ns > _GAP_NS:
                    self._owed_ns = max(self._owed_ns, gap_ns)
            step_ns = max(0, min(self._owed_ns, self._piece.time_ns - self._now_ns))
            self._now_ns += step_ns
            self._owed_ns -= step_ns
        elif self._pace is Pace.LIVE and self._live_offset_ns is not None:
            self._now_ns = max(self._now_ns, monotonic_ns + self._live_offset_ns)

    def _due(self) -> Batch:
        """Hand out of the next piece what its time has come for."""
        self._next_piece(0)
        piece = self._piece
        if piece is None or self._now_ns is None:
            return Batch([], [])
        if self._pace is not Pace.RECORDED:
            self._now_ns = max(self._now_ns, piece.time_ns)
            return self._finish(piece)
        due = _due(piece.handshakes, self._taken, self._now_ns)
        due_flows = _due(piece.flows, self._taken_flows, self._now_ns)
        if due > self._taken or due_flows > self._taken_flows:
            handshakes, self._taken = piece.handshakes[self._taken : due], due
            flows, self._taken_flows = piece.flows[self._taken_flows : due_flows], due_flows
            return Batch(self._selected(handshakes), [], flows=self._selected(flows))
        is_taken = due == len(piece.handshakes) and due_flows == len(piece.flows)
        return self._finish(piece) if is_taken and piece.time_ns <= self._now_ns else Batch([], [])

    def _finish(self, piece: Piece) -> Batch:
        """Hand out what is left of the piece; then, in a batch of their own, its accounts."""
        handshakes, self._taken = piece.handshakes[self._taken :], len(piece.handshakes)
        flows, self._taken_flows = piece.flows[self._taken_flows :], len(piece.flows)
        if handshakes or flows:
            return Batch(self._selected(handshakes), [], flows=self._selected(flows))
        self._piece = None
        self._accounts.update((account.interface, account) for account in piece.accounts)
        if self._pace is Pace.AT_ONCE:
            # Line by line what the tape has, wherever it was cut into pieces.
            return Batch([], [each for each in piece.accounts if self._is_selected(each.interface)])
        return Batch([], self.accounts() if piece.accounts else [])

    def _is_selected(self, name: str) -> bool:
        return self._selection == (ANY,) or name in self._selection

    def _selected(self, entries: Sequence[Entry]) -> list[Entry]:
        if self._selection == (ANY,):
            return list(entries)
        return [each for each in entries if self.name_of(each.ifindex) in self._selection]

    def _next_piece(self, timeout_s: float) -> None:
        """Take the next piece if there is none; raises what reading raised."""
        if self._piece or self._is_over or self._reader is None:
            return
        with suppress(queue.Empty):
            piece = self._reader.take(timeout_s)
            self._piece, self._taken, self._taken_flows = piece, 0, 0
            self._is_over = piece is None
            if piece:
                self._arrive(piece)

    def _arrive(self, piece: Piece) -> None:
        self._wall_offset_ns = piece.wall_offset_ns
        if self._pace is Pace.LIVE:
            # The least delayed one tells what time it is there.
            offset_ns = piece.time_ns - time.monotonic_ns()
            self._live_offset_ns = max(offset_ns, self._live_offset_ns or offset_ns)
        if self._now_ns is None:
            time_ns = _next_ns(piece, 0, 0)
            self._began_ns = self._now_ns = time_ns
            self._owed_ns = max(0, self._target_ns - time_ns)

    def _wait(self, left_s: float) -> None:
        if self._piece is None and not self._is_over:
            self._next_piece(left_s)
        else:
            time.sleep(min(left_s, self._next_due_s()))

    def _next_due_s(self) -> float:
        """How long nothing is due at this speed, roughly; at least a millisecond."""
        piece = self._piece
        if piece is None or self._now_ns is None or (self._is_paused and not self._owed_ns):
            return _PATIENCE_S
        due_ns = _next_ns(piece, self._taken, self._taken_flows)
        return max(0.001, (due_ns - self._now_ns - self._owed_ns) / 1e9 / self._speed)


def _due(entries: Sequence[Entry], taken: int, now_ns: int) -> int:
    """Up to where entries are due, when so many were taken; not too many at a time."""
    bound = min(len(entries), taken + _BATCH_HANDSHAKES)
    while taken < bound and entries[taken].time_ns <= now_ns:
        taken += 1
    return taken


def _next_ns(piece: Piece, taken: int, taken_flows: int) -> int:
    """When the next of a piece is due, when so much of it was taken: at its end, if nothing comes before."""
    handshakes = [each.time_ns for each in piece.handshakes[taken : taken + 1]]
    flows = [each.time_ns for each in piece.flows[taken_flows : taken_flows + 1]]
    return min([piece.time_ns, *handshakes, *flows])
