"""The terminal, as Textual speaks to it, but for what is told of the mouse, after a stop, and when nobody takes it."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from queue import Full
from typing import Any, cast

from textual.drivers.linux_driver import LinuxDriver

_HURRY_S = 0.5
"""How long the terminal has to make room for more."""
_PATIENCE_S = 2.0
"""How long, at the end, the terminal has to take what was written."""


class QuietMouseDriver(LinuxDriver):
    """Clicks and wheel only: told of every motion, a moving mouse costs half a megabyte a second over SSH.

    Nothing waits for a terminal that takes nothing (an SSH connection that hangs, Ctrl+S), or is gone.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._terminal = _Terminal(2)
        self._file = cast("Any", self._terminal)
        self.has_gap = False
        """Whether something was left out, so that what is on the screen is not what was drawn."""
        self._is_resuming = False

    @property
    def is_idle(self) -> bool:
        """Whether all has been taken."""
        thread = self._writer_thread
        return thread is None or (thread._queue.empty() and not self._terminal.is_waiting)

    @property
    def is_gone(self) -> bool:
        """Whether there is no terminal any more; whoever is not in its session gets no SIGHUP."""
        return not os.isatty(self.fileno)

    def write(self, data: str) -> None:
        """Write to the terminal, but for the request for motion events; what it has no room for is left out."""
        thread = self._writer_thread
        if thread:
            try:
                wait_s = 0 if self.has_gap else _HURRY_S
                thread._queue.put(data.replace("\x1b[?1003h", ""), wait_s > 0, wait_s)
            except Full:
                self.has_gap = True

    def close(self) -> None:
        """Let the rest be written, if it is taken soon."""
        until_s = time.monotonic() + _PATIENCE_S
        while not self.is_idle and time.monotonic() < until_s:
            time.sleep(0.01)
        if self.is_idle:
            super().close()

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal again, which a shell has used meanwhile; once, however often it is stopped before that.

        Not here, in the signal handler, which may have come into the middle of a write, or of taking it again.
        """
        if not self._auto_restart or self._is_resuming:
            return
        with suppress(RuntimeError):  # No loop runs any more: it ends.
            asyncio.get_running_loop().call_soon_threadsafe(self._resume)
            self._is_resuming = True

    def _resume(self) -> None:
        """Begin anew.

        A SIGSTOP comes without a word: what Textual began would go on beside what it begins now, and eat every other
        key.
        """
        self._is_resuming = False
        if not self._must_signal_resume:
            self.suspend_application_mode()
        self.resume_application_mode()


class _Terminal:
    """A file that is written to at once. Not stderr itself: a thread that waits there would keep Python from ending."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.is_waiting = False
        """Whether something is being written."""

    def write(self, text: str) -> None:
        """Write it all; if the terminal is gone, nothing."""
        data = text.encode(errors="replace")
        self.is_waiting = True
        with suppress(OSError):
            while data:
                data = data[os.write(self._fd, data) :]
        self.is_waiting = False

    def flush(self) -> None:
        """Nothing is held back."""

    def fileno(self) -> int:
        """Its descriptor."""
        return self._fd

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._fd)
