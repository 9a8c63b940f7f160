"""Help and palette: made from the keys, so that none is missing."""

from __future__ import annotations

from textual.binding import Binding

from tests.tui.played import Played
from tests.tui.shown import BY_P95, THREE, Shown, shown
from tui.app import TcplatApp
from tui.core.columns import COLUMNS
from tui.core.filter import KEYS
from tui.options import ScreenOptions
from tui.views import with_keys

ALL = [
    binding
    for owner in (TcplatApp, *with_keys())
    for binding in owner.BINDINGS  # type: ignore[attr-defined]
    if isinstance(binding, Binding)
]


async def run_by_name(screen: Shown, name: str, letters: int) -> None:
    """Choose a command in the palette, as a person would."""
    await screen.press("ctrl+p")
    await screen.until(lambda: len(screen.app.screen_stack) == 2)
    await screen.press(*name[:letters])
    await screen.until(lambda: name in screen.text)
    await screen.pilot.pause(0.3)
    await screen.press("enter")
    await screen.until(lambda: len(screen.app.screen_stack) == 1)


def test_every_key_can_be_set() -> None:
    ids = [each.id for each in ALL]
    assert all(ids)
    assert len(ids) == len(set(ids))


async def test_help_lists_every_key_column_and_word_of_the_filter() -> None:
    async with shown(Played(), size=(120, 220)) as screen:
        screen.app.stylesheet.add_source("#help { max-height: 220; max-width: 120; }")
        await screen.press("question_mark")
        await screen.until(lambda: "what is measured" in screen.text)
        text, prose = screen.text, screen.prose
        for binding in ALL:
            assert (binding.tooltip or binding.description) in text
            for one in binding.make_bindings([binding]):
                assert screen.app.get_key_display(one) in text
        assert all(column.help in prose for column in COLUMNS)
        assert all(key.help in prose for key in KEYS)
        await screen.press("question_mark")
        assert "what is measured" not in screen.text


async def test_help_has_the_keys_of_the_user() -> None:
    options = ScreenOptions(keymap={"table.sort": "f5", "app.pause": "p"})
    async with shown(Played(*THREE), (100, 40), options) as screen:
        assert "f5 Sort" in screen.text
        await screen.press("f5", "p")
        assert "p99▼" in screen.header
        assert "PAUSED" in screen.title
        await screen.press("s", "space")
        assert "p99▼" in screen.header
        await screen.press("question_mark")
        await screen.until(lambda: "f5" in screen.text)


async def test_palette_has_every_command() -> None:
    async with shown(Played(*THREE)) as screen:
        titles = {each.title for each in screen.app.get_system_commands(screen.app.screen)}
        playback = {"Back", "Ahead", "Slower", "Faster"}
        for binding in TcplatApp.BINDINGS:
            assert isinstance(binding, Binding)
            assert ((binding.tooltip or binding.description) in titles) is (
                binding.description not in playback
            )
        for title in (
            "Table: Sort",
            "Table: Next row",
            "Events: Oldest",
            "Details: Bottom",
            "Interfaces: Watch it",
        ):
            assert title in titles


async def test_palette_runs_commands_of_the_app_and_of_views() -> None:
    async with shown(Played(*THREE)) as screen:
        await run_by_name(screen, "Pause", 3)
        await screen.until(lambda: "PAUSED" in screen.title)
        await run_by_name(screen, "Table: Last row", 11)
        await screen.until(lambda: screen.selected == BY_P95[-1])
        await run_by_name(screen, "Events: Oldest", 11)
        await screen.until(lambda: "g follows again" in screen.text)
        await run_by_name(screen, "Filter", 4)
        await screen.press("7")
        await screen.until(lambda: "1 of 3" in screen.text)
