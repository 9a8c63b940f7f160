"""Latency over time as shades: the more handshakes, the darker. Shows paths that are fast for some, slow for others."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt

from tui.core.charts.axes import MARGIN, draw_latency_axis, draw_time_axis, latency_scale, time_scale
from tui.core.charts.canvas import NOTHING, Canvas, chart_glyphs
from tui.core.charts.slices import Slice, merged
from tui.core.format import UNICODE, Glyphs
from tui.core.histogram import middle_ns
from tui.core.runs import Line, Role

_HEAT = (Role.HEAT1, Role.HEAT2, Role.HEAT3, Role.HEAT4, Role.HEAT5)
_AXIS_ROWS = 2


def heatmap(
    slices: Sequence[Slice], width: int, height: int, now_ns: int, glyphs: Glyphs = UNICODE
) -> list[Line]:
    """A shade says how many a second, against the busiest place of the map; even a single handshake has one.

    By square root: a mode that one in a hundred goes to is a shade, and two of equal weight are equally dark.
    """
    own = chart_glyphs(glyphs)
    canvas = Canvas(width, height)
    columns, rows = max(1, width - MARGIN), max(1, height - _AXIS_ROWS)
    time = time_scale(slices, columns, now_ns)
    placed = time.sorted_in(slices)
    counts = [merged(one.latencies for one in each) for each in placed]
    buckets = {bucket for each in counts for bucket, count in each.items() if count}
    scale = latency_scale(middle_ns(min(buckets)), middle_ns(max(buckets))) if buckets else None

    def row_of(ns: int) -> int:
        assert scale
        return min(rows - 1, int((1 - scale.fraction(ns)) * rows))

    draw_latency_axis(canvas, scale, row_of, rows, glyphs, own)
    draw_time_axis(
        canvas, time.span_s, [sum(one.failures for one in each) for each in placed], rows, glyphs, own
    )
    if not scale:
        canvas.put_in_middle(MARGIN, (rows - 1) // 2, NOTHING, Role.NOTE)
        return canvas.lines()
    row_of_bucket = {bucket: row_of(middle_ns(bucket)) for bucket in buckets}
    density: dict[tuple[int, int], float] = {}
    for column, (each, slices_here) in enumerate(zip(counts, placed, strict=True)):
        seconds = sum(one.seconds for one in slices_here)
        for bucket, count in each.items():
            if count:
                place = (column, row_of_bucket[bucket])
                density[place] = density.get(place, 0.0) + count / seconds
    most = max(density.values())
    for (column, row), each_density in density.items():
        level = max(1, ceil(len(_HEAT) * sqrt(each_density / most) - 1e-9))
        canvas.put(MARGIN + column, row, own.shades[level], _HEAT[level - 1])
    return canvas.lines()
