"""How long handshakes took, over time: a line for each bucket, a column for each step, the darker the more."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, sqrt

from tui.core.charts.canvas import NOTHING, Canvas, chart_glyphs
from tui.core.format import Glyphs
from tui.core.runs import Line, Role
from tui.fleet.detail import FleetDetail, Step

MARGIN = 8
"""Left of the plot: labels like "<=250ms", and the axis."""
_HEAT = (Role.HEAT1, Role.HEAT2, Role.HEAT3, Role.HEAT4, Role.HEAT5)
_TINY = 1e-6
"""Less of a handshake is what arithmetic leaves."""


def heatmap(detail: FleetDetail, width: int, columns: int, glyphs: Glyphs) -> list[Line]:
    """Of `columns` steps up to now, as many as there is room for; lines from the least bucket used to the greatest."""
    own = chart_glyphs(glyphs)
    columns = max(1, min(columns, width - MARGIN))
    placed = _placed(detail, columns)
    counted = [_counted(step) if step else {} for step in placed]
    used = [edge_s for each in counted for edge_s, count in each.items() if count > _TINY]
    edges = sorted({edge_s for each in counted for edge_s in each})
    rows = [edge_s for edge_s in reversed(edges) if used and min(used) <= edge_s <= max(used)]
    canvas = Canvas(width, max(1, len(rows)) + 2)
    most = max((count for each in counted for count in each.values()), default=0.0)
    if not rows:
        canvas.put_in_middle(MARGIN, 0, NOTHING, Role.NOTE)
    for y, edge_s in enumerate(rows):
        canvas.put(0, y, f"{edge_text(edge_s, edges, glyphs):>{MARGIN - 1}}{own.upright}", Role.AXIS)
        for x, each in enumerate(counted):
            count = each.get(edge_s, 0.0)
            if count > _TINY:
                level = max(1, ceil(len(_HEAT) * sqrt(count / most) - 1e-9))
                canvas.put(MARGIN + x, y, own.shades[level], _HEAT[level - 1])
    y = max(1, len(rows))
    canvas.put(MARGIN - 1, y, own.corner + own.rule * columns, Role.AXIS)
    for x, step in enumerate(placed):
        if step and step.failures > _TINY:
            canvas.put(MARGIN + x, y, glyphs.failure, Role.FAILURE)
    oldest = f"-{_span(columns * detail.step_s)}"
    canvas.put(MARGIN, y + 1, oldest, Role.AXIS)
    canvas.put(MARGIN + max(len(oldest) + 1, columns - 3), y + 1, "now", Role.AXIS)
    return canvas.lines()


def edge_text(edge_s: float, edges: Sequence[float], glyphs: Glyphs) -> str:
    """ "≤2.5ms"; of the last bucket, which has no end, where it begins: ">10s"."""
    if edge_s == inf:
        finite = [each for each in edges if each < inf]
        return f">{_short(max(finite), glyphs)}" if finite else "more"
    return f"{'<=' if glyphs.ellipsis.isascii() else '≤'}{_short(edge_s, glyphs)}"


def _short(seconds: float, glyphs: Glyphs) -> str:
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, glyphs.micro)):
        if seconds >= size * 0.9999999:
            return f"{seconds / size:.4g}{unit}"
    return f"{seconds:.3g}s"


def _placed(detail: FleetDetail, columns: int) -> list[Step | None]:
    """The last steps, each in its place; the newest is the last."""
    placed: list[Step | None] = [None] * columns
    newest_s = detail.at_s // detail.step_s * detail.step_s
    for step in detail.steps:
        place = columns - 1 - round((newest_s - step.end_s) / detail.step_s)
        if 0 <= place < columns:
            placed[place] = step
    return placed


def _counted(step: Step) -> dict[float, float]:
    """How many in each bucket, by its upper edge."""
    return dict(zip(step.latencies.edges_s, step.latencies.counts, strict=True))


def _span(seconds: float) -> str:
    whole = round(seconds)
    if whole % 3600 == 0:
        return f"{whole // 3600}h"
    return f"{whole // 60}m" if whole % 60 == 0 else f"{whole}s"
