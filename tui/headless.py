"""The loop without a screen: handshakes to lines on stdout, notes for people on stderr."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol, TextIO

from bpf.errors import TcplatError
from bpf.event import Handshake
from bpf.source import Account, Names, Source

_DRAIN_S = 0.05
_ACCOUNT_INTERVAL_S = 10.0
_PATIENCE = 20
"""So many times `_DRAIN_S` a reader gets to go on reading after we were asked to end."""
EXIT_DONE = 0
EXIT_INTERRUPTED = 130


class Format(Protocol):
    """A module of `tui.out`."""

    def handshake_line(self, handshake: Handshake, names: Names, wall_offset_ns: int) -> str:
        """Write a handshake."""

    def account_line(self, account: Account) -> str:
        """Write the probe's account; empty if the format has none."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When to end by itself."""

    duration_s: float | None = None
    count: int | None = None


def run(source: Source, form: Format, limits: Limits, account_interval_s: float = _ACCOUNT_INTERVAL_S) -> int:
    """Stream until a limit, a signal, or until nobody reads; return the exit status. Raises TcplatError."""
    if not sys.stdout:
        raise TcplatError("stdout is closed", "send the lines somewhere: add > FILE")
    with _stopping_signals(source) as received:
        try:
            with source:
                _Stream(source, form, sys.stdout, received, account_interval_s).run(limits)
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
        account_interval_s: float,
    ) -> None:
        self._source = source
        self._form = form
        self._received = received
        self._out_fd = out.fileno()
        self._encoding = out.encoding
        self._account_interval_s = account_interval_s
        self._gone: frozenset[str] = frozenset()
        self._reader = select.poll()
        self._reader.register(self._out_fd, select.POLLOUT)

    def run(self, limits: Limits) -> None:
        accounts = self._source.accounts()
        self._write_accounts(accounts)
        _tell_what_is_watched(accounts)
        began = accounted = time.monotonic()
        left = limits.count
        while not self._received and left != 0:
            now = time.monotonic()
            if limits.duration_s is not None and now - began >= limits.duration_s:
                break
            if now - accounted >= self._account_interval_s:
                accounted = now
                self._write_accounts(self._source.accounts())
            wait_s = _DRAIN_S
            if limits.duration_s is not None:
                wait_s = max(0.0, min(wait_s, began + limits.duration_s - now))
            written = self._write(self._source.drain(wait_s), left)
            left = None if left is None else left - written
            self._look_around()
        # In this order, whatever the last account counts has its line before it.
        accounts = self._source.accounts()
        self._write(self._source.drain(0), left)
        self._write_accounts(accounts)

    def _write(self, handshakes: list[Handshake], at_most: int | None) -> int:
        if at_most is not None:
            handshakes = handshakes[:at_most]
        if handshakes:
            # Anew for each batch, so that a stepped wall clock is followed.
            wall_offset_ns = time.time_ns() - time.monotonic_ns()
            line, names = self._form.handshake_line, self._source
            self._emit("".join([line(each, names, wall_offset_ns) for each in handshakes]))
        return len(handshakes)

    def _write_accounts(self, accounts: Sequence[Account]) -> None:
        self._emit("".join(map(self._form.account_line, accounts)))

    def _emit(self, text: str) -> None:
        """Write in pieces that never block, so that a reader which has stopped reading cannot keep us from ending."""
        data = memoryview(text.encode(self._encoding, "replace"))  # A locale without "µ" is no reason to end.
        while data:
            self._wait_for_reader()
            try:
                data = data[os.write(self._out_fd, data[: select.PIPE_BUF]) :]
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
        """Notice that nobody reads any more, or that the interface went or came."""
        self._is_writable(0)
        before, self._gone = self._gone, self._source.gone
        for interface in sorted(self._gone - before):
            _note(f"{interface} is gone; waiting for it to return")
        for interface in sorted(before - self._gone):
            _note(f"{interface} is back")


def _tell_what_is_watched(accounts: Sequence[Account]) -> None:
    watched = ", ".join(f"{each.interface} ({each.attach})" for each in accounts if each.attach)
    _note(f"watching {watched or 'nothing yet: no interface is up'}; Ctrl+C ends it")
    for trouble in sorted({each.trouble for each in accounts if each.trouble}):
        _note(trouble)


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
        print(f"tcplat: {text}", file=sys.stderr)
