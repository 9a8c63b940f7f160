"""The screen's life: it opens, fails, pauses, switches, helps and ends."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest
from textual import events
from textual.widgets._toast import ToastRack

from bpf.errors import KernelUnsupported
from tests.tui.played import MS, PATIENCE_S, Played, handshake
from tests.tui.shown import BY_P95, REDRAW_INTERVAL_S, THREE, opening, shown
from tui.collector import BatchArrived
from tui.widgets.table_view import TableView


async def test_it_says_that_it_compiles_before_the_source_is_open() -> None:
    source = Played()
    source.may_open.clear()
    async with opening(source) as screen:
        await screen.until(lambda: "Preparing the probe and attaching it..." in screen.text)
        assert screen.title.endswith("preparing the probe and attaching it")
        await screen.press("j", "s", "space", "space", "slash", "escape")
        source.may_open.set()
        await screen.until(lambda: "No handshake on eth0 yet." in screen.text)
        assert "ompiling" not in screen.text


async def test_first_handshake_makes_a_row() -> None:
    async with shown(Played()) as screen:
        assert screen.hosts == []
        screen.source.play(handshake("2001:db8:1::9", 12 * MS))
        await screen.until(lambda: screen.hosts == ["2001:db8:1::9"])
        assert "1 host " in screen.title and "median 12.0ms" in screen.title
        assert "No handshake" not in screen.text


async def test_timers_that_fire_when_it_has_ended_do_nothing() -> None:
    async with shown(Played(*THREE)) as screen:
        app = screen.app
    assert not app.screen_stack
    app._tidy()
    app.redraw()


async def test_no_color_shows_the_same_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with shown(Played(*THREE)) as screen:
        await screen.press("j", "slash", "8", "enter", "space")
        assert screen.hosts == BY_P95
        for key in ("question_mark", "i"):
            await screen.press(key, "escape")


async def test_pause_holds_rows_still_while_collecting_goes_on() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("space")
        before = screen.text
        assert screen.title.startswith("PAUSED")
        await screen.play(lambda: screen.source.play(handshake("198.18.7.3", 300 * MS)))
        await screen.play(lambda: screen.source.play(handshake("198.18.9.9", 400 * MS)))
        await screen.play()
        assert screen.text == before
        await screen.press("space")
        assert screen.hosts == ["198.18.9.9", "198.18.7.3", "198.18.0.2", "198.18.0.1"]
        assert "PAUSED" not in screen.title


async def test_of_many_hosts_what_comes_is_taken_over_before_the_redraw_which_is_the_shorter() -> None:
    many = [handshake(f"198.19.{number >> 8}.{number & 255}", MS) for number in range(3000)]
    async with shown(Played(*THREE)) as screen:
        screen.app._timer.stop()
        before = screen.text
        await screen.play(lambda: screen.source.play(*many[:10]))
        await screen.play()
        assert len(screen.app.model.rows) == 3
        await screen.play(lambda: screen.source.play(*many[10:]))
        await screen.until(lambda: len(screen.app.model.rows) == 3003)
        assert screen.text == before
        await screen.press("space")
        assert "3,003 hosts" in screen.title
        await screen.play(lambda: screen.source.play(*many, *[handshake("198.18.9.9")]))
        await screen.play()
        assert len(screen.app.model.rows) == 3003


async def test_sort_and_filter_work_on_a_paused_screen() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("space", "S")
        assert screen.hosts == BY_P95[::-1]
        await screen.press("slash", "7", "enter")
        assert screen.hosts == ["198.18.7.3"]
        assert screen.title.startswith("PAUSED")


async def test_reset_forgets_every_host() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("ctrl+r")
        assert screen.hosts == []
        assert "0 hosts" in screen.title


async def test_interface_that_is_gone_is_told_and_its_rows_stay() -> None:
    async with shown(Played(*THREE)) as screen:
        screen.source.lose("eth0")
        await screen.until(lambda: "GONE: waiting for eth0 to return" in screen.title)
        assert screen.hosts == BY_P95
        screen.source.lose()
        await screen.until(lambda: "GONE" not in screen.title)


async def test_interface_that_is_gone_before_any_row() -> None:
    async with shown(Played()) as screen:
        screen.source.lose("eth0")
        await screen.until(lambda: "eth0 is gone." in screen.text)
        assert "i watches another interface" in screen.text


async def test_interface_that_is_down_is_told_instead_of_waited_for() -> None:
    async with shown(Played(interface="wlan0")) as screen:
        await screen.until(lambda: "wlan0 is down." in screen.text)
        assert "i watches another interface" in screen.text


async def test_source_that_cannot_open_says_what_to_do_next_in_whole() -> None:
    source = Played()
    source.failure = KernelUnsupported(
        "the kernel refused the probe: BPF_PROG_LOAD: Operation not permitted (kernel.lockdown is in force)",
        "turn Secure Boot off, or boot with lockdown=none",
    )
    async with opening(source) as screen:
        await screen.until(lambda: "q quits" in screen.text)
        assert "boot with lockdown=none" in screen.prose
        assert screen.title.endswith("stopped")
        await screen.press("q")
    assert screen.app.failure == str(source.failure)


async def test_source_that_breaks_keeps_its_rows_and_is_closed() -> None:
    async with shown(Played(*THREE)) as screen:
        screen.source.fail(ValueError("a record of no known kind"))
        await screen.until(lambda: "stopped" in screen.title)
        assert screen.hosts == BY_P95
        assert screen.source.closed.is_set()
        assert screen.app.failure == "ValueError: a record of no known kind"


@pytest.mark.parametrize("count", ["events_lost", "pending_full"])
async def test_what_was_lost_is_in_the_title_at_80_columns(count: str) -> None:
    source = Played(*THREE, interface="enp0s31f6np0")
    async with shown(source) as screen:
        source.count(**{count: 12_345})
        words = {"events_lost": "12.3k EVENTS LOST", "pending_full": "12.3k NOT FOLLOWED"}
        await screen.press("slash", "7", "enter")
        await screen.until(lambda: words[count] in screen.title)
        await screen.press("space")
        assert words[count] in screen.title


@pytest.mark.parametrize(
    "keys", ["q", "space q", "ctrl+c", "question_mark ctrl+c", "i ctrl+c", "slash 1 ctrl+c"]
)
async def test_quitting_closes_the_source_in_the_thread_that_opened_it(keys: str) -> None:
    source = Played(*THREE)
    async with shown(source) as screen:
        await screen.press(*keys.split())
        assert await asyncio.to_thread(source.closed.wait, PATIENCE_S)
    assert len(set(source.threads)) == 1
    assert source.threads[0] != threading.get_ident()
    assert (screen.app.return_code, screen.app.failure) == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_signal_quits(number: signal.Signals) -> None:
    source = Played(*THREE)
    async with shown(source) as screen:
        signal.raise_signal(number)
        await screen.pilot.pause()
        assert await asyncio.to_thread(source.closed.wait, PATIENCE_S)
    assert screen.app.return_code == 0


@pytest.mark.parametrize("keys", ["q2", "q34", "2q3"])
async def test_what_is_typed_right_after_q_does_nothing(keys: str) -> None:
    source = Played(*THREE)
    async with shown(source) as screen:
        for key in keys:
            screen.app.post_message(events.Key(key, key))
        assert await asyncio.to_thread(source.closed.wait, PATIENCE_S)
    assert screen.app.return_code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_signal_quits_though_the_pipe_that_wakes_the_loop_is_full(number: signal.Signals) -> None:
    """As it is where keys and batches come while something takes long: asyncio then loses the signal."""
    source = Played(*THREE)
    async with shown(source) as screen:
        for _ in range(10_000):
            asyncio.get_running_loop().call_soon_threadsafe(int)
        signal.raise_signal(number)
        assert await asyncio.to_thread(source.closed.wait, PATIENCE_S)
    assert screen.app.return_code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_signal_quits_though_more_has_come_than_was_taken_over(number: signal.Signals) -> None:
    """As on a machine that is too busy: what waits may take minutes."""
    source, batches = Played(), 300
    async with shown(source) as screen:
        for _ in range(batches):
            screen.app.post_message(BatchArrived(THREE * 100, [], {}, {}))
        signal.raise_signal(number)
        assert await asyncio.to_thread(source.closed.wait, PATIENCE_S)
    assert screen.app.return_code == 0
    assert screen.app.model.events.came < batches * 300 / 10


async def test_sorting_while_the_table_has_no_size_changes_nothing() -> None:
    """As when a key follows the one that brings the table back: it is laid out only after both."""
    async with shown(Played(*THREE)) as screen:
        await screen.until(lambda: screen.hosts == BY_P95)
        await screen.press("2")
        screen.app.query_one(TableView).action_sort(1)
        await screen.press("1")
        await screen.until(lambda: screen.hosts == BY_P95)


@pytest.mark.parametrize("keys", [[], ["question_mark"], ["i"], ["slash", "7"], ["j", "space"]])
async def test_no_size_is_too_small(keys: list[str]) -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press(*keys)
        for width, height in ((40, 10), (10, 3), (1, 1), (200, 60), (80, 24)):
            await screen.pilot.resize_terminal(width, height)
            await screen.until(lambda height=height: len(screen.text.splitlines()) <= height)  # type: ignore[misc]
        await screen.press("escape")
        await screen.press("escape")
        assert screen.hosts == BY_P95


@pytest.mark.parametrize("interval_s", [REDRAW_INTERVAL_S, 3600])
async def test_what_was_told_leaves_nothing_behind_however_rarely_it_redraws(interval_s: float) -> None:
    """Textual takes the message of a notification away, but not what holds it, if another comes as it expires."""
    async with opening(Played(), interval_s=interval_s) as screen:
        for _ in range(3):
            screen.app.notify("told", timeout=60)
            await screen.until(lambda: "told" in screen.text)
            screen.app.clear_notifications()
            await screen.until(lambda: "told" not in screen.text)
        rack = screen.app.screen.query_one(ToastRack)
        await screen.until(lambda: not rack.children)


async def test_another_interval_begins_with_a_redraw() -> None:
    async with opening(Played(THREE[0]), interval_s=3600) as screen:
        await screen.until(lambda: screen.hosts)
        screen.source.play(*THREE[1:])
        await screen.play()
        assert len(screen.hosts) == 1
        await screen.press("plus")
        assert screen.hosts == BY_P95
