"""Median and 99th percentile over time, as two lines; no line where there was no latency."""

from __future__ import annotations

from collections.abc import Sequence

from tui.core.charts.axes import (
    MARGIN,
    draw_latency_axis,
    draw_time_axis,
    latency_scale,
    time_scale,
)
from tui.core.charts.canvas import NOTHING, Canvas, chart_glyphs
from tui.core.charts.slices import Slice, merged, quantiles_of
from tui.core.format import UNICODE, Glyphs
from tui.core.runs import Line, Role

_QUANTILES = (0.5, 0.99)
_AXIS_ROWS = 2
_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot in a braille character, row by row."""

_Dot = tuple[int, int]


def latency_chart(
    slices: Sequence[Slice], width: int, height: int, now_ns: int, glyphs: Glyphs = UNICODE
) -> list[Line]:
    """The upper line is p99, the lower p50; failures are marked on the time axis."""
    own = chart_glyphs(glyphs)
    across, down = (2, 4) if own.has_braille else (1, 1)
    canvas = Canvas(width, height)
    columns, rows = max(1, width - MARGIN), max(1, height - _AXIS_ROWS)
    time = time_scale(slices, columns, now_ns, across)
    placed = time.sorted_in(slices)
    figures = [quantiles_of(merged(one.latencies for one in each), _QUANTILES) for each in placed]
    drawn = [each for each in figures if each]
    scale = latency_scale(min(each[0] for each in drawn), max(each[1] for each in drawn)) if drawn else None
    dot_rows = rows * down

    def dot_row(ns: float) -> int:
        assert scale
        return round((1 - scale.fraction(ns)) * (dot_rows - 1))

    draw_latency_axis(canvas, scale, lambda ns: dot_row(ns) // down, rows, glyphs, own)
    failures = [sum(one.failures for one in each) for each in placed]
    failures = [sum(failures[x : x + across]) for x in range(0, len(failures), across)]
    draw_time_axis(canvas, time.span_s, failures, rows, glyphs, own)
    if not scale:
        canvas.put_in_middle(MARGIN, (rows - 1) // 2, NOTHING, Role.NOTE)
        return canvas.lines()
    p50 = _line([dot_row(each[0]) if each else None for each in figures])
    p99 = _line([dot_row(each[1]) if each else None for each in figures])
    if own.has_braille:
        _draw_braille(canvas, p50, p99)
    else:
        for dots, character, role in ((p99, own.p99, Role.P99), (p50, own.p50, Role.P50)):
            for x, y in dots:
                canvas.put(MARGIN + x, y, character, role)
    return canvas.lines()


def _line(rows: list[int | None]) -> set[_Dot]:
    """The dots of a line through one place a column, connected upright where both neighbours have one."""
    dots = set()
    before: int | None = None
    for x, row in enumerate(rows):
        if row is not None:
            dots.add((x, row))
            if before is not None:
                middle = (before + row) // 2
                dots |= {(x - 1, y) for y in _between(before, middle)} | {
                    (x, y) for y in _between(middle, row)
                }
        before = row
    return dots


def _between(one: int, other: int) -> range:
    return range(min(one, other), max(one, other) + 1)


def _draw_braille(canvas: Canvas, p50: set[_Dot], p99: set[_Dot]) -> None:
    """A character in which both lines are is of the median."""
    bits: dict[_Dot, int] = {}
    for x, y in p50 | p99:
        cell = (x // 2, y // 4)
        bits[cell] = bits.get(cell, 0) | _DOTS[y % 4][x % 2]
    medians = {(x // 2, y // 4) for x, y in p50}
    for cell, mask in bits.items():
        canvas.put(MARGIN + cell[0], cell[1], chr(_BRAILLE + mask), Role.P50 if cell in medians else Role.P99)
