"""The scales of charts, latency and time, and their axes: round figures at both ends, labels where there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log

from tui.core.charts.canvas import Canvas, ChartGlyphs
from tui.core.charts.slices import Slice
from tui.core.format import Glyphs
from tui.core.runs import Role

MARGIN = 6
"""Left of a plot: labels like "300ms", and the axis."""
_ROUND_NS = tuple(digit * 10**power for power in range(20) for digit in (1, 3))
_M = 60
_H = 60 * _M
_SPANS_S = tuple(
    [each * _M for each in (1, 2, 5, 10, 15, 30)]
    + [each * _H for each in (1, 2, 3, 6, 12)]
    + [24 * _H * each for each in (1, 2, 7, 14, 30, 365)]
)
_STEPS_S = (5, 10, 15, 20, 30, *_SPANS_S)
_LABEL_GAP = 4
_TOLERANCE = 10
"""A span may miss a tenth of itself: fifteen minutes and a few seconds are drawn in fifteen minutes, not in thirty."""


@dataclass(frozen=True, slots=True)
class LatencyScale:
    """Logarithmic, between two round figures."""

    low_ns: int
    high_ns: int

    def fraction(self, ns: float) -> float:
        """0 at the low end, 1 at the high end, never outside."""
        place = log(max(1, ns) / self.low_ns) / log(self.high_ns / self.low_ns)
        return min(1.0, max(0.0, place))

    @property
    def ticks_ns(self) -> list[int]:
        """The round figures from end to end: 1 and 3, times powers of ten."""
        return [each for each in _ROUND_NS if self.low_ns <= each <= self.high_ns]


def latency_scale(low_ns: int, high_ns: int) -> LatencyScale:
    """The narrowest scale that holds both."""
    low = max((each for each in _ROUND_NS if each <= low_ns), default=_ROUND_NS[0])
    high = min((each for each in _ROUND_NS if each >= high_ns and each > low), default=_ROUND_NS[-1])
    return LatencyScale(low, high)


def latency_label(ns: int, glyphs: Glyphs) -> str:
    """A round figure: "300us", "1ms"."""
    for size, unit in ((1_000_000_000, "s"), (1_000_000, "ms"), (1000, glyphs.micro)):
        if ns >= size:
            return f"{ns // size}{unit}"
    return f"{ns}ns"


def draw_latency_axis(
    canvas: Canvas,
    scale: LatencyScale | None,
    row_of: Callable[[int], int],
    rows: int,
    glyphs: Glyphs,
    own: ChartGlyphs,
) -> None:
    """Left of the plot; `row_of` says where a figure belongs. Where labels crowd, powers of ten go first."""
    for row in range(rows):
        canvas.put(MARGIN - 1, row, own.upright, Role.AXIS)
    ticks = scale.ticks_ns if scale else []
    taken: set[int] = set()
    for ns in sorted(ticks, key=lambda each: not str(each).startswith("1")):
        row = row_of(ns)
        if row not in taken:
            taken.add(row)
            canvas.put(
                0, row, latency_label(ns, glyphs)[: MARGIN - 1].rjust(MARGIN - 1) + own.tick_beside, Role.AXIS
            )


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Columns of equal time, the last of which holds the present."""

    end_ns: int
    span_s: int
    """What all columns cover, about."""
    column_ns: int
    columns: int

    def column_of(self, time_ns: int) -> int:
        """The column a time lies in; below 0, or `columns` and above: outside."""
        return self.columns - 1 - (self.end_ns - 1 - time_ns) // self.column_ns

    def sorted_in(self, slices: Sequence[Slice]) -> list[list[Slice]]:
        """The slices of every column, none for a gap.

        A slice belongs to the column its middle is in, and one wider than a column also to those whose middle is in it
        and that have no slice of their own.
        """
        columns: list[list[Slice]] = [[] for _ in range(self.columns)]
        for each in slices:
            column = self.column_of((each.start_ns + each.end_ns) // 2)
            if 0 <= column < self.columns:
                columns[column].append(each)
        half_ns = self.column_ns // 2
        for each in slices:
            first = max(0, self.column_of(each.start_ns + half_ns - 1))
            for column in range(first, min(self.columns - 1, self.column_of(each.end_ns)) + 1):
                middle_ns = self.end_ns - (self.columns - column) * self.column_ns + half_ns
                if not columns[column] and each.start_ns <= middle_ns < each.end_ns:
                    columns[column].append(each)
        return columns


def time_scale(slices: Sequence[Slice], columns: int, now_ns: int, parts: int = 1) -> TimeScale:
    """Up to `now_ns`, back to the oldest slice, rounded to a span that people use; `columns` times `parts` columns.

    Whatever the parts, a time is in the same of the `columns`.
    """
    age_s = (now_ns - slices[0].start_ns) / 1e9 if slices else 0
    span_s = next((each for each in _SPANS_S if each + each // _TOLERANCE >= age_s), _SPANS_S[-1])
    part_ns = max(1, span_s * 1_000_000_000 // columns // parts)
    column_ns = part_ns * parts
    return TimeScale((now_ns // column_ns + 1) * column_ns, span_s, part_ns, columns * parts)


def age_label(seconds: int) -> str:
    """ "now", "-30s", "-15m", "-2h" or "-7d"."""
    if not seconds:
        return "now"
    for size, unit in ((24 * _H, "d"), (_H, "h"), (_M, "m")):
        if seconds % size == 0:
            return f"-{seconds // size}{unit}"
    return f"-{seconds}s"


def draw_time_axis(
    canvas: Canvas, span_s: int, failures: Sequence[int], y: int, glyphs: Glyphs, own: ChartGlyphs
) -> None:
    """A rule with ticks at `y`, failures marked on it column by column, and the ages below."""
    width = len(failures)
    canvas.put(MARGIN - 1, y, own.corner + own.rule * width, Role.AXIS)
    # A label is at most 4 wide, the last one ends at the edge.
    most = max(1, width // (4 + _LABEL_GAP))
    step_s = next((each for each in _STEPS_S if span_s % each == 0 and span_s // each <= most), span_s)
    for age_s in range(0, span_s + 1, step_s):
        x = MARGIN + round((width - 1) * (1 - age_s / span_s))
        label = age_label(age_s)
        canvas.put(x, y, own.tick, Role.AXIS)
        left = min(max(MARGIN - 1, x - len(label) // 2), MARGIN + width - len(label))
        if canvas.is_blank(max(0, left - 1), y + 1, len(label) + (left > 0)):
            canvas.put(left, y + 1, label, Role.AXIS)
    for column, count in enumerate(failures):
        if count:
            canvas.put(MARGIN + column, y, glyphs.failure, Role.FAILURE)
