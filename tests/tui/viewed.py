"""An app with one view in it, styled as in the program."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget

import tui
from tests.tui.shown import press, text_of

STYLES = Path(tui.__file__).parent / "views.tcss"


class Viewer(App[None]):
    CSS_PATH = [STYLES]

    def __init__(self, view: Widget) -> None:
        super().__init__()
        self._view = view

    def compose(self) -> ComposeResult:
        yield self._view

    def on_mount(self) -> None:
        self.theme = "ansi-dark"
        self._view.focus()


@dataclass
class Viewed:
    """A running app."""

    app: Viewer
    pilot: Pilot[None]

    @property
    def lines(self) -> list[str]:
        return text_of(self.app).splitlines()

    @property
    def text(self) -> str:
        return text_of(self.app)

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)

    async def does(self, action: Callable[[], object]) -> None:
        """Call it, and wait until the screen is up to date."""
        action()
        await self.pilot.pause()


@asynccontextmanager
async def viewed(view: Widget, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Viewed]:
    app = Viewer(view)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Viewed(app, pilot)
