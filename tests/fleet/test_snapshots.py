"""What the screen of a fleet looks like, to the byte."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from tests.fleet.answers import answer, counts, detail
from tests.tui.shown import press, text_of
from tui.core.format import ASCII
from tui.core.thresholds import Thresholds
from tui.core.window import Window
from tui.fleet.address import ServerAddress
from tui.fleet.answer import Answer
from tui.fleet.poller import Answered, DetailFound, NotAnswered, TrendsFound
from tui.fleet.question import FleetGrouping, Question
from tui.fleet.screen.app import FleetApp
from tui.fleet.server import Server
from tui.options import ScreenOptions

OPTIONS = ScreenOptions(thresholds=Thresholds(50_000_000, 300_000_000), redraw_interval_s=3600)
FIVE = Question(FleetGrouping.PAIR, Window.MINUTES_5)
REMOTES = Question(FleetGrouping.REMOTE, Window.MINUTES_5)
OF_REMOTES = answer(
    REMOTES,
    {
        ("", "203.0.113.9"): counts(*[90.0] * 20, *[400.0] * 40, refused=2),
        ("", "192.0.2.10"): counts(*[0.4] * 200),
    },
)


class Silent(FleetApp):
    """Asks nobody."""

    def begin(self) -> None:
        pass


class Shot:
    """What has come, and what is pressed before the picture."""

    def __init__(self, came: Answer, *keys: str, trouble: str = "", options: ScreenOptions = OPTIONS) -> None:
        self.came, self.keys, self.trouble, self.options = came, keys, trouble, options


SHOTS = {
    "pairs": Shot(answer(), "j"),
    "remotes": Shot(OF_REMOTES),
    "details": Shot(OF_REMOTES, "enter"),
    "trouble": Shot(answer(warnings=["store 2 is away"]), trouble="connection refused"),
    "nothing": Shot(answer(rows={}, boxes=())),
    "help": Shot(answer(), "question_mark"),
    "ascii": Shot(OF_REMOTES, "enter", options=replace(OPTIONS, glyphs=ASCII)),
}


@pytest.mark.parametrize(
    ("size", "name"),
    [*(((80, 24), name) for name in SHOTS), *(((120, 40), name) for name in ("pairs", "remotes", "details"))],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)
def test_screen_looks_as_it_did(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], name: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shot = SHOTS[name]
    app = Silent(Server(ServerAddress("https", "prom.example", 443)), shot.options)

    async def arrange(pilot: Pilot[None]) -> None:
        question = app.model.standing.wanted = shot.came.question
        app.model.take(Answered(shot.came, time.monotonic() - 60 * bool(shot.trouble)))
        levels = {key: bytes([0] * 8 + [3, 3, 4, 5] * 4) for key in shot.came.rows}
        app.model.take(TrendsFound(question, levels))
        if shot.trouble:
            app.model.take(NotAnswered(shot.trouble))
        if shot.came is OF_REMOTES:
            app.model.take(DetailFound(detail(("", "203.0.113.9"), REMOTES)))
        app.draw()
        await press(pilot, *shot.keys)
        assert "prom.example" in text_of(app) or name == "help"

    assert snap_compare(app, terminal_size=size, run_before=arrange)
