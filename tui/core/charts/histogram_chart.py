"""How many handshakes took how long: bars over a logarithmic latency axis, with marks at the percentiles."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from tui.core.charts.axes import LatencyScale, latency_label, latency_scale
from tui.core.charts.canvas import NOTHING, Canvas, chart_glyphs
from tui.core.format import UNICODE, Glyphs
from tui.core.histogram import middle_ns
from tui.core.runs import Line, Role

_LEVELS = 8
"""Of a bar, a character."""


def histogram_chart(
    counts: Mapping[int, int],
    width: int,
    height: int,
    quantiles: Mapping[str, int],
    glyphs: Glyphs = UNICODE,
) -> list[Line]:
    """`counts`: of every bucket; `quantiles`: labels, and the ns to mark with them. The least bar is visible.

    Where there is no room for a label, its first word may do; else the mark stands alone.

    Of the height, marks take a line on top, axis and labels two at the bottom; where it is less than 4 the axis goes,
    then the marks, then the labels.
    """
    own = chart_glyphs(glyphs)
    canvas = Canvas(width, height)
    top = 1 if height >= 3 else 0
    rows = max(1, height - top - (2 if height >= 4 else 1))
    buckets = [bucket for bucket, count in counts.items() if count]
    axis_row = top + rows if height >= 4 else -1
    canvas.put(0, axis_row, own.rule * width, Role.AXIS)
    if not buckets:
        canvas.put_in_middle(0, top + (rows - 1) // 2, NOTHING, Role.NOTE)
        return canvas.lines()
    drawn_ns = [middle_ns(min(buckets)), middle_ns(max(buckets)), *quantiles.values()]
    scale = latency_scale(min(drawn_ns), max(drawn_ns))
    heights = _heights(spread(counts, scale, width), rows * _LEVELS)
    for x, level in enumerate(heights):
        for row in range(rows):
            part = min(_LEVELS, level - (rows - 1 - row) * _LEVELS)
            if part > 0:
                canvas.put(x, top + row, glyphs.levels[part], Role.BAR)
    if top:
        _draw_marks(canvas, scale, quantiles, rows, own.mark, own.plumb)
    _draw_axis(canvas, scale, axis_row, height - 1, own.tick, glyphs)
    return canvas.lines()


def column_of(ns: float, scale: LatencyScale, width: int) -> int:
    """Where a latency is drawn."""
    return min(width - 1, int(scale.fraction(ns) * width))


def spread(counts: Mapping[int, int], scale: LatencyScale, width: int) -> list[float]:
    """How many latencies fall in each column: a bucket that several columns share is divided among them.

    Counted by their middles, buckets would give combs: some columns hold two of them, others three.
    """
    sums = [0.0] * width
    for bucket, count in counts.items():
        low = scale.fraction(_low_ns(bucket)) * width
        high = scale.fraction(_low_ns(bucket + 1)) * width
        if high - low < 1e-9:  # Off the scale: all of it is at the edge.
            sums[min(width - 1, int(low))] += count
            continue
        for column in range(int(low), min(width, ceil(high))):
            share = (min(high, column + 1) - max(low, column)) / (high - low)
            sums[column] += count * share
    return sums


def _low_ns(bucket: int) -> int:
    """The least latency a bucket counts; 64 buckets an octave, see `bucket_of`."""
    shift = (bucket >> 6) - 1
    return (bucket - (shift << 6)) << shift if shift > 0 else bucket


def _heights(sums: list[float], greatest: int) -> list[int]:
    most = max(sums)
    return [max(1, round(greatest * each / most)) if each > 0 else 0 for each in sums]


def _draw_marks(
    canvas: Canvas, scale: LatencyScale, quantiles: Mapping[str, int], rows: int, mark: str, plumb: str
) -> None:
    """Marks on the first line, each with its label beside it where there is room: left, else right."""
    labels: dict[int, list[str]] = {}
    for label, ns in quantiles.items():
        labels.setdefault(column_of(ns, scale, canvas.width), []).append(label)
    for x in labels:
        canvas.put(x, 0, mark, Role.MARK)
        for row in range(1, rows + 1):
            if canvas.is_blank(x, row):
                canvas.put(x, row, plumb, Role.MARK)
    for x, names in labels.items():
        whole, short = ",".join(names), ",".join(name.partition(" ")[0] for name in names)
        for text in (whole, short):
            if _draw_label(canvas, x, text):
                break


def _draw_label(canvas: Canvas, x: int, text: str) -> bool:
    """Beside the mark at `x`, a blank between it and other labels; at the edges there are none."""
    for left, before, after in ((x - len(text), 1, 0), (x + 1, 0, 1)):
        first, end = max(0, left - before), min(canvas.width, left + len(text) + after)
        if left >= 0 and left + len(text) <= canvas.width and canvas.is_blank(first, 0, end - first):
            canvas.put(left, 0, text, Role.MARK)
            return True
    return False


def _draw_axis(canvas: Canvas, scale: LatencyScale, y: int, label_y: int, tick: str, glyphs: Glyphs) -> None:
    """Ticks at round figures; the ends are labelled first, then powers of ten, then the rest, where there is room."""
    if not label_y:
        return
    ticks = scale.ticks_ns
    ends = (scale.low_ns, scale.high_ns)
    for ns in sorted(ticks, key=lambda each: (each not in ends, not str(each).startswith("1"))):
        x = column_of(ns, scale, canvas.width)
        canvas.put(x, y, tick, Role.AXIS)
        label = latency_label(ns, glyphs)
        left = min(max(0, x - len(label) // 2), canvas.width - len(label))
        free_from, free_to = max(0, left - 1), min(canvas.width, left + len(label) + 1)
        if canvas.is_blank(free_from, label_y, free_to - free_from):
            canvas.put(left, label_y, label, Role.AXIS)
