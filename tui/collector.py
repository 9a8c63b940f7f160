"""The worker thread's loop: it alone opens, drains, switches and closes the source, and posts what comes of it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf

from textual.message import Message

from bpf.distinct import distinct
from bpf.errors import TcplatError
from bpf.event import Flow, Handshake, printable
from bpf.source import Account, Batch, Playback, Player, Source, Taker
from tui.waiting import Waiting

_DRAIN_S = 0.05
"""From one drain to the next, at least."""
_DRAIN_MAX_S = 0.5
_DRAINS_A_REDRAW = 2
"""... at most."""
_BATCH = 5000
"""Handshakes and samples in a batch that holds up no key, and costs more than its way to the screen."""
_GIVEN_ACCOUNTS_INTERVAL_S = 9.5
"""A recording has accounts about every 10 s, the screen's come every second."""

_TOLD_MAX = 10_000
"""So many names are remembered as told."""


@dataclass
class BatchArrived(Message):
    """A batch came out of the source, with what numbers in it stand for, where that was not told before."""

    handshakes: Sequence[Handshake]
    flows: Sequence[Flow]
    interfaces: Mapping[int, str]
    units: Mapping[int, str]


@dataclass
class WatchBegan(Message):
    """The source watches what was selected: first of all, after a switch, or after a step back in a recording."""

    selection: Sequence[str]
    accounts: list[Account]
    began_ns: int
    """Since when, on the source's clock."""


@dataclass
class AccountsRead(Message):
    """The source's counters, and which interfaces are gone; about once a second."""

    selection: Sequence[str]
    """What is watched, which an interface that was renamed changes."""
    accounts: list[Account]
    gone: frozenset[str]


@dataclass
class PlaybackChanged(Message):
    """A recording or capture is played otherwise than before."""

    playback: Playback


@dataclass
class CommandFailed(Message):
    """What was asked for cannot be done; nothing has changed."""

    error: TcplatError


@dataclass
class SourceFailed(Message):
    """The source cannot be opened, or broke; the loop has ended."""

    reason: str


class Collector:
    """Runs a source on behalf of a screen. `run` belongs to the worker thread; the rest may be called from any."""

    def __init__(
        self,
        open_source: Callable[[], Source],
        post: Callable[[Message], object],
        takers: Sequence[Taker] = (),
    ) -> None:
        """`post` must be safe to call from the worker thread, as Textual's `post_message` is."""
        self._open_source = open_source
        self._post = post
        self._takers = takers
        self._source: Source | None = None
        self._is_ended = False
        self._commands: queue.SimpleQueue[Callable[[Source], object]] = queue.SimpleQueue()
        self._playback: Playback | None = None
        self._interfaces: dict[int, str] = {}
        self._units: dict[int, str] = {}
        self._given_accounts = -inf
        self._waiting = Waiting(lambda *batch: post(BatchArrived(*batch)))
        self.redraw_interval_s = 1.0
        """How often the screen is drawn: what comes for it need not come more often than twice as often."""

    def taken(self) -> None:
        """Say that the screen has taken a batch. From any thread."""
        self._waiting.taken()

    def now_ns(self) -> int:
        """The time on the source's clock; CLOCK_MONOTONIC while there is no source."""
        return self._source.now_ns() if self._source else time.monotonic_ns()

    def wall_offset_ns(self) -> int:
        """What to add to that time to get Unix time."""
        return self._source.wall_offset_ns() if self._source else time.time_ns() - time.monotonic_ns()

    def switch(self, selection: Sequence[str]) -> None:
        """Ask for other interfaces; WatchBegan or CommandFailed answers; for the same ones, AccountsRead."""

        def watch(source: Source) -> None:
            is_same = tuple(selection) == tuple(source.selection)
            source.watch(selection)
            if is_same:
                self._tell_accounts(source, source.accounts())
            else:
                self._begin(source, source.now_ns())

        self._command(watch)

    def steer(self, command: Callable[[Player], object]) -> None:
        """Ask for another time, pace or a pause of what is played; PlaybackChanged answers."""
        self._command(lambda source: command(source) if isinstance(source, Player) else None)

    def end(self) -> None:
        """Let `run` end soon. From any thread."""
        self._is_ended = True
        self._command(lambda _: None)

    def _command(self, command: Callable[[Source], object]) -> None:
        self._commands.put(command)
        if self._source:
            self._source.wake()

    def run(self, is_cancelled: Callable[[], bool]) -> None:
        """Collect until cancelled or ended. Blocks; whatever goes wrong is posted, not raised."""
        try:
            with self._open_source() as source:
                self._source = source
                self._tell_playback(source)
                self._begin(source, source.now_ns())
                drain_s = _DRAIN_S
                while not (self._is_ended or is_cancelled()):
                    if self._waiting.is_full:  # The source says what it loses meanwhile.
                        time.sleep(drain_s)
                    else:
                        drain_s = self._drain(source, drain_s)
                    self._waiting.go()
                    self._obey(source)
                    self._tell_playback(source)
                self._give_last(source)
        except TcplatError as error:
            self._fail(str(error))
        except Exception as error:  # The thread's edge: a bug here must reach the screen, not vanish.
            self._fail(printable(f"{type(error).__name__}: {error}"))

    def _fail(self, reason: str) -> None:
        self._waiting.go(at_once=True)
        self._post(SourceFailed(reason))

    def _drain(self, source: Source, drain_s: float) -> float:
        """Hand on what came; return how long to wait next time."""
        batch = source.drain(drain_s)
        self._hand_on(source, batch)
        if isinstance(source, Player):
            return _DRAIN_S
        return self._next_drain_s(drain_s, len(batch.handshakes) + len(batch.flows))

    def _next_drain_s(self, before_s: float, count: int) -> float:
        """How long to wait for a batch, when `count` came within the time before."""
        at_most_s = max(_DRAIN_S, min(_DRAIN_MAX_S, self.redraw_interval_s / _DRAINS_A_REDRAW))
        return max(_DRAIN_S, min(at_most_s, before_s * _BATCH / count)) if count else at_most_s

    def _tell_accounts(self, source: Source, accounts: Sequence[Account]) -> None:
        gone = frozenset(map(printable, source.gone))
        self._post(AccountsRead(_selection(source), _showable(accounts), gone))

    def _begin(self, source: Source, began_ns: int) -> None:
        self._waiting.go(at_once=True)  # What was before it.
        self._post(WatchBegan(_selection(source), _showable(source.accounts()), began_ns))

    def _hand_on(self, source: Source, batch: Batch) -> None:
        if batch.began_ns is not None:
            self._begin(source, batch.began_ns)
        if batch.accounts:
            self._tell_accounts(source, batch.accounts)
        if batch.handshakes or batch.flows:
            indices = {each.ifindex for each in batch.flows} | distinct(batch.handshakes, "ifindex")
            cgroups = {each.cgroup for each in batch.flows} | distinct(batch.handshakes, "cgroup")
            interfaces = self._new_names(indices, self._interfaces, source.name_of)
            units = self._new_names(cgroups, self._units, source.unit_of)
            self._waiting.add(batch.handshakes, batch.flows, interfaces, units)
        is_due = time.monotonic() - self._given_accounts >= _GIVEN_ACCOUNTS_INTERVAL_S
        self._give(source, batch if is_due else batch._replace(accounts=[]))

    def _new_names(
        self, numbers: Set[int], told: dict[int, str], name_of: Callable[[int], str]
    ) -> dict[int, str]:
        """What numbers stand for, as far as that has changed: an index may be used again."""
        named = {number: name_of(number) for number in numbers}
        new = {number: name for number, name in named.items() if told.get(number) != name}
        if len(told) > _TOLD_MAX:
            told.clear()
        told.update(new)
        return new

    def _give_last(self, source: Source) -> None:
        """In this order, whatever the last account counts is before it."""
        accounts = source.accounts()
        self._give(source, source.drain(0)._replace(accounts=[]))
        self._give(source, Batch([], accounts))

    def _give(self, source: Source, batch: Batch) -> None:
        if batch.accounts:
            self._given_accounts = time.monotonic()
        if batch.handshakes or batch.accounts or batch.flows:
            wall_offset_ns = source.wall_offset_ns()
            for taker in self._takers:
                taker.take(batch, source, wall_offset_ns)

    def _obey(self, source: Source) -> None:
        with suppress(queue.Empty):
            while True:
                command = self._commands.get_nowait()
                try:
                    command(source)
                except TcplatError as error:
                    self._post(CommandFailed(error))

    def _tell_playback(self, source: Source) -> None:
        playback = source.playback if isinstance(source, Player) else None
        if playback and playback != self._playback:
            self._playback = playback
            self._post(PlaybackChanged(playback))


def _selection(source: Source) -> list[str]:
    return [printable(name) for name in source.selection]


def _showable(accounts: Sequence[Account]) -> list[Account]:
    """Accounts as the screen may show them: interfaces may be called anything, and a file may say anything."""
    return [
        replace(
            each,
            interface=printable(each.interface),
            attach=printable(each.attach),
            trouble=printable(each.trouble),
            flow_trouble=printable(each.flow_trouble),
        )
        for each in accounts
    ]
