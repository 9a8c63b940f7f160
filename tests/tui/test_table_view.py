"""The keys of the table: what its rows are, of which time and direction, in which order, and since when."""

from __future__ import annotations

import re
import time

import pytest

from bpf.event import Direction
from tests.tui.played import MS, Played, handshake
from tests.tui.shown import BY_P95, THREE, shown
from tui.core.grouping import Grouping
from tui.core.row import QUIET_NS
from tui.core.thresholds import Thresholds
from tui.core.window import Window
from tui.options import ScreenOptions

MIXED = [
    handshake("198.18.0.1", 20 * MS, process=b"curl"),
    handshake("198.18.0.1", 40 * MS, process=b"ssh")._replace(remote_port=22),
    handshake("198.18.0.2", 90 * MS, process=b"curl"),
    handshake("198.18.7.3", 5 * MS, direction=Direction.INBOUND),
]


def labels(lines: list[str]) -> list[str]:
    return [" ".join(line.split()[:1]) for line in lines if line.strip()]


async def test_a_groups_anew_with_all_that_was_counted() -> None:
    async with shown(Played(*MIXED), (120, 24)) as screen:
        found = {}
        for grouping in (*list(Grouping)[1:], Grouping.HOST):
            await screen.press("a")
            lines = [screen.table.render_line(y).text for y in range(1, screen.table.size.height)]
            found[grouping] = set(labels(lines))
            assert screen.header.split()[0] == grouping.value
        assert found == {
            Grouping.HOST: {"198.18.0.1", "198.18.0.2", "198.18.7.3"},
            Grouping.SERVICE: {
                "198.18.0.1:https",
                "198.18.0.1:ssh",
                "198.18.0.2:https",
                "198.18.7.3:38450",
            },
            Grouping.NETWORK: {"198.18.0.0/24", "198.18.7.0/24"},
            Grouping.PROCESS: {"curl", "ssh", "(not"},
            Grouping.INTERFACE: {"eth0"},
        }


async def test_w_leaves_out_what_is_older() -> None:
    now_ns = 10**15
    old = handshake("198.18.0.1", 900 * MS, time_ns=now_ns - 3 * 60 * 10**9)
    source = Played(old, handshake("198.18.0.1", 20 * MS, time_ns=now_ns), now_ns=lambda: now_ns)
    async with shown(source, (120, 24)) as screen:
        assert "900ms" in screen.line_of("198.18.0.1").text
        for window, is_old_in_it in ((Window.MINUTE, False), (Window.MINUTES_5, True)):
            await screen.press("w")
            assert f"last {window.value}" in screen.title
            assert bool(re.search("90[0-9]ms", screen.line_of("198.18.0.1").text)) is is_old_in_it
        await screen.press("w", "w")
        assert "last" not in screen.title


async def test_d_shows_one_direction_and_says_so_when_there_is_nothing() -> None:
    async with shown(Played(*MIXED)) as screen:
        await screen.press("d")
        assert screen.hosts == ["198.18.0.2", "198.18.0.1"]
        assert "out only" in screen.title
        await screen.press("d")
        assert screen.hosts == ["198.18.7.3"]
        await screen.press("d")
        assert len(screen.hosts) == 3
    async with shown(Played(*THREE)) as screen:
        await screen.press("d", "d")
        assert "No inbound handshake yet." in screen.text
        assert "d shows other directions." in screen.text


async def test_o_holds_the_order_and_lets_it_go() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("o")
        assert "ORDER HELD" in screen.title
        screen.source.play(handshake("198.18.7.3", 900 * MS))
        await screen.until(lambda: "900ms" in screen.text)
        assert screen.hosts == BY_P95
        await screen.press("o")
        assert screen.hosts == [BY_P95[2], *BY_P95[:2]]
        assert "ORDER HELD" not in screen.title


async def test_m_marks_a_baseline_and_shows_the_change_since() -> None:
    before, after = ([handshake("198.18.0.1", ms * MS) for _ in range(200)] for ms in (20, 50))
    async with shown(Played(*before), (120, 24)) as screen:
        assert "Δ" not in screen.header
        await screen.press("m")
        assert "Δp50" in screen.header and "Δp95" in screen.header
        assert "baseline 0 s ago" in screen.title
        screen.source.play(*after)
        await screen.until(lambda: "+30." in screen.line_of("198.18.0.1").text)
        await screen.press("m")
        assert "Δ" not in screen.header


async def test_comma_sorts_by_the_column_before() -> None:
    async with shown(Played(*THREE)) as screen:
        await screen.press("s", "comma", "comma")
        assert "p50▼" in screen.header
        await screen.press("comma", "less_than_sign", "comma", "comma", "comma", "comma")
        assert "max▼" in screen.header or "host▲" in screen.header


async def test_quiet_rows_are_dim() -> None:
    source = Played(
        handshake("198.18.0.1", time_ns=time.monotonic_ns() - QUIET_NS - 10**9), handshake("198.18.0.2")
    )
    async with shown(source) as screen:
        assert screen.style_of("198.18.0.1", "198.18.0.1").dim
        assert not screen.style_of("198.18.0.2", "198.18.0.2").dim


async def test_figures_of_few_handshakes_are_dim() -> None:
    many = [handshake("198.18.0.9", 7 * MS) for _ in range(50)]
    async with shown(Played(handshake("198.18.0.1", 20 * MS), *many), (120, 24)) as screen:
        few = [each.text.strip() for each in screen.line_of("198.18.0.1") if each.style and each.style.dim]
        assert few == ["20.0ms"] * 3 or few == ["20.1ms"] * 3
        dim = [each.text.strip() for each in screen.line_of("198.18.0.9") if each.style and each.style.dim]
        assert len(dim) == 1  # of 50 no p99 can be told


@pytest.mark.parametrize("has_bell", [True, False])
async def test_thresholds_colour_and_ring_the_bell_if_asked(
    has_bell: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    options = ScreenOptions(thresholds=Thresholds(30 * MS, 100 * MS), has_bell=has_bell)
    slow = [handshake("198.18.0.5", 150 * MS) for _ in range(3)]
    async with shown(Played(*THREE), options=options) as screen:
        monkeypatch.setattr(screen.app, "bell", lambda: rung.append(True))
        warned, plain = screen.style_of("198.18.0.2", "90.0ms"), screen.style_of("198.18.7.3", "5.00ms")
        assert (warned.color, plain.color) != (plain.color, warned.color)
        assert not rung
        screen.source.play(*slow)
        await screen.until(lambda: "198.18.0.5" in screen.hosts)
        bad = screen.style_of("198.18.0.5", "150ms")
        assert bad.bold and bad.color not in (warned.color, plain.color)
        await screen.pilot.pause(0.3)
        assert len(rung) == has_bell


async def test_a_selected_row_is_found_again_after_other_groupings() -> None:
    async with shown(Played(*MIXED)) as screen:
        await screen.press("j", "j")
        assert screen.selected == "198.18.0.1"
        await screen.press("a")
        assert not screen.app.views.table.selected
        await screen.press("j", "d")
        assert screen.selected == "198.18.0.2:https"


async def test_first_of_a_kind_stays_paused() -> None:
    async with shown(Played(*MIXED)) as screen:
        await screen.press("space", "a", "w", "d", "o", "j")
        before = screen.text
        await screen.play(lambda: screen.source.play(handshake("198.18.9.9", 300 * MS)))
        await screen.play()
        await screen.pilot.pause(0.25)
        assert screen.text == before
        assert screen.title.startswith("PAUSED")
