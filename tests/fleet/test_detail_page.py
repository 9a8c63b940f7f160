"""The details of a fleet's row as text: at any width, with any counts, and no bar or shade for what there is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fleet.answers import AT_S, MS, buckets, counts, detail
from tui.core.format import ASCII, UNICODE, Glyphs
from tui.core.runs import text_of
from tui.core.window import Window
from tui.fleet.answer import Counts
from tui.fleet.buckets import Buckets
from tui.fleet.detail import STEPS, FleetDetail, Step
from tui.fleet.detail_page import fleet_detail_page
from tui.fleet.heatmap import MARGIN, heatmap
from tui.fleet.question import FleetGrouping, Question

QUESTION = Question(FleetGrouping.REMOTE, Window.MINUTES_5)
WHOLE = detail(("", "203.0.113.9"), QUESTION)
NOTHING = replace(WHOLE, counts=Counts(), connects=Buckets(), steps=(), splits=())
STEP_S = 60.0


def lines(shown: FleetDetail, width: int = 80, glyphs: Glyphs = UNICODE) -> list[str]:
    return [text_of(line).rstrip() for line in fleet_detail_page(shown, width, glyphs)]


def stepped(*steps: tuple[int, list[int]], failures: float = 0.0) -> FleetDetail:
    """Of steps by age, each with latencies in ms."""
    newest_s = AT_S // STEP_S * STEP_S
    found = [
        Step(newest_s - age * STEP_S, buckets([ms * MS for ms in each]), failures) for age, each in steps
    ]
    return replace(WHOLE, steps=sorted(found, key=lambda step: step.end_s), step_s=STEP_S)


def drawn(shown: FleetDetail, width: int = 80) -> list[str]:
    return [text_of(line).rstrip() for line in heatmap(shown, width, STEPS, UNICODE)]


def test_percentiles_stand_beside_the_bucket_that_they_are_in() -> None:
    page = lines(WHOLE)
    assert "latency p50  ~313ms  250ms to 500ms" in page
    assert "connect p99  ~2.48s  1.00s to 2.50s" in page


def test_above_all_edges_there_is_no_other_end() -> None:
    page = lines(replace(WHOLE, counts=counts(20_000.0), connects=Buckets()))
    assert "latency p95  >10.0s  more than 10.0s" in page
    assert any(line.startswith("   >10s █") for line in page)


def test_bars_are_as_long_as_counts_are_great() -> None:
    page = lines(WHOLE)
    bars = {line.split()[0]: line.count("█") for line in page if "█" in line and "%" in line}
    assert bars == {"≤100ms": 12, "≤500ms": 24}
    assert any(line.split() == ["≤250ms", "0", "0%"] for line in page)


def test_outcomes_and_parts() -> None:
    page = lines(WHOLE)
    assert [line.split() for line in page if line.startswith(("established", "refused", "sent again"))] == [
        ["established", "~60"],
        ["refused", "✗~2"],
        ["sent", "again", "~3", "SYNs"],
    ]
    assert [line.split()[:3] for line in page if line.startswith("10.0.0.")] == [
        ["10.0.0.1:9811", "~20", "~75.0ms"],
        ["10.0.0.2:9811", "~40", "~375ms"],
    ]
    exact = lines(replace(WHOLE, window_s=None))
    assert ["established", "60"] in [line.split() for line in exact]


def test_of_nothing_nothing_is_drawn() -> None:
    page = lines(NOTHING)
    assert page.count("no latency") == 1
    assert sum("no latency" in line for line in page) == 2
    assert not any(shade in line for line in page for shade in "░▒▓█")


def test_a_column_is_a_step_and_the_newest_is_the_last() -> None:
    map_ = drawn(stepped((0, [400]), (59, [400]), (60, [400])))
    assert map_[0] == f" ≤500ms│█{' ' * 58}█"
    assert map_[-1].split() == ["-1h", "now"]


def test_rows_are_buckets_and_those_between_are_there_too() -> None:
    map_ = drawn(stepped((0, [8, 400])))
    assert [line.split("│")[0].strip() for line in map_[:-2]] == [
        "≤500ms",
        "≤250ms",
        "≤100ms",
        "≤50ms",
        "≤25ms",
        "≤10ms",
    ]
    assert [len(line.split("│")[1].strip()) for line in map_[:-2]] == [1, 0, 0, 0, 0, 1]


def test_what_lies_above_all_edges_is_told_by_the_last() -> None:
    assert drawn(stepped((0, [20_000])))[0] == f"   >10s│{' ' * 59}█"


def test_the_more_the_denser_and_one_of_many_is_seen() -> None:
    map_ = drawn(stepped((1, [400] * 1000), (0, [400])))
    assert map_[0].endswith("█·")


def test_failures_are_marked_below() -> None:
    shown = stepped((0, []), failures=1.0)
    page = heatmap(shown, 80, STEPS, UNICODE)
    assert text_of(page[-2])[MARGIN + STEPS - 1] == "✗"


@given(
    st.dictionaries(st.integers(0, 70), st.lists(st.integers(1, 30_000), max_size=5), max_size=8),
    st.integers(20, 200),
    st.sampled_from([UNICODE, ASCII]),
)
def test_no_page_is_wider_than_it_may_be(steps: dict[int, list[int]], width: int, glyphs: Glyphs) -> None:
    everything = [float(ms) for each in steps.values() for ms in each]
    shown = replace(stepped(*steps.items()), counts=counts(*everything))
    for line in heatmap(shown, width, STEPS, glyphs):
        assert len(text_of(line)) <= width
    assert lines(shown, width, glyphs)


@pytest.mark.parametrize("width", [80, 100, 110, 120, 200])
def test_tables_fit(width: int) -> None:
    assert max(map(len, lines(WHOLE, width))) <= width
