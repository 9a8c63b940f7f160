"""The real program in a terminal: drawn, typed into, and read. What is looked for is in the bytes it writes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from tools.bench.children import PATIENCE_S, cpu_s, memory_bytes, spawn
from tools.bench.effort import Effort
from tools.bench.network import OURS, Pair

COLUMNS, LINES = 120, 40
_READ_BYTES = 1 << 20
_LAST_BYTES = 6000
_ENVIRONMENT = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
PAINTED = re.compile(rb"Quit")
"""The footer, which is there from the first paint on."""
ATTACHED = re.compile(rb"%s (tcx|clsact)" % OURS.encode())


class Seen(NamedTuple):
    """What was written, and when what was looked for was among it; 0: never."""

    at: float
    written: bytes


class Screen:
    """`python ARGUMENTS` with a terminal, from when it is entered until it is left. Reads only when told to."""

    def __init__(
        self, pair: Pair, arguments: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment`: what is other there than here."""
        self._pair = pair
        self._environment = environment or {}
        self._arguments = arguments
        self.received = 0
        """Bytes that came to the terminal so far."""
        self._last = b""

    def __enter__(self) -> Screen:
        self._fd, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.began = time.perf_counter()
        try:
            self._child = spawn(
                self._pair.ours,
                self._arguments,
                stdin=terminal,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
                env={**_environment(), **self._environment},
            )
        except BaseException:
            os.close(self._fd)
            raise
        finally:
            os.close(terminal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.wait()
        os.close(self._fd)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    @property
    def cpu_s(self) -> float:
        """The processor time it has used."""
        return cpu_s(self.pid)

    @property
    def memory_bytes(self) -> int:
        """The memory it holds."""
        return memory_bytes(self.pid)

    def press(self, keys: bytes) -> float:
        """Type; return when that was."""
        at = time.perf_counter()
        os.write(self._fd, keys)
        return at

    def read(self, seconds: float) -> bytes:
        """Let it draw for so long; return what it wrote."""
        end = time.perf_counter() + seconds
        pieces = []
        while (left := end - time.perf_counter()) > 0:
            pieces.append(self._take(left))
        return b"".join(pieces)

    def until(self, wanted: re.Pattern[bytes]) -> float:
        """Wait until this has been written, from now on; return when that was. Raises TimeoutError."""
        seen = self.look_for(wanted, PATIENCE_S)
        if not seen.at:
            raise TimeoutError(f"{wanted.pattern!r} was never shown, only {seen.written[-2000:]!r}")
        return seen.at

    def look_for(self, wanted: re.Pattern[bytes], seconds: float) -> Seen:
        """Wait so long for something to be written, from now on."""
        written = b""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            written += self._take(min(left, 0.1))
            if wanted.search(written):
                return Seen(time.perf_counter(), written)
        return Seen(0.0, written)

    def quit(self, seconds: float) -> None:
        """Let it end by itself, in so long at most. Raises TimeoutError."""
        self.press(b"q")
        deadline = time.perf_counter() + seconds
        while self._child.poll() is None:
            if time.perf_counter() > deadline:
                raise TimeoutError("it does not end")
            self._take(0.05)

    def _take(self, timeout_s: float) -> bytes:
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return b""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except OSError:  # Nobody has the terminal open any more.
            time.sleep(min(timeout_s, 0.01))
            if self._child.poll() is not None and self._child.returncode:
                told = self._last.decode(errors="replace")
                raise RuntimeError(f"it ended with status {self._child.returncode}: {told}") from None
            return b""
        self.received += len(data)
        self._last = (self._last + data)[-_LAST_BYTES:]
        return data


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | _ENVIRONMENT


def watching(pair: Pair, cache: Path | None = None) -> Screen:
    """The screen on our end of the wire, as a person starts it. `cache`: where it keeps what was compiled."""
    return Screen(pair, ["-m", "tui", OURS], {"CACHE_DIRECTORY": str(cache)} if cache else None)


def settled(screen: Screen, effort: Effort) -> Screen:
    """Wait until it is attached, and a while longer: it imports some things then."""
    screen.until(ATTACHED)
    screen.read(effort.settling_s)
    return screen
