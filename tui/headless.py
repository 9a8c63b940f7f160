"""The loop without a screen: handshakes to lines on stdout, notes for people on stderr."""

from __future__ import annotations

import os
import select
import signal
import stat
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from types import FrameType
from typing import Protocol, TextIO

from bpf.errors import TcplatError
from bpf.event import Flow, Handshake, printable
from bpf.source import Account, Batch, Names, Player, Source, Taker
from tui.core.event_subject import EventSubject, FlowSubject, Known
from tui.core.filter import Filter
from tui.names import service_of

EVERYTHING = Filter()
_DRAIN_S = 0.05
_PATIENCE = 20
"""So many times `_DRAIN_S` a reader gets to go on reading after we were asked to end."""
_FILE_BYTES = 1 << 20
"""Of a piece that is written to a file, which takes as much as there is at once."""
EXIT_DONE = 0
EXIT_INTERRUPTED = 130


class Format(Protocol):
    """A module of `tui.out`."""

    def handshake_line(self, handshake: Handshake, names: Names, wall_offset_ns: int) -> str:
        """Write a handshake."""

    def flow_line(self, flow: Flow, names: Names, wall_offset_ns: int) -> str:
        """Write a sample of an open connection; empty if the format has none."""

    def account_line(self, account: Account, wall_offset_ns: int) -> str:
        """Write the probe's account; empty if the format has none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to end by itself."""

    duration_s: float | None = None
    count: int | None = None


def run(
    source: Source,
    form: Format,
    limits: Limits,
    takers: Sequence[Taker] = (),
    filter_: Filter = EVERYTHING,
) -> int:
    """Stream until a limit, a signal, the source's end, or until nobody reads; return the exit status.

    `takers` are given what the filter leaves out, too. Raises TcplatError.
    """
    if not sys.stdout:
        raise TcplatError("stdout is closed", "send the lines somewhere: add > FILE")
    with _stopping_signals(source) as received:
        try:
            with source:
                _Stream(source, form, sys.stdout, received, takers, filter_).run(limits)
        except BrokenPipeError:
            _abandon_stdout()
    return EXIT_INTERRUPTED if signal.SIGINT in received else EXIT_DONE


class _Stream:
    """One run of the loop over an open source."""

    def __init__(
        self,
        source: Source,
        form: Format,
        out: TextIO,
        received: list[signal.Signals],
        takers: Sequence[Taker],
        filter_: Filter,
    ) -> None:
        self._source = source
        self._form = form
        self._received = received
        self._takers = takers
        self._passes = filter_.predicate() if filter_.root else None
        self._known = Known(source, service_of=service_of)
        self._out_fd = out.fileno()
        self._encoding = out.encoding
        is_file = stat.S_ISREG(os.fstat(self._out_fd).st_mode)
        self._piece_bytes = _FILE_BYTES if is_file else select.PIPE_BUF
        self._selection: Sequence[str] = ()
        self._gone: frozenset[str] = frozenset()
        self._detached: set[str] = set()
        self._reader = select.poll()
        self._reader.register(self._out_fd, select.POLLOUT)

    def run(self, limits: Limits) -> None:
        source = self._source
        until_s = time.monotonic() + (inf if limits.duration_s is None else limits.duration_s)
        batch = source.drain(0)
        began_ns = source.now_ns() if batch.began_ns is None else batch.began_ns
        left = self._write(batch, limits.count)
        _tell_what_is_watched(source)
        while not self._received and left != 0 and not source.is_over:
            left_s = until_s - time.monotonic()
            if limits.duration_s is not None:
                # What is read passes faster than it was; but a pipe's time stands still while nothing comes.
                left_s = min(left_s, limits.duration_s - (source.now_ns() - began_ns) / 1e9)
            if left_s <= 0:
                break
            batch = source.drain(min(_DRAIN_S, left_s))
            began_ns = began_ns if batch.began_ns is None else batch.began_ns
            left = self._write(batch, left)
            self._look_around()
        if not source.is_over:
            # In this order, whatever the last account counts has its line before it.
            accounts = source.accounts()
            self._write(source.drain(0)._replace(accounts=[]), left)
            self._write(Batch([], accounts), None)
            _tell_what_was_thinned(accounts)
        _tell_what_was_unreadable(source)

    def _write(self, batch: Batch, left: int | None) -> int | None:
        """Write accounts, handshakes, then samples; of handshakes at most `left`; return how many are left then."""
        if batch.accounts:
            self._tell_detached(batch.accounts)
        came, chosen = self._choose(batch.handshakes, left)
        if came or batch.accounts or batch.flows:
            source, form = self._source, self._form
            wall_offset_ns = source.wall_offset_ns()
            for taker in self._takers:
                taker.take(batch._replace(handshakes=came), source, wall_offset_ns)
            lines = [form.account_line(each, wall_offset_ns) for each in batch.accounts]
            lines += [form.handshake_line(each, source, wall_offset_ns) for each in chosen]
            passes = self._passes
            flows = [each for each in batch.flows if not passes or passes(FlowSubject(each, self._known))]
            lines += [form.flow_line(each, source, wall_offset_ns) for each in flows]
            self._emit("".join(lines))
        return None if left is None else left - len(chosen)

    def _choose(
        self, handshakes: Sequence[Handshake], left: int | None
    ) -> tuple[Sequence[Handshake], Sequence[Handshake]]:
        """Those up to the last that is to be written, and of these, those to be written."""
        if self._passes is None:
            chosen = handshakes[:left]
            return chosen, chosen
        chosen = []
        for place, each in enumerate(handshakes):
            if left is not None and len(chosen) == left:
                return handshakes[:place], chosen
            if self._passes(EventSubject(each, self._known)):
                chosen.append(each)
        return handshakes, chosen

    def _emit(self, text: str) -> None:
        """Write in pieces that never block, so that a reader which has stopped reading cannot keep us from ending."""
        data = memoryview(text.encode(self._encoding, "replace"))  # A locale without "µ" is no reason to end.
        while data:
            self._wait_for_reader()
            try:
                data = data[os.write(self._out_fd, data[: self._piece_bytes]) :]
            except BrokenPipeError:
                raise
            except OSError as error:
                raise TcplatError(
                    f"cannot write to stdout: {error.strerror}", "send the lines elsewhere: add > FILE"
                ) from error

    def _wait_for_reader(self) -> None:
        """Wait until a piece can be written; once asked to end, not for long."""
        patience = _PATIENCE
        while not self._is_writable(_DRAIN_S):
            patience -= bool(self._received)
            if not patience:
                raise BrokenPipeError

    def _is_writable(self, timeout_s: float) -> bool:
        """Whether there is room; raises BrokenPipeError if nobody will ever read."""
        events = [event for _, event in self._reader.poll(timeout_s * 1000)]
        if any(event & select.POLLERR for event in events):
            raise BrokenPipeError
        return bool(events)

    def _look_around(self) -> None:
        """Notice that nobody reads any more, or that the interface went, came, or is called otherwise."""
        self._is_writable(0)
        selection, self._selection = self._selection, self._source.selection
        for old, new in zip(selection, self._selection, strict=False):
            if old != new:
                _note(f"{old} is called {new} now")
        before, self._gone = self._gone, self._source.gone
        for interface in sorted(self._gone - before):
            _note(f"{interface} is gone; waiting for it to return")
        for interface in sorted(before - self._gone):
            _note(f"{interface} is back")

    def _tell_detached(self, accounts: Sequence[Account]) -> None:
        before, self._detached = self._detached, {each.interface for each in accounts if each.is_detached}
        for interface in sorted(self._detached - before):
            _note(f"somebody has detached tcplat from {interface}: nothing is seen until it is started again")


def _tell_what_is_watched(source: Source) -> None:
    if isinstance(source, Player):
        _note(f"reading {source.playback.title}; Ctrl+C ends it")
        return
    accounts = source.accounts()
    watched = ", ".join(f"{each.interface} ({each.attach})" for each in accounts if each.attach)
    _note(f"watching {watched or 'nothing yet: no interface is up'}; Ctrl+C ends it")
    for trouble in sorted({what for each in accounts for what in (each.trouble, each.flow_trouble) if what}):
        _note(trouble)


def _tell_what_was_thinned(accounts: Sequence[Account]) -> None:
    thinned = sum(each.samples_thinned for each in accounts)
    if thinned:
        taken = sum(each.samples for each in accounts)
        _note(
            f"too many open connections to sample each on time: {taken:,} samples taken, {thinned:,} put off"
        )


def _tell_what_was_unreadable(source: Source) -> None:
    if isinstance(source, Player) and (playback := source.playback).trouble:
        _note(f"{playback.title}: {playback.trouble}")


@contextmanager
def _stopping_signals(source: Source) -> Iterator[list[signal.Signals]]:
    """Collect SIGINT, SIGTERM and SIGHUP instead of dying of them, and wake the source."""
    received: list[signal.Signals] = []

    def receive(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(signal.Signals(number))
        source.wake()

    previous = {number: signal.signal(number, receive) for number in _STOPPING}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _abandon_stdout() -> None:
    """Let the interpreter's last flush go nowhere instead of failing on the closed pipe."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _note(text: str) -> None:
    if sys.stderr:  # print() takes None, a closed stderr, for stdout.
        print(f"tcplat: {printable(text)}", file=sys.stderr)
