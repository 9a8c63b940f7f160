"""The screen of a fleet over a real Prometheus that scrapes real exporters: every key, and servers that go away."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.fleet.conftest import Fleet
from tests.fleet.screened import Screened, screened
from tests.fleet.test_asking import FAR, MS, NEAR
from tui.options import ScreenOptions

pytestmark = pytest.mark.xdist_group("test_screen")

PAIRS = [["b", FAR], ["a", FAR], ["c", NEAR], ["a", NEAR]]
"""By p95, slowest first."""


@pytest.fixture
def known(fleet: Fleet) -> Fleet:
    """Boxes that have seen something, and a server that knows it."""
    fleet.boxes["a"].count(NEAR, [1 * MS] * 40)
    fleet.boxes["a"].count(FAR, [90 * MS] * 10)
    fleet.boxes["b"].count(FAR, [400 * MS] * 20, refused=3)
    fleet.boxes["c"].count(NEAR, [4 * MS] * 30)
    fleet.wait_until_scraped(100)
    fleet.prometheus.wait_until('sum(tcplat_handshakes_total{outcome="refused"})')
    return fleet


async def since_the_start(screen: Screened) -> None:
    """Turn to what was ever counted: what came before the first scrape is in no window."""
    await screen.until(lambda: "5m" in screen.title)
    await screen.press("w", "w")
    await screen.until(lambda: "since each began" in screen.title and screen.rows)


async def test_rows_are_of_boxes_and_remotes_or_of_either(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        assert screen.header[:2] == ["box", "remote"]
        assert [row[:3] for row in screen.rows] == [
            [*pair, count] for pair, count in zip(PAIRS, ["20", "10", "30", "40"], strict=True)
        ]
        assert "✗3" in screen.rows[0] and "4 pairs" in screen.title and "3 boxes" in screen.title
        await screen.press("a")
        await screen.until(lambda: screen.header[:1] == ["remote"])
        assert [row[:2] for row in screen.rows] == [[FAR, "30"], [NEAR, "70"]]
        assert "2 remotes" in screen.title
        await screen.press("a")
        await screen.until(lambda: screen.header[:2] == ["box", "count"])
        assert [row[:2] for row in screen.rows] == [["b", "20"], ["a", "50"], ["c", "30"]]
        await screen.press("a")
        await screen.until(lambda: screen.header[:2] == ["box", "remote"])


async def test_percentiles_are_marked_as_estimates_and_counts_only_where_they_are(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        slowest = screen.rows[0]
        assert [cell for cell in slowest if cell.startswith("~")] == ["~375ms", "~488ms", "~498ms"]
        assert "100 established, 3 refused" in screen.account
        known.boxes["b"].count(FAR, [400 * MS] * 20)
        known.wait_until_scraped(120)
        await screen.press("w")
        await screen.until(lambda: "last 1m" in screen.title and screen.rows)
        assert screen.rows[0][:2] == ["b", FAR] and screen.rows[0][2].startswith("~")


async def test_sorting_filtering_and_one_direction(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        await screen.press("S")
        assert [row[:2] for row in screen.rows] == PAIRS[::-1]
        await screen.press("s", "s", "s")  # p99, box, remote
        assert [row[1] for row in screen.rows] == [NEAR, NEAR, FAR, FAR]
        await screen.press("slash", *"box:b", "enter")
        assert [row[:2] for row in screen.rows] == [["b", FAR]]
        assert "1 of 4" in screen.text
        await screen.press("escape")
        for filter_, left in [("p95>300ms", 1), ("ip:192.0.2.0/24", 2), ("refused>0", 1), ("max>1s", 0)]:
            await screen.press("slash", *filter_, "enter")
            assert len(screen.rows) == left or (left == 0 and "hides all 4 rows" in screen.text), filter_
            await screen.press("escape")
        await screen.press("d", "d")
        await screen.until(lambda: "No box has seen a handshake inbound yet" in screen.text)
        assert "in only" in screen.title


async def test_details_of_a_row(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        await screen.press("a")
        await screen.until(lambda: screen.header[:1] == ["remote"])
        await screen.press("j", "enter")
        await screen.until(lambda: "by box" in screen.text)
        assert f"remote: {FAR}" in screen.text
        assert "latency p95  ~481ms  250ms to 500ms" in screen.text
        assert "refused           ✗3" in screen.text
        known.boxes["b"].count(FAR, [400 * MS] * 20)
        await screen.until(lambda: "≤500ms│" in screen.text)
        await screen.press("escape")
        await screen.until(lambda: screen.header[:1] == ["remote"])


async def test_a_row_that_is_gone_is_said_to_be(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        await screen.press("enter")
        await screen.until(lambda: "outcomes" in screen.text)
        screen.app.views.fleet_table.focus()
        await screen.press("d", "d")
        await screen.until(lambda: "This row is gone" in screen.text)


async def test_a_server_that_goes_away_and_returns(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        known.prometheus.kill()
        await screen.until(lambda: "NO ANSWER: figures of" in screen.title)
        assert "connection refused" in screen.account
        assert [row[:2] for row in screen.rows] == PAIRS
        await screen.until(lambda: "figures of 2 s ago" in screen.title)
        await screen.press("S")
        assert [row[:2] for row in screen.rows] == PAIRS[::-1]
        known.prometheus.start()
        await screen.until(lambda: "NO ANSWER" not in screen.title)
        assert "refused" not in screen.account.split("established")[0]


async def test_a_box_that_goes_away_is_named_and_its_rows_are_dim(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        await screen.press("w", "w")  # 1m, 5m
        known.boxes["b"].count(FAR, [400 * MS] * 20)
        known.boxes["a"].count(FAR, [40 * MS] * 20)
        await screen.until(lambda: ["b", FAR] in [row[:2] for row in screen.rows])
        known.boxes["b"].close()
        await screen.until(lambda: "1 DOWN" in screen.title)
        assert "DOWN: b" in screen.account
        row = next(row for row in screen.app.views.fleet_table.all_rows() if row.box == "b")
        assert row.is_quiet


async def test_a_pause_holds_the_screen(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        await screen.press("space")
        assert "PAUSED" in screen.title
        known.boxes["c"].count(NEAR, [4 * MS] * 5)
        known.wait_until_scraped(105)
        await screen.press("ctrl+r")
        await screen.pilot.pause(0.5)
        assert "100 established" in screen.account
        await screen.press("space")
        await screen.until(lambda: "105 established" in screen.account)


async def test_a_baseline_tells_what_has_changed_by_a_bucket_at_least(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        await screen.press("m")
        assert "Δp95" in screen.header
        await screen.until(lambda: "baseline" in screen.title)
        known.boxes["c"].count(NEAR, [200 * MS] * 60)
        known.boxes["a"].count(FAR, [90 * MS] * 60)
        await screen.until(lambda: any("~+2" in cell for row in screen.rows for cell in row[-2:]))
        changes = {tuple(row[:2]): row[-2:] for row in screen.rows}
        assert changes["a", FAR] == changes["a", NEAR] == changes["b", FAR] == ["=", "="]
        assert changes["c", NEAR][1].startswith("~+2")
        await screen.press("m")
        assert "Δp95" not in screen.header


async def test_what_there_is_not_here_says_so(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        for key in ("f", "3", "4", "5", "i", "b", "B", "left_square_bracket", "right_curly_bracket"):
            screen.app.clear_notifications()
            await screen.press(key)
            await screen.until(lambda: "Not of a fleet" in screen.text)


async def test_every_other_key_does_what_the_help_says(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        await screen.press("question_mark")
        help_ = " ".join(screen.text.split())
        for told in ("Group", "Export what is shown", "Ask the server now", "keys: everywhere"):
            assert told in help_
        await screen.press("end")
        await screen.until(lambda: "histogram_quantile" in screen.text)
        await screen.press("escape")
        await screen.press("o")
        assert "ORDER HELD" in screen.title
        await screen.press("o", "n", "n", "plus")
        await screen.until(lambda: "Redrawn every" in screen.text)
        await screen.press("T")
        await screen.until(lambda: "Theme" in screen.text)
        await screen.press("2")
        await screen.until(lambda: "outcomes" in screen.text)
        await screen.press("tab")
        await screen.until(lambda: screen.header[:2] == ["box", "remote"])


async def test_taking_rows_along(known: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    async with screened(known.server) as screen:
        await since_the_start(screen)
        await screen.press("c")
        copied = [line.split("\t") for line in screen.app.clipboard.splitlines()]
        assert copied[0][:3] == ["box", "remote", "established"]
        assert copied[1][:3] == ["b", FAR, "20.0"]
        for key in ("enter", "down"):
            await screen.press("E", key, *(["enter"] if key == "down" else []))
        await screen.until(lambda: len(list(here.iterdir())) == 2)
    [csv_file], [json_file] = here.glob("*.csv"), here.glob("*.json")
    read = list(csv.DictReader(csv_file.read_text().splitlines()))
    assert (read[0]["box"], read[0]["p95_above_ns"], read[0]["p95_at_most_ns"]) == (
        "b",
        "250000000",
        "500000000",
    )
    assert json.loads(json_file.read_text())[0]["refused"] == 3


async def test_trends_come_for_the_rows_in_sight(known: Fleet) -> None:
    async with screened(known.server) as screen:
        await since_the_start(screen)
        known.boxes["b"].count(FAR, [400 * MS] * 20)
        await screen.until(lambda: screen.rows[0][:2] == ["b", FAR] and screen.rows[0][-1].strip("█") == "")


async def test_the_screen_begins_as_it_is_set(known: Fleet) -> None:
    options = ScreenOptions(sort="count", is_reversed=True, filter="box:a", columns=("host", "count"))
    async with screened(known.server, (80, 24), options) as screen:
        await since_the_start(screen)
        assert screen.header == ["box", "remote", "count"]
        assert [row[:2] for row in screen.rows] == [["a", FAR], ["a", NEAR]]
