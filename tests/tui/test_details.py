"""The details of a row: charts, tables and the last handshakes on one page that scrolls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bpf.event import Outcome
from tests.core.latencies import two_modes
from tests.tui.played import MS, handshake
from tests.tui.test_event_table import Told
from tests.tui.viewed import Viewed, viewed
from tui.core.charts import Slice, merged
from tui.core.detail import Detail, Figures, Split
from tui.core.fields import Writing
from tui.core.format import ASCII, UNICODE, Glyphs
from tui.widgets.details import GONE, Details

S = 10**9
NOW_NS = 10**15
SLICES = [Slice(NOW_NS - age * S, 5, two_modes(50), int(age == 20)) for age in range(300, 0, -5)]
DETAIL = Detail(
    title="198.18.0.7  www.example.org",
    now_ns=NOW_NS,
    slices=SLICES,
    counts=merged(each.latencies for each in SLICES),
    durations=[
        Figures("latency (RTT)", 3000, 12 * MS, 80 * MS),
        Figures("connect", 3001, 13 * MS, 1080 * MS),
    ],
    splits=[
        Split("direction", [Figures("out", 2990, 12 * MS, 80 * MS, 1)]),
        Split("port", [Figures(f"{port} http", 30, 11 * MS, 70 * MS) for port in range(8000, 8020)]),
        Split("process", [Figures("[red]curl[/red]\x1b", 9, 11 * MS, None)]),
    ],
    last=[
        handshake("198.18.0.7", 0, outcome=Outcome.REFUSED, time_ns=NOW_NS),
        *(handshake("198.18.0.7", each * MS, time_ns=NOW_NS - each * S) for each in range(1, 50)),
    ],
)


@asynccontextmanager
async def detailed(
    size: tuple[int, int] = (80, 24), detail: Detail | None = DETAIL, glyphs: Glyphs = UNICODE
) -> AsyncIterator[tuple[Viewed, Details]]:
    details = Details(Writing(Told(), 0, glyphs))
    async with viewed(details, size) as screen:
        await screen.does(lambda: details.draw(detail))
        yield screen, details


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (250, 70)])
async def test_all_of_it_can_be_reached(size: tuple[int, int]) -> None:
    async with detailed(size) as (screen, _):
        assert "198.18.0.7  www.example.org" in screen.lines[0]
        for heading in ("latency over time", "distribution", "p50", "-5m", "now"):
            assert heading in screen.text
        seen = screen.text
        for _ in range(20):
            await screen.press("pagedown")
            seen += screen.text
        for heading in (
            "heatmap",
            "times",
            "by direction",
            "by port",
            "and 8 more",
            "by process",
            "last handshakes",
        ):
            assert heading in seen
        for text in ("connect", "1.08s", "✗1", "[red]curl[/red]?", "refused", "49.0ms"):
            assert text in seen


async def test_wide_screens_have_all_charts_in_sight() -> None:
    async with detailed((120, 40)) as (screen, _):
        assert "✗ failed 1 " in screen.lines[1]
        for heading in ("latency over time", "distribution", "heatmap", "by process"):
            assert heading in screen.text


async def test_keys_scroll_and_stop_at_both_ends() -> None:
    async with detailed() as (screen, _):
        first = screen.lines
        await screen.press("j", "down", "k")
        assert screen.lines[1:-3] == first[2:-2]
        assert "1 lines above" in screen.lines[-1]
        await screen.press("G", "j", "pagedown")
        assert "0 below" in screen.lines[-1]
        await screen.press("home", "k", "pageup")
        assert screen.lines == first


ACTIONS = {
    "G": "scroll_to_end(True)",
    "g": "scroll_to_end(False)",
    "j": "scroll_lines(1)",
    "k": "scroll_lines(-1)",
    "pagedown": "scroll_pages(1)",
    "pageup": "scroll_pages(-1)",
}


class Eager(Details):
    """Keys come as soon as it is there, before it has a size."""

    def __init__(self, typed: Sequence[str]) -> None:
        super().__init__(Writing(Told(), 0, UNICODE))
        self._typed = typed

    async def on_mount(self) -> None:
        assert not self.size
        self.draw(DETAIL)
        for key in self._typed:
            await self.run_action(ACTIONS[key])


@pytest.mark.parametrize(
    "keys", [["G"], ["G", "k"], ["G", "g", "j"], ["pagedown", "j"], ["k", "j"], ["G", "pageup"]]
)
async def test_keys_that_come_before_the_first_layout_scroll_as_if_after_it(keys: list[str]) -> None:
    async with detailed() as (screen, _):
        await screen.press(*keys)
        later = screen.lines
    async with viewed(Eager(keys)) as screen:
        assert screen.lines == later


async def test_redraws_when_told_and_says_when_the_row_is_gone() -> None:
    async with detailed() as (screen, details):
        await screen.does(lambda: details.draw(replace(DETAIL, title="later")))
        assert screen.lines[0].strip() == "later"
        await screen.does(lambda: details.draw(None))
        assert screen.lines[0].strip() == "later"
        assert GONE in screen.lines[-1]


async def test_without_a_row_it_says_why() -> None:
    async with detailed(detail=None) as (screen, details):
        await screen.does(lambda: details.draw(None, "No handshake yet."))
        assert "No handshake yet." in screen.text
        assert GONE not in screen.text
        await screen.does(lambda: details.draw(DETAIL))
        assert "No handshake yet." not in screen.text


@pytest.mark.parametrize("size", [(20, 6), (2, 2), (80, 3), (110, 10)])
async def test_any_size_and_nothing_known(size: tuple[int, int]) -> None:
    for detail in (DETAIL, Detail("new", NOW_NS, [], {}), None):
        async with detailed(size, detail) as (screen, _):
            await screen.press("G", "pageup", "j")


async def test_ascii_where_the_terminal_cannot_do_more() -> None:
    async with detailed((200, 100), glyphs=ASCII) as (screen, _):
        assert screen.text.isascii()


async def test_a_redraw_repaints_only_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with detailed() as (_, details):
        painted: list[object] = []
        monkeypatch.setattr(details, "refresh", lambda *regions: painted.extend(regions))
        details.draw(DETAIL)
        assert not painted
        details.draw(replace(DETAIL, title="later"))
        assert len(painted) == 1
