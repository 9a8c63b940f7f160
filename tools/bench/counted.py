"""The instrumented screen in a terminal, and what it counted."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from tools.bench.effort import Effort
from tools.bench.instrumented import SEEN
from tools.bench.network import OURS, Pair
from tools.bench.screen import Screen, settled

_PATIENCE_S = 300.0
"""With a million hosts it may be busy for long."""
_LOOK_S = 0.1


class Count(NamedTuple):
    """Of one run."""

    handshakes: int
    """That reached whoever shows or records them."""
    matched: int
    """... that the kernel matched."""
    lost: int
    """... of these, that found no room in the ring."""
    redraws_s: Sequence[tuple[float, float]]
    """When each redraw began (CLOCK_MONOTONIC), and the processor time it took."""
    stalls_s: Sequence[tuple[float, float]]
    """When the screen's thread kept others waiting, and for how long."""


class Counted:
    """Runs from when it is entered until `finish`, or until it is left."""

    def __init__(self, pair: Pair, effort: Effort) -> None:
        self._pair = pair
        self._effort = effort

    def __enter__(self) -> Counted:
        with ExitStack() as stack:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="tcplat-bench-"))
            self._count_path, self._path = Path(directory) / "count", Path(directory) / "counted.json"
            self._count_path.write_bytes(bytes(SEEN.size))
            words = ["-m", "tools.bench.instrumented", str(self._count_path), str(self._path), OURS]
            self.screen = settled(stack.enter_context(Screen(self._pair, words)), self._effort)
            self._leaving = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    @property
    def handshakes(self) -> int:
        """That have reached whoever shows or records them."""
        return int(SEEN.unpack(self._count_path.read_bytes())[0])

    def knows(self, hosts: int) -> None:
        """Wait until there are so many rows. Raises TimeoutError."""
        deadline = time.monotonic() + _PATIENCE_S
        while (known := SEEN.unpack(self._count_path.read_bytes())[1]) < hosts:
            if time.monotonic() > deadline:
                raise TimeoutError(f"of {hosts} hosts it knows only {known}")
            self.screen.read(_LOOK_S)

    def hold(self) -> None:
        """Keep it from reading the ring for a while (`HELD_S`)."""
        os.kill(self.screen.pid, signal.SIGUSR1)

    def finish(self) -> Count:
        """Let it end; what it counted."""
        self.screen.quit(_PATIENCE_S)
        told: dict[str, Any] = json.loads(self._path.read_text())
        if told["failure"]:
            raise RuntimeError(told["failure"])
        (account,) = told["accounts"]
        ended = ("established", "refused", "unreachable")
        return Count(
            handshakes=told["handshakes"],
            matched=sum(account[name] for name in ended),
            lost=account["events_lost"],
            redraws_s=told["redraws_s"],
            stalls_s=told["stalls_s"],
        )
