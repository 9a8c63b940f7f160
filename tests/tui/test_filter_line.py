"""The filter on the screen: live, told where it is wrong, completed, remembered."""

from __future__ import annotations

from rich.segment import Segment
from textual.events import Key

from bpf.event import Direction
from tests.tui.played import MS, Played, handshake
from tests.tui.shown import BY_P95, THREE, Shown, shown
from tui.options import ScreenOptions


def reversed_text(screen: Shown) -> str:
    """What is marked in the line of the filter, the cursor aside."""
    lines = screen.app.screen._compositor.render_strips()
    line = next(each for each in lines if each.text.startswith("/"))
    marked = [each for each in line if isinstance(each, Segment) and each.style and each.style.reverse]
    return "".join(each.text for each in marked).strip()


async def test_the_language_narrows_live_and_says_how_many() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("slash", *"p95>15ms")
        assert screen.hosts == BY_P95[:2]
        assert "2 of 3" in screen.text.splitlines()[21]
        await screen.press(*" !ip:198.18.0.2")
        assert screen.hosts == ["198.18.0.1"]


async def test_keys_that_come_all_at_once_go_where_they_should() -> None:
    """As over a slow line, which hands on in one piece what was typed in a second."""
    async with shown(Played(*THREE)) as screen:
        await screen.until(lambda: screen.hosts == BY_P95)
        for key in ("slash", *"p95", "greater_than_sign", *"15ms", "enter", "S"):
            screen.app.post_message(Key(key, ">" if key == "greater_than_sign" else key[0]))
        await screen.until(lambda: screen.hosts == BY_P95[1::-1])
        assert screen.text.splitlines()[21].startswith("/p95>15ms ")
        await screen.press("slash", "backspace", "up")
        assert screen.text.splitlines()[21].startswith("/p95>15ms ")


async def test_what_is_wrong_is_marked_and_told_and_the_last_good_one_stays() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("slash", *"p95>15ms")
        await screen.press("q")
        assert screen.hosts == BY_P95[:2]
        assert "2 of 3 hosts" in screen.title
        assert "15msq" in reversed_text(screen)
        assert "p95 takes a time like 80ms, not '15msq'" in screen.text
        await screen.press("backspace")
        assert "takes a" not in screen.text
        assert reversed_text(screen) == ""


async def test_tab_completes_keys_and_values() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("slash", *"pro", "tab")
        assert screen.text.splitlines()[21].startswith("/proc:")
        await screen.press("tab")
        assert screen.text.splitlines()[21].startswith("/proc:curl")
        assert screen.hosts == BY_P95
        await screen.press(*" zzz", "tab")
        assert "zzz" in screen.text.splitlines()[21]


async def test_up_and_down_recall_what_was_kept() -> None:
    async with shown(Played(*THREE)) as screen:
        for typed in ("0.1", "7.3"):
            await screen.press("slash", *typed, "enter", "escape")
        await screen.press("slash", "up")
        assert screen.hosts == ["198.18.7.3"]
        await screen.press("up", "up")
        assert screen.hosts == ["198.18.0.1"]
        await screen.press("down")
        assert screen.hosts == ["198.18.7.3"]
        await screen.press("down", "down")
        assert screen.hosts == BY_P95


async def test_up_goes_past_the_filter_that_is_in_use() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("slash", *"0.1", "enter", "escape", "slash", *"7.3", "enter")
        await screen.press("slash", "up")
        assert screen.hosts == ["198.18.0.1"]


async def test_filter_of_the_command_line_is_there_at_the_start() -> None:
    async with shown(Played(*THREE), options=ScreenOptions(filter="p95>15ms")) as screen:
        assert screen.hosts == BY_P95[:2]
        assert "p95>15ms" in screen.text
        assert "2 of 3" in screen.text
        await screen.press("j", "escape")
        assert screen.hosts == BY_P95


async def test_keys_of_the_views_work_beside_a_filter() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("slash", *"198.18.0", "enter", "S", "j")
        assert (screen.selected, screen.hosts) == ("198.18.0.1", BY_P95[1::-1])


async def test_events_are_filtered_by_the_same_language() -> None:
    inbound = handshake("198.18.9.9", 30 * MS, direction=Direction.INBOUND)
    async with shown(Played(*THREE, inbound), (120, 24)) as screen:
        await screen.press("3", "slash", *"dir:in or last>80ms", "enter")
        assert "198.18.9.9" in screen.text and "198.18.0.2" in screen.text
        assert "198.18.0.1" not in screen.text
        assert "2 of 4 handshakes" in screen.text
        await screen.press("slash", "ctrl+u", *"zzz", "enter")
        assert "The filter hides all of the last handshakes." in screen.text
        await screen.press("escape")
        assert "198.18.0.1" in screen.text
