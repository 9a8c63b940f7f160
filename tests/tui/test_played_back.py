"""The screen over a recording: its clock, its keys; and over the probe, what is kept of the last minutes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bpf.interfaces import Interface, Layer
from bpf.replay import Pace, Replay
from bpf.source import Account, Batch, Names
from bpf.tape import Piece
from tests.bpf.taped import Taped, at, broken, piece
from tests.tui.played import Played, handshake
from tests.tui.shown import REDRAW_INTERVAL_S, Shown, opening, shown
from tui.app import TcplatApp
from tui.options import ScreenOptions

HOUR = [at(second, f"198.18.0.{second // 600 + 1}") for second in range(3600)]


@asynccontextmanager
async def playing(
    *pieces: Piece | Exception, pace: Pace = Pace.RECORDED, trouble: str = ""
) -> AsyncIterator[Shown]:
    """The screen over a tape."""
    replay = Replay(lambda: Taped(pieces, trouble), "/var/log/it.jsonl", pace)
    interfaces = [Interface(name, index, Layer.IP, True) for index, name in enumerate(("eth0", "wg0"), 1)]
    screen = ScreenOptions(opening="reading it", redraw_interval_s=REDRAW_INTERVAL_S)
    app = TcplatApp(lambda: replay, lambda: interfaces, screen)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        yield Shown(app, pilot, Played())


def clock(screen: Shown) -> str:
    """The minutes and seconds of the recorded clock."""
    return screen.title.split("2026-11-22 12:")[1][:5]


async def test_title_has_the_file_and_the_recorded_clock() -> None:
    async with playing(piece(*HOUR)) as screen:
        await screen.until(lambda: screen.hosts)
        assert screen.title.startswith("tcplat  it.jsonl  2026-11-22 12:00:0")


async def test_recorded_clock_is_shown_as_it_was_though_it_was_set_back() -> None:
    async with playing(piece(at(0)), piece(at(-1800)), piece(at(-1799))) as screen:
        await screen.until(lambda: screen.title.startswith("END  it.jsonl  2026-11-22 11:30:01"))
        await screen.press("3")
        assert [line.split()[0] for line in screen.text.splitlines()[2:4]] == ["11:30:01.000", "11:30:00.000"]


async def test_brackets_seek_ahead_and_back() -> None:
    minutes = [piece(at(60 * n, f"198.18.0.{n + 1}"), until_s=60 * n + 59) for n in range(60)]
    async with playing(*minutes) as screen:
        await screen.until(lambda: screen.hosts)
        await screen.press("space")
        await screen.until(lambda: "PAUSED (Space resumes)" in screen.title)
        began = clock(screen)
        await screen.press(*["right_square_bracket"] * 10)
        await screen.until(lambda: clock(screen) == f"01:4{began[-1]}")
        assert screen.hosts == ["198.18.0.1", "198.18.0.2"]
        await screen.press(*["left_square_bracket"] * 5)
        await screen.until(lambda: clock(screen) == f"00:5{began[-1]}")
        await screen.until(lambda: screen.hosts == ["198.18.0.1"])
        assert "PAUSED" in screen.title


async def test_braces_change_the_speed() -> None:
    async with playing(piece(*HOUR)) as screen:
        await screen.until(lambda: screen.hosts)
        await screen.press("right_curly_bracket", "right_curly_bracket")
        await screen.until(lambda: "Z x4 " in screen.title)
        await screen.press(*["left_curly_bracket"] * 3)
        await screen.until(lambda: "Z x0.5 " in screen.title)


async def test_end_is_said_and_the_figures_stay() -> None:
    async with playing(piece(at(0), at(0.1))) as screen:
        await screen.until(lambda: screen.title.startswith("END  it.jsonl"))
        assert screen.hosts == ["198.18.0.1"]
        assert "2 " in screen.text.splitlines()[2]


async def test_sorting_and_filtering_work_while_it_stands_still() -> None:
    async with playing(piece(at(0, "198.18.0.1"), at(0, "198.18.0.2"))) as screen:
        await screen.until(lambda: len(screen.hosts) == 2)
        await screen.press("space", "slash", *".2", "enter")
        await screen.until(lambda: screen.hosts == ["198.18.0.2"])


async def test_interface_is_chosen_among_the_recorded() -> None:
    both = [at(n / 100, f"198.18.0.{n % 2 + 1}", ifindex=1 + n % 2) for n in range(1000)]
    async with playing(piece(*both)) as screen:
        await screen.until(lambda: len(screen.hosts) == 2)
        await screen.press("i")
        await screen.until(lambda: "wg0" in screen.text)
        await screen.press("down", "down", "enter")
        await screen.until(lambda: "it.jsonl wg0" in screen.title)
        await screen.until(lambda: screen.hosts == ["198.18.0.2"])


async def test_empty_recording_says_so() -> None:
    async with playing() as screen:
        await screen.until(lambda: "No handshake in /var/log/it.jsonl." in screen.text)


async def test_trouble_is_in_the_title() -> None:
    async with playing(piece(*HOUR), trouble="3 damaged lines skipped") as screen:
        await screen.until(lambda: "3 damaged lines skipped" in screen.title)


async def test_what_was_readable_stays_when_reading_fails() -> None:
    async with playing(piece(at(0), until_s=0), broken("the pipe broke")) as screen:
        await screen.until(lambda: screen.app.failure == "the pipe broke; try again")
        await screen.until(lambda: "stopped" in screen.title)
        assert screen.hosts == ["198.18.0.1"]


async def test_pipe_pauses_the_screen_only_and_has_no_speed() -> None:
    async with playing(piece(*HOUR), pace=Pace.LIVE) as screen:
        await screen.until(lambda: screen.hosts)
        assert "Faster" not in screen.text
        await screen.press("space", "right_curly_bracket", "left_square_bracket")
        await screen.until(lambda: "PAUSED (Space resumes)" in screen.title)


async def test_probe_has_no_player_keys() -> None:
    async with shown(Played(handshake())) as screen:
        assert "Faster" not in screen.text and "Ahead" not in screen.text
        await screen.press("left_square_bracket", "right_curly_bracket")
        assert screen.hosts == ["198.18.0.1"]


class Kept:
    """A taker that remembers."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def take(self, batch: Batch, names: Names, wall_offset_ns: int) -> None:
        assert names.name_of(2) == "eth0"
        self.batches.append(batch)


def screened(source: Played, options: ScreenOptions) -> TcplatApp:
    return TcplatApp(lambda: source, list, options)


async def test_takers_get_all_that_is_shown_and_the_last_account() -> None:
    kept = Kept()
    source = Played(handshake(), handshake())
    app = screened(source, ScreenOptions(takers=[kept], redraw_interval_s=REDRAW_INTERVAL_S))
    async with app.run_test() as pilot:
        screen = Shown(app, pilot, source)
        await screen.until(lambda: screen.hosts)
    await asyncio.to_thread(source.closed.wait, 10)
    assert sum(len(batch.handshakes) for batch in kept.batches) == 2
    accounts = [batch.accounts[0].established for batch in kept.batches if batch.accounts]
    assert accounts == [0, 2]


async def test_what_is_not_recorded_is_in_the_title() -> None:
    trouble = ""
    source = Played(handshake())
    app = screened(
        source, ScreenOptions(recording_trouble=lambda: trouble, redraw_interval_s=REDRAW_INTERVAL_S)
    )
    async with app.run_test() as pilot:
        screen = Shown(app, pilot, source)
        await screen.until(lambda: screen.hosts)
        trouble = "12 NOT RECORDED"
        await screen.until(lambda: trouble in screen.title)


async def test_opening_says_what_is_being_done() -> None:
    source = Played()
    source.may_open.clear()
    async with opening(source) as screen:
        await screen.until(lambda: "Preparing the probe" in screen.text)
        source.may_open.set()


async def test_names_in_a_file_do_not_steer_the_terminal() -> None:
    name, what = "\x1b[31mred", "\x1b]0;owned\x07"
    account = Account(name, "\x1b[5mtcx", trouble=what)
    replay = Replay(lambda: Taped([piece(*HOUR[:2], accounts=[account])]), "it", Pace.RECORDED)
    app = TcplatApp(lambda: replay, lambda: [Interface(name, 1, Layer.IP, True)], ScreenOptions(opening=""))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = Shown(app, pilot, Played())
        await screen.until(lambda: screen.hosts)
        await screen.press("i")
        await screen.until(lambda: "?[31mred" in screen.text)
        await screen.press("escape", "5")
        await screen.until(lambda: "?]0;owned?" in screen.text)
        assert "\x1b" not in screen.text
