"""The screen of a fleet: what it shows as text, and waiting for it to show something."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from textual.pilot import Pilot

from tests.tui.shown import press, text_of
from tools.prometheus_server import PATIENCE_S
from tui.fleet.screen.app import FleetApp
from tui.fleet.server import Server
from tui.options import DEFAULTS, ScreenOptions

REDRAW_INTERVAL_S = 0.1


@dataclass
class Screened:
    """A running screen."""

    app: FleetApp
    pilot: Pilot[None]

    @property
    def text(self) -> str:
        return text_of(self.app)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def title(self) -> str:
        return self.lines[0]

    @property
    def header(self) -> list[str]:
        """The titles of the columns."""
        return re.sub("[▼▲]", "", self.app.views.fleet_table.render_line(0).text).split()

    @property
    def rows(self) -> list[list[str]]:
        """The rows in sight as words, from the top."""
        table = self.app.views.fleet_table
        lines = [table.render_line(y).text for y in range(1, table.size.height)]
        return [line.split() for line in lines if line.strip()]

    @property
    def account(self) -> str:
        return self.lines[-2]

    async def until(self, wanted: Callable[[], object]) -> None:
        """Let the screen go on until `wanted()` holds; raises AssertionError."""
        deadline = time.monotonic() + PATIENCE_S
        while not wanted():
            assert time.monotonic() < deadline, f"never shown; the screen is\n{self.text}"
            await self.pilot.pause(0.01)

    async def press(self, *keys: str) -> None:
        """Press keys, each when the one before has had its effect."""
        await press(self.pilot, *keys)


@asynccontextmanager
async def screened(
    server: Server, size: tuple[int, int] = (120, 40), options: ScreenOptions = DEFAULTS
) -> AsyncIterator[Screened]:
    """The screen, as soon as it is there."""
    app = FleetApp(server, replace(options, redraw_interval_s=REDRAW_INTERVAL_S))
    async with app.run_test(size=size, notifications=True) as pilot:
        yield Screened(app, pilot)
