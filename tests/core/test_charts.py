"""Charts: exactly as large as asked for, in the right place, honest about gaps; and what a few look like."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.handshakes import MS, S
from tests.core.latencies import counts, texts, two_modes
from tui.core.charts import Slice, heatmap, histogram_chart, latency_chart, merged, quantiles_of
from tui.core.charts.axes import MARGIN, age_label, latency_label, latency_scale, time_scale
from tui.core.charts.histogram_chart import column_of, spread
from tui.core.format import ASCII, UNICODE, Glyphs
from tui.core.histogram import bucket_of, nearest_rank
from tui.core.runs import Line

NOW_NS = 1_000_000 * S
LATENCIES = st.dictionaries(st.integers(1, 400 * S).map(bucket_of), st.integers(1, 10**6), max_size=5)


@st.composite
def histories(draw: st.DrawFn) -> list[Slice]:
    """Oldest first, some missing, first 30 s each, then 5."""
    slices = []
    ages = [*range(900, 300, -30), *range(300, 0, -5)]
    for age in draw(
        st.lists(st.sampled_from(ages), unique=True, max_size=12).map(lambda all_: sorted(all_)[::-1])
    ):
        failures = draw(st.integers(0, 3))
        slices.append(Slice(NOW_NS - age * S, 30 if age > 300 else 5, draw(LATENCIES), failures))
    return slices


@given(
    histories(),
    st.integers(1, 130),
    st.integers(1, 30),
    st.integers(0, 10 * S),
    st.sampled_from([UNICODE, ASCII]),
)
def test_charts_are_as_large_as_asked_for(
    slices: list[Slice], width: int, height: int, more: int, glyphs: Glyphs
) -> None:
    all_ = merged(each.latencies for each in slices)
    marks = dict(zip(("p50", "p99 of all"), quantiles_of(all_, (0.5, 0.99)), strict=False))
    for lines in (
        latency_chart(slices, width, height, NOW_NS + more, glyphs),
        heatmap(slices, width, height, NOW_NS + more, glyphs),
        histogram_chart(all_, width, height, marks, glyphs),
    ):
        assert [len(each) for each in texts(lines)] == [width] * height
        assert all(glyphs is UNICODE or each.isascii() for each in texts(lines))


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=30), st.floats(0, 1))
def test_quantiles_are_those_of_the_histogram(latencies: list[int], q: float) -> None:
    (found,) = quantiles_of(counts(*latencies), (q,))
    true = sorted(latencies)[nearest_rank(q, len(latencies)) - 1]
    assert bucket_of(found) == bucket_of(true)


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_scale_is_round_holds_both_and_is_monotonic(one: int, other: int) -> None:
    low, high = sorted((one, other))
    scale = latency_scale(low, high)
    assert scale.low_ns <= low <= high <= scale.high_ns
    assert scale.fraction(low) <= scale.fraction(high)
    assert {str(each)[0] for each in scale.ticks_ns} <= {"1", "3"}


@pytest.mark.parametrize(("ns", "text"), [(1, "1ns"), (300_000, "300us"), (MS, "1ms"), (30 * S, "30s")])
def test_latency_labels(ns: int, text: str) -> None:
    assert latency_label(ns, ASCII) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "now"), (45, "-45s"), (90, "-90s"), (900, "-15m"), (7200, "-2h")]
)
def test_age_labels(seconds: int, text: str) -> None:
    assert age_label(seconds) == text


@given(histories(), st.integers(1, 80), st.integers(1, 2), st.integers(0, 5 * S))
def test_a_column_has_only_slices_that_touch_it_and_gaps_stay_empty(
    slices: list[Slice], columns: int, parts: int, more: int
) -> None:
    scale = time_scale(slices, columns, NOW_NS + more, parts)
    placed = scale.sorted_in(slices)
    assert len(placed) == columns * parts
    for number, here in enumerate(placed):
        begin = scale.end_ns - (len(placed) - number) * scale.column_ns
        assert all(each.start_ns < begin + scale.column_ns and each.end_ns > begin for each in here)
    for each in slices:
        column = scale.column_of((each.start_ns + each.end_ns) // 2)
        assert not 0 <= column < len(placed) or any(one is each for one in placed[column])


def rows_of(lines: Iterable[Line], character: str) -> list[int]:
    return [y for y, text in enumerate(texts(lines)) if character in text[MARGIN:]]


@given(st.integers(1, 100), st.integers(1, 100))
def test_more_latency_is_higher(one: int, other: int) -> None:
    slices = [
        Slice(NOW_NS - 60 * S, 5, counts(one * MS)),
        Slice(NOW_NS - 5 * S, 5, counts(other * MS)),
    ]
    lines = texts(latency_chart(slices, 50, 12, NOW_NS - 1, ASCII))
    first = next(y for y, line in enumerate(lines) if line[MARGIN : MARGIN + 10].strip("- "))
    last = next(y for y, line in enumerate(lines) if line[MARGIN + 30 :].strip("- "))
    assert (one <= other or first <= last) and (one >= other or first >= last)


def test_p99_is_the_upper_line() -> None:
    slices = [Slice(NOW_NS - age * S, 5, counts(*[MS] * 50, 90 * MS)) for age in range(60, 0, -5)]
    lines = texts(latency_chart(slices, 60, 10, NOW_NS - 1, ASCII))
    assert rows_of(latency_chart(slices, 60, 10, NOW_NS - 1, ASCII), "*") == [0]
    assert [y for y, line in enumerate(lines[:8]) if "o" in line] == [7]


def test_no_line_goes_through_a_gap() -> None:
    ages = [age for age in range(300, 0, -5) if not 100 < age <= 200]
    slices = [Slice(NOW_NS - age * S, 5, counts(10 * MS)) for age in ages]
    for glyphs in (UNICODE, ASCII):
        lines = texts(latency_chart(slices, MARGIN + 60, 8, NOW_NS - 1, glyphs))
        plot = [line[MARGIN:] for line in lines[:6]]
        drawn = [any(line[x] != " " for line in plot) for x in range(60)]
        assert drawn == [True] * 20 + [False] * 20 + [True] * 20


def test_a_slice_with_failures_only_is_a_mark_and_a_gap() -> None:
    slices = [
        Slice(NOW_NS - age * S, 5, {} if age == 30 else counts(MS), int(age == 30))
        for age in range(60, 0, -5)
    ]
    for lines in (
        latency_chart(slices, MARGIN + 12, 6, NOW_NS - 1),
        heatmap(slices, MARGIN + 12, 6, NOW_NS - 1),
    ):
        plot = texts(lines)
        assert plot[4][MARGIN:].index("✗") == 6
        assert not any(line[MARGIN + 6].strip() for line in plot[:4])


def test_one_sample_is_drawn() -> None:
    slices = [Slice(NOW_NS - 5 * S, 5, counts(7 * MS))]
    for glyphs, dot, shade in ((UNICODE, "\u2800", "█"), (ASCII, "o", "@")):
        plot = "".join(texts(latency_chart(slices, 20, 3, NOW_NS - 1, glyphs)))
        assert any(each >= dot for each in plot[MARGIN:20].replace(" ", ""))
        assert shade in texts(heatmap(slices, 20, 3, NOW_NS - 1, glyphs))[0]
        assert any(each.strip() for each in texts(histogram_chart(slices[0].latencies, 20, 3, {}, glyphs)))


@pytest.mark.parametrize("width", [20, 3])
def test_nothing_is_said_to_be_nothing(width: int) -> None:
    for lines in (
        latency_chart([], width, 3, NOW_NS),
        heatmap([Slice(NOW_NS - 5 * S, 5, {})], width, 3, NOW_NS),
        histogram_chart({}, width, 3, {}),
    ):
        assert "no latency"[: width - MARGIN] in "".join(texts(lines)) or width < MARGIN


@given(LATENCIES.filter(bool), st.integers(1, 200))
def test_spreading_loses_nothing(latencies: dict[int, int], width: int) -> None:
    scale = latency_scale(1000, 10**12)
    assert sum(spread(latencies, scale, width)) == pytest.approx(sum(latencies.values()))


def test_evenly_spread_latencies_give_no_comb() -> None:
    even = counts(*(int(10 * MS * 3 ** (each / 20_000)) for each in range(20_000)))
    columns = spread(even, latency_scale(10 * MS, 30 * MS), 60)[1:-1]
    assert max(columns) < 1.15 * min(columns)


@given(st.lists(st.integers(MS, 100 * MS), min_size=1, max_size=40), st.integers(30, 120), st.floats(0, 1))
def test_mark_is_where_the_quantile_is(latencies: list[int], width: int, q: float) -> None:
    all_ = counts(*latencies)
    (ns,) = quantiles_of(all_, (q,))
    lines = texts(histogram_chart(all_, width, 6, {"p": ns}))
    low, high = quantiles_of(all_, (0, 1))
    place = column_of(ns, latency_scale(low, high), width)
    assert lines[0][place] == "▼"
    # Its bucket lies there, or in part beside it.
    assert any(line[max(0, place - 1) : place + 2].strip(" ┊▼") for line in lines[1:4])


def test_two_modes_are_two_in_the_histogram() -> None:
    for share in (0.5, 0.02):
        bottom = texts(histogram_chart(two_modes(2000, share), 60, 8, {}, ASCII))[5]
        assert len(bottom.split()) == 2


def test_two_modes_are_two_in_the_heatmap() -> None:
    for share in (0.5, 0.05):
        slices = [Slice(NOW_NS - age * S, 5, two_modes(400, share)) for age in range(60, 0, -5)]
        rows = [bool(line[MARGIN:].strip()) for line in texts(heatmap(slices, 60, 14, NOW_NS - 1))[:12]]
        modes = "".join("#" if each else " " for each in rows).split()
        assert len(modes) == 2


def test_slices_of_two_lengths_are_equally_dense_at_the_same_rate() -> None:
    slices = [Slice(NOW_NS - age * S, 30, counts(*[MS] * 60)) for age in range(900, 300, -30)]
    slices += [Slice(NOW_NS - age * S, 5, counts(*[MS] * 10)) for age in range(300, 0, -5)]
    (line,) = {text.strip(" 1ms├┤│") for text in texts(heatmap(slices, 66, 3, NOW_NS - 1))[:1]}
    assert set(line) == {"█"}


def test_labels_give_way() -> None:
    close = {"p50 20.0ms": 20 * MS, "p95 22.0ms": 22 * MS, "p99 90.0ms": 90 * MS}
    top = texts(histogram_chart(counts(*close.values()), 30, 5, close))[0]
    assert top == "      p50▼▼p95 22.0ms    p99▼ "


def test_same_place_shares_a_mark() -> None:
    top = texts(histogram_chart(counts(5 * MS), 40, 5, {"p50": 5 * MS, "p99": 5 * MS}))[0]
    assert "p50,p99▼" in top
