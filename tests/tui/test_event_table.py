"""The table of events: follows at the top, stands still elsewhere, tells every field."""

from __future__ import annotations

import re

import pytest
from textual import events as textual_events
from textual.geometry import Region

from bpf.event import Handshake, Outcome
from tests.tui.played import CGROUP, MS, UNIT, handshake
from tests.tui.viewed import Viewed, viewed
from tui.core.events import Events
from tui.core.fields import Writing
from tui.core.format import ASCII, UNICODE
from tui.widgets.event_table import EventTable


class Told:
    def name_of(self, ifindex: int) -> str:
        return f"eth{ifindex}"

    def unit_of(self, cgroup: int) -> str:
        return UNIT if cgroup == CGROUP else ""


def numbered(first: int, count: int) -> list[Handshake]:
    """The n-th one's remote address ends with n."""
    return [
        handshake(f"198.18.{number // 250}.{number % 250}", time_ns=number * MS)
        for number in range(first, first + count)
    ]


class Shown:
    """A table of events, and how to feed it."""

    def __init__(self, count: int = 0, limit: int = 10_000, glyphs: object = UNICODE) -> None:
        self.events = Events(limit)
        self.table = EventTable(self.events, Writing(Told(), 0, ASCII if glyphs is ASCII else UNICODE))
        self.came = 0
        self.take(count)

    def take(self, count: int) -> None:
        self.events.ingest(numbered(self.came, count))
        self.events.refresh()
        self.came += count

    def come(self, count: int) -> None:
        self.take(count)
        self.table.draw()

    @property
    def numbers(self) -> list[int]:
        """The rows in sight."""
        lines = [self.table.render_line(y).text for y in range(1, self.table.size.height - 1)]
        found = [re.search(r"198\.18\.(\d+)\.(\d+):", line) for line in lines]
        return [int(each[1]) * 250 + int(each[2]) for each in found if each]

    def selected(self) -> int | None:
        return self.table.selected.time_ns // MS if self.table.selected else None


async def test_newest_is_on_top_and_it_follows() -> None:
    shown = Shown(100)
    async with viewed(shown.table) as screen:
        assert shown.numbers == list(range(99, 77, -1))
        await screen.does(lambda: shown.come(5))
        assert shown.numbers[0] == 104
        assert "following  105 handshakes" in screen.lines[-1]


async def test_selection_stands_still_and_new_ones_are_counted() -> None:
    shown = Shown(100)
    async with viewed(shown.table) as screen:
        await screen.press("j", "j", "j")
        assert shown.selected() == 97
        before = shown.numbers
        await screen.does(lambda: shown.come(1234))
        assert shown.numbers == before
        assert shown.selected() == 97
        assert "▲ 1,234 new" in screen.lines[-1]
        await screen.press("g")
        assert shown.selected() is None
        assert shown.numbers[0] == 1333
        assert "following" in screen.lines[-1]


async def test_few_rows_all_stay_in_sight() -> None:
    shown = Shown(3)
    async with viewed(shown.table) as screen:
        await screen.press("j")
        await screen.does(lambda: shown.come(2))
        assert shown.numbers == [4, 3, 2, 1, 0]
        assert shown.selected() == 2
        assert "▲ 0 new" in screen.lines[-1]


@pytest.mark.parametrize(
    ("keys", "selected"),
    [
        ("j", 99),
        ("j j j k", 98),
        ("j k k", 99),
        ("G", 0),
        ("end k", 1),
        ("j pagedown", 78),
        ("j pagedown pagedown pageup", 78),
        ("G pagedown", 0),
        ("G home", None),
    ],
)
async def test_keys_move_the_selection(keys: str, selected: int | None) -> None:
    shown = Shown(100)
    async with viewed(shown.table) as screen:
        await screen.press(*keys.split())
        assert shown.selected() == selected
        assert selected is None or selected in shown.numbers


class Eager(EventTable):
    """Keys come as soon as it is there, before it has a size."""

    def on_mount(self) -> None:
        assert not self.size
        self.action_move(1)
        self.action_move(1)


async def test_keys_that_come_before_the_first_layout_move_the_selection_and_nothing_else() -> None:
    shown = Shown()
    shown.table = Eager(shown.events, Writing(Told(), 0, UNICODE))
    shown.take(100)
    async with viewed(shown.table) as screen:
        assert shown.selected() == 98
        assert shown.numbers[0] == 99
        assert "▲ 0 new" in screen.lines[-1]


def wheel(screen: Viewed, kind: type[textual_events.MouseEvent]) -> None:
    screen.app.post_message(kind(None, 5, 5, 0, 0, 0, False, False, False))


async def test_wheel_stands_still_and_back_at_the_top_it_follows() -> None:
    shown = Shown(100)
    async with viewed(shown.table) as screen:
        await screen.does(lambda: wheel(screen, textual_events.MouseScrollDown))
        assert shown.numbers[0] == 96
        await screen.does(lambda: shown.come(2))
        assert shown.numbers[0] == 96
        assert "▲ 2 new" in screen.lines[-1]
        await screen.does(lambda: wheel(screen, textual_events.MouseScrollUp))
        assert "▲" in screen.lines[-1]
        await screen.does(lambda: wheel(screen, textual_events.MouseScrollUp))
        assert "following" in screen.lines[-1]
        assert shown.numbers[0] == 101


async def test_what_is_no_longer_kept_goes_with_its_selection() -> None:
    shown = Shown(30, limit=30)
    async with viewed(shown.table) as screen:
        await screen.press("G")
        assert shown.selected() == 0
        await screen.does(lambda: shown.come(20))
        assert shown.selected() is None
        assert shown.numbers == list(range(41, 19, -1))
        assert "▲ 20 new  g follows again  the last 30 handshakes" in screen.lines[-1]


async def test_filter_keeps_the_place_and_says_how_many() -> None:
    shown = Shown(100)
    async with viewed(shown.table) as screen:
        await screen.press("G", "k")
        shown.events.narrow(lambda each: each.time_ns // MS % 2 == 1)
        await screen.does(shown.table.draw)
        assert shown.selected() == 1
        assert "50 of 100 handshakes" in screen.lines[-1]
        shown.events.narrow(lambda each: False)
        await screen.does(lambda: shown.table.draw("The filter hides all."))
        assert "The filter hides all." in screen.text
        assert shown.selected() is None


async def test_click_selects() -> None:
    shown = Shown(100)
    async with viewed(shown.table) as screen:
        await screen.pilot.click(EventTable, offset=(5, 3))
        assert shown.selected() == 97
        await screen.pilot.click(EventTable, offset=(5, 0))
        assert shown.selected() == 97


@pytest.mark.parametrize("width", [40, 80, 120, 200])
async def test_every_field_of_the_selected_one_is_told(width: int) -> None:
    shown = Shown()
    refused = handshake("2001:db8:1::3", 0, outcome=Outcome.REFUSED, time_ns=5 * MS, retransmits=2)
    shown.events.ingest([refused._replace(connect_ns=3 * MS, repeated=1)])
    shown.events.refresh()
    async with viewed(shown.table, (width, 24)) as screen:
        await screen.press("j")
        told = " ".join(screen.text.split())
        for text in ("00:00:00.005", "→ out", "refused", "[2001:db8:1::3]:443", "3.00ms", "curl[812]", UNIT):
            assert text in told
        for text in ("[2001:db8::1]:38450", "eth2", "again"):
            assert text in told


async def test_ascii_where_the_terminal_cannot_do_more() -> None:
    shown = Shown(100, glyphs=ASCII)
    async with viewed(shown.table) as screen:
        await screen.press("j")
        assert screen.text.isascii()


@pytest.mark.parametrize("size", [(1, 1), (10, 2), (30, 3), (80, 4)])
async def test_tiny_screens_do_no_harm(size: tuple[int, int]) -> None:
    shown = Shown(100)
    async with viewed(shown.table, size) as screen:
        await screen.press("j", "j", "G", "pageup", "g")
        await screen.does(lambda: shown.come(5))


async def test_a_redraw_repaints_only_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(100)
    async with viewed(shown.table) as screen:
        await screen.press("j")
        painted: list[Region] = []
        monkeypatch.setattr(shown.table, "refresh", lambda *regions: painted.extend(regions))
        shown.table.draw()
        assert not painted
        shown.take(3)
        shown.table.draw()
        assert [region.y for region in painted] == [23, 23]  # the two figures of the line that counts


async def test_wide_letters_leave_the_line_as_wide_as_it_was() -> None:
    shown = Shown()
    for process in ("日本語", "e\u0301", "[bold]x", "\u202ecurl"):
        shown.events.ingest([handshake(process=process.encode())])
    shown.events.refresh()
    async with viewed(shown.table, (120, 24)) as screen:
        await screen.press("j")
        assert {shown.table.render_line(y).cell_length for y in range(24)} == {120}
        for text in ("日本語[812]", "e\u0301[812]", "[bold]x[812]", "?curl[812]"):
            assert text in screen.text
