"""The worker thread's loop: it alone opens, drains, switches and closes the source, and posts what comes of it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.message import Message

from bpf.errors import TcplatError
from bpf.event import Handshake
from bpf.source import Account, Source

_DRAIN_S = 0.05
_ACCOUNT_INTERVAL_S = 1.0


@dataclass
class HandshakesArrived(Message):
    """A batch came out of the source."""

    handshakes: list[Handshake]


@dataclass
class WatchBegan(Message):
    """The source watches what was selected: first of all, or after a switch."""

    selection: Sequence[str]
    accounts: list[Account]


@dataclass
class AccountsRead(Message):
    """The source's counters, and which interfaces are gone; once a second."""

    accounts: list[Account]
    gone: frozenset[str]


@dataclass
class SwitchFailed(Message):
    """What was asked for cannot be watched; what was watched before still is."""

    error: TcplatError


@dataclass
class SourceFailed(Message):
    """The source cannot be opened, or broke; the loop has ended."""

    reason: str


class Collector:
    """Runs a source on behalf of a screen. `run` belongs to the worker thread; `switch` may be called from any."""

    def __init__(self, open_source: Callable[[], Source], post: Callable[[Message], object]) -> None:
        """`post` must be safe to call from the worker thread, as Textual's `post_message` is."""
        self._open_source = open_source
        self._post = post
        self._wanted: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()

    def switch(self, selection: Sequence[str]) -> None:
        """Ask for other interfaces; WatchBegan or SwitchFailed answers."""
        self._wanted.put(selection)

    def run(self, is_cancelled: Callable[[], bool]) -> None:
        """Collect until cancelled. Blocks; whatever goes wrong is posted, not raised."""
        try:
            with self._open_source() as source:
                self._post(WatchBegan(source.selection, source.accounts()))
                self._loop(source, is_cancelled)
        except TcplatError as error:
            self._post(SourceFailed(str(error)))
        except Exception as error:  # The thread's edge: a bug here must reach the screen, not vanish.
            self._post(SourceFailed(f"{type(error).__name__}: {error}"))

    def _loop(self, source: Source, is_cancelled: Callable[[], bool]) -> None:
        accounted = time.monotonic()
        while not is_cancelled():
            handshakes = source.drain(_DRAIN_S)
            if handshakes:
                self._post(HandshakesArrived(handshakes))
            if time.monotonic() - accounted >= _ACCOUNT_INTERVAL_S:
                accounted = time.monotonic()
                self._post(AccountsRead(source.accounts(), source.gone))
            self._obey(source)

    def _obey(self, source: Source) -> None:
        try:
            selection = self._wanted.get_nowait()
        except queue.Empty:
            return
        try:
            source.watch(selection)
        except TcplatError as error:
            self._post(SwitchFailed(error))
        else:
            self._post(WatchBegan(source.selection, source.accounts()))
