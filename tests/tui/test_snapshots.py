"""What the screen looks like, to the byte. When it is meant to look otherwise: make test ARGS=--snapshot-update"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from bpf.event import Outcome
from tests.tui.played import MS, PATIENCE_S, Played, handshake
from tests.tui.shown import INTERFACES, text_of
from tui.app import TcplatApp

NOW_NS = 10**15
HANDSHAKES = [
    handshake(remote, int(latency_ms * (9 + turn % 3) * MS) // 10, time_ns=NOW_NS - turn * 4_000 * MS)
    for remote, latency_ms in (
        ("198.18.0.1", 12),
        ("198.18.0.20", 0.2),
        ("2001:db8:1::3", 90),
        ("198.18.3.4", 700),
    )
    for turn in range(20, 0, -1)
] + [handshake("198.18.9.9", 0, outcome=Outcome.REFUSED, time_ns=NOW_NS)]


@pytest.mark.parametrize(
    ("size", "keys", "shows"),
    [((80, 24), ["slash", "1", "8", "enter", "j", "space"], "4 of 5 hosts"), ((120, 40), ["S"], "5 hosts")],
    ids=["80x24-filtered-paused", "120x40-reversed"],
)
def test_screen_looks_as_it_did(
    snap_compare: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    keys: list[str],
    shows: str,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    async def arrange(pilot: Pilot[None]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while "198.18.0.20" not in text_of(pilot.app):
            assert time.monotonic() < deadline
            await pilot.pause(0.01)
        await pilot.press(*keys)
        assert shows in text_of(pilot.app)

    app = TcplatApp(lambda: Played(*HANDSHAKES, now_ns=lambda: NOW_NS), lambda: INTERFACES)
    assert snap_compare(app, terminal_size=size, run_before=arrange)
