"""The five views: how to get to each, and what each is for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from textual import events

from bpf.event import Direction, Outcome
from bpf.interfaces import Interface
from tests.tui.played import MS, PATIENCE_S, Played, handshake
from tests.tui.shown import BY_P95, THREE, Shown, shown
from tui.widgets.event_table import EventTable
from tui.widgets.interface_table import InterfaceTable
from tui.widgets.row_table import RowTable

MARKS = {
    "table": "per s",
    "details": "latency over time",
    "events": "following",
    "interfaces": "all that are up",
    "probe": "seen on both sides of the hook",
}
"""What only one view says."""


def view(screen: Shown) -> str:
    (found,) = [name for name, mark in MARKS.items() if mark in screen.text]
    return found


async def test_digits_and_tab_go_through_all_views() -> None:
    async with shown(Played(*THREE)) as screen:
        for number, name in enumerate(MARKS, 1):
            await screen.press(str(number))
            await screen.until(lambda name=name: MARKS[name] in screen.text)  # type: ignore[misc]
            assert view(screen) == name
        for key, names in (
            ("tab", ("table", "details", "events")),
            ("shift+tab", ("details", "table", "probe")),
        ):
            for name in names:
                await screen.press(key)
                await screen.until(lambda name=name: MARKS[name] in screen.text)  # type: ignore[misc]
                assert view(screen) == name
        await screen.press("escape")
        await screen.until(lambda: MARKS["table"] in screen.text)
        assert view(screen) == "table"


async def test_every_view_leaves_to_the_table_by_escape_and_the_filter_goes_first() -> None:
    async with shown(Played(*THREE)) as screen:
        for key in "25":
            await screen.press("slash", "8", "enter", key, "escape")
            assert view(screen) != "table"
            await screen.press("escape")
            await screen.until(lambda: MARKS["table"] in screen.text)
            assert view(screen) == "table"
            assert screen.hosts == BY_P95


@pytest.mark.parametrize("keys", ["j j enter", "j j 2", "click"])
async def test_details_are_those_of_the_selected_row(keys: str) -> None:
    async with shown(Played(*THREE)) as screen:
        if keys == "click":
            await screen.pilot.click(RowTable, offset=(5, 2), times=2)
        else:
            await screen.press(*keys.split())
        await screen.until(lambda: "host 198.18.0.1" in screen.text)
        await screen.press("escape")
        assert screen.selected == "198.18.0.1"


async def test_details_follow_their_row_and_say_when_it_is_gone() -> None:
    async with shown(Played(*THREE), (120, 40)) as screen:
        await screen.press("enter")
        assert "host 198.18.0.2" in screen.text
        for heading in (
            "distribution",
            "heatmap",
            "by port",
            "by process",
            "by direction",
            "last handshakes",
        ):
            assert heading in screen.text
        screen.source.play(handshake("198.18.0.2", 0, outcome=Outcome.REFUSED))
        await screen.until(lambda: "✗ failed 1" in screen.text)
        await screen.press("ctrl+r")
        assert "This row is gone" in screen.text
        screen.source.play(handshake("198.18.0.2", 30 * MS))
        await screen.until(lambda: "This row is gone" not in screen.text)


async def test_details_of_nothing_say_why() -> None:
    async with shown(Played()) as screen:
        await screen.press("2")
        assert "No handshake on eth0 yet." in screen.text
        screen.source.play(handshake("198.18.0.2", 30 * MS))
        await screen.until(lambda: "host 198.18.0.2" in screen.text)


async def test_events_follow_until_someone_looks() -> None:
    many = [handshake(f"198.18.1.{number}") for number in range(50)]
    async with shown(Played(*many, *THREE), (120, 24)) as screen:
        await screen.press("3")
        table = screen.app.query_one(EventTable)
        assert "198.18.7.3:443" in table.render_line(1).text
        screen.source.play(handshake("198.18.9.1"))
        await screen.until(lambda: "198.18.9.1" in table.render_line(1).text)
        await screen.press("j", "j")
        assert table.selected is not None
        screen.source.play(handshake("198.18.9.2"))
        await screen.until(lambda: "1 new" in screen.text)
        assert "198.18.9.1" in table.render_line(1).text
        await screen.press("g")
        assert "198.18.9.2" in table.render_line(1).text
        await screen.press("space")
        await screen.play(lambda: screen.source.play(handshake("198.18.9.3")))
        await screen.play()
        assert "198.18.9.2" in table.render_line(1).text


async def test_events_of_nothing_say_why() -> None:
    async with shown(Played()) as screen:
        await screen.press("3")
        assert "No handshake on eth0 yet." in screen.text


async def test_interfaces_are_told_with_what_matters() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("i")
        await screen.until(lambda: "* eth0" in screen.text)
        eth0 = next(line for line in screen.text.splitlines() if "* eth0" in line)
        assert " up " in eth0 and "192.0.2.1/24" in eth0
        assert "cannot be read" in screen.text
        assert "address" in screen.text and "trend" in screen.text


async def test_enter_watches_another_interface_from_nothing() -> None:
    source = Played(*THREE)
    async with shown(source) as screen:
        await screen.press("4")
        await screen.until(lambda: "* eth0" in screen.text)
        await screen.press("j", "enter")
        await screen.until(lambda: "wlan0 tcx" in screen.title)
        assert (source.selection, screen.hosts) == (("wlan0",), [])
        await screen.until(lambda: "wlan0 is down." in screen.text)
        source.play(handshake("198.18.0.9"))
        await screen.until(lambda: screen.hosts == ["198.18.0.9"])


async def test_keys_wait_until_interfaces_are_known() -> None:
    source = Played(*THREE)
    async with shown(source) as screen:
        may_list = threading.Event()
        listed = screen.app.list_interfaces

        def list_slowly() -> Sequence[Interface]:
            may_list.wait(PATIENCE_S)
            return listed()

        screen.app.list_interfaces = list_slowly
        try:
            await screen.press("i", "j", "enter")
            assert "packets/s" in screen.text and "all that are up" not in screen.text
        finally:
            may_list.set()
        await screen.until(lambda: "wlan0 tcx" in screen.title)
        assert source.selection == ("wlan0",)


async def test_any_can_be_watched() -> None:
    source = Played()
    async with shown(source) as screen:
        await screen.press("i")
        await screen.until(lambda: "all that are up" in screen.text)
        await screen.press("home", "enter")
        await screen.until(lambda: source.selection == ("any",))
        await screen.until(lambda: "No handshake on any interface yet" in screen.text)


async def test_interfaces_by_mouse() -> None:
    source = Played()
    async with shown(source) as screen:
        await screen.press("i")
        await screen.until(lambda: "* eth0" in screen.text)
        await screen.pilot.click(InterfaceTable, offset=(5, 2), times=2)
        await screen.until(lambda: source.selection == ("lo",))


async def test_interface_that_cannot_be_read_is_not_chosen() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("i")
        await screen.until(lambda: "* eth0" in screen.text)
        await screen.press("j", "j", "enter")
        await screen.until(lambda: "ib0 is a kind of device that tcplat cannot read" in screen.prose)
        assert view(screen) == "interfaces"


async def test_interface_that_cannot_be_watched_leaves_the_old_one() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("i")
        await screen.until(lambda: "* eth0" in screen.text)
        await screen.press("end", "enter")
        await screen.until(lambda: "no interface 'nosuch'; choose one of: eth0" in screen.prose)
        assert "eth0 tcx" in screen.title
        await screen.until(lambda: screen.hosts == BY_P95)


async def test_b_goes_through_the_interfaces_that_can_be_watched() -> None:
    source = Played()
    async with shown(source) as screen:
        await screen.press("B")
        await screen.until(lambda: source.selection == ("lo",))
        await screen.until(lambda: "lo tcx" in screen.title)
        await screen.press("b")
        await screen.until(lambda: "eth0 tcx" in screen.title)


async def test_wheel_moves_through_views() -> None:
    async with shown(Played(*(handshake(f"198.18.0.{n}") for n in range(100)))) as screen:
        for key in "3", "2", "4":
            await screen.press(key)
            before = screen.text
            down = events.MouseScrollDown(None, 5, 5, 0, 0, 0, False, False, False)
            screen.app.post_message(down)
            await screen.until(lambda before=before: screen.text != before)  # type: ignore[misc]


@pytest.mark.parametrize("size", [(40, 10), (1, 1)])
async def test_no_size_is_too_small_for_any_view(size: tuple[int, int]) -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.pilot.resize_terminal(*size)
        for key in "2345":
            await screen.press(key)
            assert len(screen.text.splitlines()) <= size[1]


async def test_direction_narrows_the_events_too() -> None:
    both = [handshake("198.18.0.1"), handshake("198.18.0.2", direction=Direction.INBOUND)]
    async with shown(Played(*both)) as screen:
        await screen.press("d", "3")
        await screen.until(lambda: "198.18.0.1" in screen.text)
        assert "198.18.0.2" not in screen.text
        await screen.press("1", "d", "3")
        await screen.until(lambda: "198.18.0.2" in screen.text)
        assert "198.18.0.1:" not in screen.text
