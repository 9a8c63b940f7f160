"""The screen over a played source: what it shows as text, and waiting for it to show something."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from rich.style import Style
from textual import events
from textual.app import App
from textual.keys import REPLACED_KEYS, _character_to_key, key_to_character
from textual.pilot import Pilot
from textual.strip import Strip

from bpf.interfaces import Interface, Layer
from tests.tui.played import MS, PATIENCE_S, Played, handshake
from tui.app import TcplatApp
from tui.options import DEFAULTS, ScreenOptions
from tui.widgets.row_table import RowTable

_HOPS = 4
"""So many messages, one after the other, a key makes at most: key, submitted, left, focus."""
REDRAW_INTERVAL_S = 0.1
"""Not quicker: Pilot waits after each key until the process is idle."""

INTERFACES = [
    Interface("lo", 1, Layer.ETHERNET, True),
    Interface("eth0", 2, Layer.ETHERNET, True, "up", addresses=("192.0.2.1/24", "2001:db8::1/64")),
    Interface("wlan0", 3, Layer.ETHERNET, False),
    Interface("ib0", 4, None, True),
    Interface("nosuch", 5, Layer.IP, True),
]
"""What there is to watch; the played source refuses the last."""

THREE = [
    handshake("198.18.0.1", 20 * MS),
    handshake("198.18.0.2", 90 * MS),
    handshake("198.18.7.3", 5 * MS),
]
BY_P95 = ["198.18.0.2", "198.18.0.1", "198.18.7.3"]


def text_of(app: App[None]) -> str:
    """What is on the screen, a line a line."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def press(pilot: Pilot[None], *keys: str) -> None:
    """As `Pilot.press`, which waits twice after each key until the process is idle: 60 ms instead of 5."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        pilot.app.post_message(events.Key(name, key_to_character(REPLACED_KEYS.get(name, name))))
        for _ in range(_HOPS):
            await pilot._wait_for_screen()
    await pilot.pause()
    await pilot._wait_for_screen()  # What got its size by that layout draws itself.


@dataclass
class Shown:
    """A running screen. Its redraw timer is quick, so that waiting for a redraw is."""

    app: TcplatApp
    pilot: Pilot[None]
    source: Played

    @property
    def text(self) -> str:
        return text_of(self.app)

    @property
    def title(self) -> str:
        return self.text.splitlines()[0]

    @property
    def table(self) -> RowTable:
        return self.app.screen_stack[0].query_one(RowTable)

    @property
    def hosts(self) -> list[str]:
        """The addresses in sight, from the top."""
        lines = [self.table.render_line(y).text for y in range(1, self.table.size.height)]
        return [line.split()[0] for line in lines if re.match("[0-9a-f]+[.:]", line)]

    @property
    def prose(self) -> str:
        """Everything on the screen as one line: what was wrapped is in one piece again."""
        return " ".join(re.sub("[│▌▐]", " ", self.text).split())

    @property
    def header(self) -> str:
        return self.table.render_line(0).text

    @property
    def selected(self) -> str | None:
        return self.table.selected.label if self.table.selected else None

    def line_of(self, text: str) -> Strip:
        """The table's line that has `text` in it."""
        lines = [self.table.render_line(y) for y in range(self.table.size.height)]
        return next(line for line in lines if text in line.text)

    def style_of(self, row: str, text: str) -> Style:
        """How `text` in the line of a row is painted."""
        segments = [each for each in self.line_of(row) if text in each.text]
        return segments[-1].style or Style.null()

    async def until(self, wanted: Callable[[], object]) -> None:
        """Let the screen go on until `wanted()` holds; raises AssertionError."""
        deadline = time.monotonic() + PATIENCE_S
        while not wanted():
            assert time.monotonic() < deadline, f"never shown; the screen is\n{self.text}"
            await self.pilot.pause(0.005)

    async def play(self, *steps: Callable[[], object]) -> None:
        """Wait until the worker thread has done these, and all that was played before."""
        done = threading.Event()
        for step in (*steps, done.set):
            self.source.then(step)
        assert await asyncio.to_thread(done.wait, PATIENCE_S)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Press keys, each when the one before has had its effect."""
        await press(self.pilot, *keys)


@asynccontextmanager
async def shown(
    source: Played, size: tuple[int, int] = (80, 24), options: ScreenOptions = DEFAULTS
) -> AsyncIterator[Shown]:
    """The screen, attached, once its first rows (or that there are none) are drawn."""
    # Asked first: what it plays may be on its way to the screen, and shown nowhere yet.
    is_silent = source.is_empty
    async with opening(source, size, options) as screen:
        await screen.until(lambda: f"{source.selection[0]} tcx" in screen.title)
        if not is_silent:
            await screen.play()
            await screen.until(lambda: screen.hosts)
        yield screen


@asynccontextmanager
async def opening(
    source: Played,
    size: tuple[int, int] = (80, 24),
    options: ScreenOptions = DEFAULTS,
    interval_s: float = REDRAW_INTERVAL_S,
) -> AsyncIterator[Shown]:
    """The screen from its first paint. Its redraw timer is quick whatever the options."""
    app = TcplatApp(lambda: source, lambda: INTERFACES, replace(options, redraw_interval_s=interval_s))
    async with app.run_test(size=size, notifications=True) as pilot:
        yield Shown(app, pilot, source)
