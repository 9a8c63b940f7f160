"""What the screen looks like, to the byte. When it is meant to look otherwise: make test ARGS=--snapshot-update"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from bpf.event import Direction, Handshake, Outcome
from bpf.interfaces import Counters, Interface
from tests.tui.played import MS, PATIENCE_S, Played, handshake
from tests.tui.shown import INTERFACES, press, text_of
from tui.app import TcplatApp
from tui.core.format import ASCII
from tui.core.thresholds import Thresholds
from tui.options import ScreenOptions

NOW_NS = 10**15
_OF_A_DAY_NS = 43_200_000_000_000
HOSTS = (
    ("198.18.0.1", 12, 443, b"curl"),
    ("198.18.0.20", 0.2, 22, b"ssh"),
    ("2001:db8:1::3", 90, 443, b"curl"),
    ("198.18.3.4", 700, 8080, b"python3"),
)
HANDSHAKES = [
    *(
        handshake(
            remote,
            int(latency_ms * (9 + turn % 3) * MS) // 10,
            time_ns=NOW_NS - turn * 4_000 * MS,
            process=process,
        )._replace(remote_port=port)
        for turn in range(40, 0, -1)
        for remote, latency_ms, port, process in HOSTS
    ),
    handshake("198.18.7.7", 3 * MS, time_ns=NOW_NS - 90_000 * MS, direction=Direction.INBOUND),
    handshake("198.18.9.9", 0, outcome=Outcome.REFUSED, time_ns=NOW_NS),
]
OPTIONS = ScreenOptions(thresholds=Thresholds(50 * MS, 500 * MS), redraw_interval_s=3600)
"""Drawn when something happens, and not in between."""
SMALL, LARGE, NARROW = (80, 24), (120, 40), (40, 12)


class Still(Played):
    """At a known time of day, with one account."""

    account_interval_s = 3600.0

    def wall_offset_ns(self) -> int:
        return _OF_A_DAY_NS - NOW_NS


def interfaces() -> Sequence[Interface]:
    counters = Counters(1_000, 2_000, 3_000, 4_000)
    return [replace(each, counters=counters) for each in INTERFACES]


class Shot:
    """What is pressed before the picture, and what must be in it."""

    def __init__(
        self, shows: str, *keys: str, options: ScreenOptions = OPTIONS, is_empty: bool = False
    ) -> None:
        self.shows = shows
        self.keys = keys
        self.options = options
        self.handshakes: list[Handshake] = [] if is_empty else HANDSHAKES


SHOTS = {
    "table": Shot("6 hosts", "j"),
    "details": Shot("latency over time", "enter"),
    "events": Shot("following", "3"),
    "event": Shot("g follows again", "3", "j", "j"),
    "interfaces": Shot("* eth0", "4"),
    "probe": Shot("unsolicited", "5"),
    "paused": Shot("PAUSED", "space", "S"),
    "filtered": Shot("4 of 6", "slash", *"198 p95<800ms", "enter"),
    "wrong-filter": Shot("takes a time", "slash", *"p95>8q"),
    "hidden": Shot("hides all", "slash", *"zzz", "enter"),
    "empty": Shot("No handshake on eth0 yet", is_empty=True),
    "services": Shot("6 services", "a", "m", "o"),
    "help": Shot("keys: everywhere", "question_mark"),
    "export": Shot("as CSV", "E"),
    "no-colour": Shot("6 hosts", "j", options=replace(OPTIONS, theme="mono")),
    "ascii": Shot("6 hosts", "j", options=replace(OPTIONS, glyphs=ASCII)),
}


@pytest.mark.parametrize(
    ("size", "name"),
    [
        *((SMALL, name) for name in SHOTS),
        *((LARGE, name) for name in ("table", "details", "events", "interfaces", "probe", "services")),
        *((NARROW, name) for name in ("table", "details", "events", "interfaces", "filtered", "empty")),
    ],
    ids=lambda value: "x".join(map(str, value)) if isinstance(value, tuple) else value,
)
def test_screen_looks_as_it_did(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], name: str
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shot = SHOTS[name]

    async def arrange(pilot: Pilot[None]) -> None:
        await until(pilot, "198.18.0.20" if shot.handshakes else "No handshake on eth0 yet")
        pilot.app.query_one(Input).cursor_blink = False
        await press(pilot, *shot.keys)
        await until(pilot, shot.shows)

    app = TcplatApp(lambda: Still(*shot.handshakes, now_ns=lambda: NOW_NS), interfaces, shot.options)
    assert snap_compare(app, terminal_size=size, run_before=arrange)


async def until(pilot: Pilot[None], text: str) -> None:
    """Wait until it is on the screen."""
    deadline = time.monotonic() + PATIENCE_S
    while text not in text_of(pilot.app):
        assert time.monotonic() < deadline, text_of(pilot.app)
        await pilot.pause(0.01)
