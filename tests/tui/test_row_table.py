"""The table on the screen: order, filter, selection; and that its size does not matter."""

from __future__ import annotations

import time

import pytest
from textual import events

from bpf.event import Outcome
from tests.tui.played import MS, Played, handshake
from tests.tui.shown import BY_P95, THREE, Shown, shown
from tui.core.row import Row
from tui.core.rows import Rows
from tui.widgets.row_table import RowTable

MANY = [handshake(f"198.18.{number // 250}.{number % 250}", (number + 1) * MS) for number in range(100)]
"""The higher the address, the slower."""


def address(number: int) -> str:
    return f"198.18.0.{number}"


async def test_slowest_p95_is_on_top() -> None:
    async with shown(Played(*THREE)) as screen:
        assert screen.hosts == BY_P95
        assert "p95▼" in screen.header


async def test_host_without_a_figure_comes_last() -> None:
    refused = handshake("198.18.0.0", 0, outcome=Outcome.REFUSED)
    async with shown(Played(refused, *THREE)) as screen:
        assert screen.hosts == [*BY_P95, "198.18.0.0"]


async def test_s_takes_the_next_column_and_shift_s_reverses() -> None:
    async with shown(Played(*THREE)) as screen:
        for title in ("p99▼", "max▼", "host▲"):
            await screen.press("s")
            assert title in screen.header
        assert screen.hosts == sorted(BY_P95)
        await screen.press("S")
        assert "host▼" in screen.header
        assert screen.hosts == sorted(BY_P95, reverse=True)


async def test_header_click_sorts_and_a_second_one_reverses() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.pilot.click(RowTable, offset=(2, 0))
        assert "host▲" in screen.header
        await screen.pilot.click(RowTable, offset=(2, 0))
        assert "host▼" in screen.header
        trend = screen.header.index("trend")
        await screen.pilot.click(RowTable, offset=(trend, 0))
        assert "host▼" in screen.header


async def test_filter_narrows_with_every_key_typed() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("slash", "0", ".", "2")
        assert screen.hosts == ["198.18.0.2"]
        assert "1 of 3 hosts" in screen.title
        await screen.press("backspace", "backspace", "backspace")
        assert screen.hosts == BY_P95


async def test_letters_that_come_at_once_with_slash_are_of_the_filter() -> None:
    async with shown(Played(*THREE)) as screen:
        # As after a hiccup of the SSH connection. Left to the table, the q would quit.
        for key, letter in (("slash", "/"), ("7", "7"), ("q", "q")):
            screen.app.post_message(events.Key(key, letter))
        await screen.until(lambda: "The filter '7q' hides all 3 rows." in screen.text)
        await screen.press("slash")
        await screen.until(lambda: "/7q/" in screen.text)


async def test_enter_keeps_the_filter_and_escape_clears_it() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("slash", "7", ".", "enter", "s")
        assert "p99▼" in screen.header
        assert screen.hosts == ["198.18.7.3"]
        screen.source.play(handshake("198.18.7.9"), handshake("198.18.0.9"))
        await screen.until(lambda: "2 of 5 hosts" in screen.title)
        await screen.press("escape")
        assert len(screen.hosts) == 5
        assert "5 hosts" in screen.title


async def test_filter_that_hides_all_says_so() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("slash", "x", "enter")
        assert screen.hosts == []
        assert "The filter 'x' hides all 3 rows." in screen.text
        await screen.press("escape")
        assert screen.hosts == BY_P95


async def test_filter_left_empty_goes_away() -> None:
    async with shown(Played(*THREE)) as screen:
        height = screen.table.size.height
        await screen.press("slash")
        assert screen.table.size.height == height - 1
        await screen.press("enter")
        await screen.pilot.pause()
        assert screen.table.size.height == height


MOVES = [
    ("j", 99),
    ("j j j", 97),
    ("down down up", 99),
    ("j k k", 99),
    ("G", 0),
    ("G k", 1),
    ("end home", 99),
    ("G g", 99),
    ("pagedown", 79),
    ("j pagedown pagedown pageup", 79),
    ("G pagedown", 0),
    ("pageup", 99),
]


async def test_keys_move_the_selection() -> None:
    async with shown(Played(*MANY)) as screen:
        assert screen.table.size.height == 21  # so a page is 20 rows
        for keys, selected in MOVES:
            await screen.press("escape", *keys.split())
            assert screen.selected == address(selected), keys
            assert screen.selected in screen.hosts


async def test_selection_follows_its_host() -> None:
    async with shown(Played(*MANY)) as screen:
        await screen.press("j", "j")
        assert screen.selected == screen.hosts[1] == address(98)
        screen.source.play(*(handshake(address(number), 900 * MS) for number in range(10)))
        await screen.until(lambda: address(9) in screen.hosts)
        assert screen.selected == screen.hosts[11] == address(98)
        await screen.press("S")
        assert screen.selected == address(98)
        assert screen.selected in screen.hosts


async def test_selection_goes_with_a_host_that_the_filter_hides() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("j")
        assert screen.selected == "198.18.0.2"
        await screen.press("slash", "7", "enter")
        assert screen.selected is None


async def test_escape_takes_the_selection_away() -> None:
    async with shown(Played(*MANY)) as screen:
        await screen.press("G", "escape")
        assert screen.selected is None
        assert screen.hosts[0] == address(99)


async def test_click_selects() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.pilot.click(RowTable, offset=(5, 3))
        assert screen.selected == BY_P95[2]
        await screen.pilot.click(RowTable, offset=(5, 9))
        assert screen.selected == BY_P95[2]


def wheel(screen: Shown, kind: type[events.MouseEvent]) -> None:
    """Turn it over the table, as the driver tells the app."""
    screen.app.post_message(kind(None, 5, 5, 0, 0, 0, False, False, False))


async def test_wheel_scrolls_and_stops_at_both_ends() -> None:
    async with shown(Played(*MANY)) as screen:
        wheel(screen, events.MouseScrollDown)
        await screen.until(lambda: screen.hosts[0] == address(96))
        for _ in range(40):
            wheel(screen, events.MouseScrollDown)
        await screen.until(lambda: screen.hosts[-1] == address(0))
        await screen.pilot.pause()
        assert len(screen.hosts) == 20
        for _ in range(40):
            wheel(screen, events.MouseScrollUp)
        await screen.until(lambda: screen.hosts[0] == address(99))


async def test_100_000_hosts_cost_a_redraw_no_more_than_the_rows_in_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    rows = Rows.rows

    def counted(rows_: Rows, start: int, stop: int) -> list[Row]:
        asked.append(stop - start)
        return rows(rows_, start, stop)

    remotes = (
        f"198.{18 + number // 62_500}.{number // 250 % 250}.{number % 250}" for number in range(100_000)
    )
    source = Played()
    async with shown(source) as screen:
        source.play(*(handshake(remote, (number + 1) * 1000) for number, remote in enumerate(remotes)))
        await screen.until(lambda: "100k hosts" in screen.title)
        monkeypatch.setattr(Rows, "rows", counted)
        began = time.thread_time()
        for _ in range(10):
            screen.table.draw()
        took_s = (time.thread_time() - began) / 10
        await screen.press("j", "G", "k", "pageup")
    assert max(asked) <= 22
    assert took_s < 0.05  # 2 ms; were all rows formatted, several seconds
