"""The screen as the program makes it, with the probe, that also counts what reached it: a process of its own.

Arguments: a file that always has how many handshakes were handed on, one to write more to when it ends, the interface.
It tells what the last account says, what each redraw took, and how long the screen's thread kept others waiting.
SIGUSR1 makes it not read for a while.
"""

from __future__ import annotations

import asyncio
import json
import mmap
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import tui.app
from bpf.interfaces import interfaces
from bpf.probe import Probe
from bpf.source import Account, Batch, Names, Source
from tui.app import TcplatApp
from tui.garbage import settle
from tui.options import ScreenOptions
from tui.record.flight import FlightRecorder

SEEN = struct.Struct("=QQ")
"""How many handshakes were handed on, and how many rows there were at the last redraw."""
BEAT_S = 0.005
HELD_S = 1.0
"""At 50,000 handshakes a second the ring holds 0.65 s."""


class Counter:
    """A taker that counts, and can be told to be slow."""

    def __init__(self, shared: mmap.mmap) -> None:
        """`shared`: where others read how many there were, as `SEEN` has it."""
        self._shared = shared
        self.rows = 0
        self.handshakes = 0
        self.accounts: Sequence[Account] = ()
        self._hold_s = 0.0

    def hold(self, *_: object) -> None:
        """Keep the thread that drains from doing so for a while, from its next batch on: a machine without time."""
        self._hold_s = HELD_S

    def take(self, batch: Batch, names: Names, wall_offset_ns: int) -> None:
        """Count."""
        del names, wall_offset_ns
        self.handshakes += len(batch.handshakes)
        self.tell()
        self.accounts = batch.accounts or self.accounts
        hold_s, self._hold_s = self._hold_s, 0.0
        time.sleep(hold_s)

    def tell(self) -> None:
        """Say how many there are."""
        SEEN.pack_into(self._shared, 0, self.handshakes, self.rows)


class Instrumented(TcplatApp):
    """The app, with a watch on its redraws and on its thread."""

    # Textual would look for them beside this file.
    CSS_PATH = [Path(tui.app.__file__).parent / name for name in ("app.tcss", "views.tcss")]

    def __init__(self, open_source: Callable[[], Source], counter: Counter) -> None:
        super().__init__(open_source, interfaces, ScreenOptions(takers=[FlightRecorder(), counter]))
        self._counter = counter
        self.redraws_s: list[tuple[float, float]] = []
        """When each began, and the processor time it took."""
        self.stalls_s: list[tuple[float, float]] = []
        """When something was due that came more than a beat late, and how late."""

    def on_mount(self) -> None:
        """Begin to watch. Textual calls the app's own, too, but after this."""
        self._beating = asyncio.get_running_loop().create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            due = time.monotonic() + BEAT_S
            await asyncio.sleep(BEAT_S)
            late_s = time.monotonic() - due
            if late_s > BEAT_S:
                self.stalls_s.append((due, late_s))

    def redraw(self) -> None:
        """Draw, and note what that took."""
        began, cpu_s = time.monotonic(), time.thread_time()
        super().redraw()
        self.redraws_s.append((began, time.thread_time() - cpu_s))
        self._counter.rows = len(self.model.rows)
        self._counter.tell()


def main(arguments: Sequence[str]) -> None:
    """Run until told to quit; then write what was counted."""
    path, told_path, interface = Path(arguments[0]), Path(arguments[1]), arguments[2]

    with path.open("r+b") as file:
        counter = Counter(mmap.mmap(file.fileno(), SEEN.size))
    app = Instrumented(lambda: Probe([interface]), counter)
    signal.signal(signal.SIGUSR1, counter.hold)
    settle()
    app.run()
    counted = {
        "handshakes": counter.handshakes,
        "accounts": [asdict(each) for each in counter.accounts],
        "redraws_s": app.redraws_s,
        "stalls_s": app.stalls_s,
        "failure": app.failure,
    }
    told_path.write_text(json.dumps(counted))


if __name__ == "__main__":
    main(sys.argv[1:])
