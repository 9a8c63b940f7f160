"""The line of keys: what a click does, and what the wheel shows where there is too little room."""

from __future__ import annotations

from tests.tui.played import Played
from tests.tui.shown import THREE, Shown, shown
from tui.widgets.key_line import KeyLine


def keys(screen: Shown) -> str:
    """The line at the bottom."""
    return screen.text.splitlines()[-1]


async def click(screen: Shown, what: str) -> None:
    await screen.pilot.click(KeyLine, offset=(keys(screen).index(what), 0))
    await screen.pilot.pause()


async def test_a_click_on_a_key_is_that_key() -> None:
    async with shown(Played(*THREE), size=(120, 24)) as screen:
        before = screen.header
        await click(screen, "s Sort")
        await screen.until(lambda: screen.header != before)
        await click(screen, "Filter")
        await screen.until(lambda: "p95>80ms, port:443" in screen.text)


async def test_a_click_beside_the_keys_does_nothing() -> None:
    async with shown(Played(*THREE), size=(200, 24)) as screen:
        before = screen.text
        await screen.pilot.click(KeyLine, offset=(199, 0))
        await screen.pilot.pause()
        assert keys(screen) in before


async def test_keys_are_those_of_the_view() -> None:
    async with shown(Played(*THREE), size=(120, 24)) as screen:
        assert "s Sort" in keys(screen)
        await screen.press("4")
        await screen.until(lambda: "Watch it" in keys(screen))
        assert "s Sort" not in keys(screen)


async def test_the_wheel_shows_what_there_is_no_room_for() -> None:
    async with shown(Played(*THREE), size=(30, 12)) as screen:
        first = keys(screen)
        assert "Live" not in first
        line = screen.app.query_one(KeyLine)
        for _ in range(40):
            line.on_mouse_scroll_down()
        await screen.until(lambda: keys(screen).endswith("Live"))
        for _ in range(40):
            line.on_mouse_scroll_up()
        await screen.until(lambda: keys(screen) == first)
