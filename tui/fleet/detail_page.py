"""The page of details of a fleet's row as lines of text: one column where it is narrow, two from 110 characters on."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from tui.core.charts.canvas import chart_glyphs
from tui.core.format import (
    COUNT_WIDTH,
    DURATION_WIDTH,
    FAILURES_WIDTH,
    Glyphs,
    duration_text,
    failures_text,
    shorten_middle,
)
from tui.core.runs import Line, Role, beside
from tui.fleet.answer import OUTCOMES
from tui.fleet.buckets import Buckets, Estimate
from tui.fleet.columns import estimate_text, number_text
from tui.fleet.detail import STEPS, FleetDetail, Part, Split
from tui.fleet.heatmap import edge_text, heatmap

TWO_COLUMNS = 110
"""The least width at which charts and tables stand side by side."""
_BETWEEN = 3
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_MOST_PARTS = 12
_BARS = 24
_LEAST_LABEL = 12
_WIDEST_LABEL = 40
_COUNT_WIDTH = COUNT_WIDTH + 1
_ESTIMATE_WIDTH = DURATION_WIDTH + 1
_TINY = 1e-6


def fleet_detail_page(detail: FleetDetail, width: int, glyphs: Glyphs) -> list[Line]:
    """The whole page, however long."""
    is_wide = width >= TWO_COLUMNS
    right_width = min(56, width * 2 // 5) if is_wide else width
    left_width = width - right_width - _BETWEEN if is_wide else width
    tables = [_splits(each, left_width, detail, glyphs) for each in detail.splits]
    left = [_heatmap(detail, left_width, glyphs), *tables]
    right = [_times(detail, glyphs), _distribution(detail, right_width, glyphs), _outcomes(detail, glyphs)]
    if is_wide:
        return beside(_joined(left), _joined(right), left_width, _BETWEEN)
    return _joined([right[0], left[0], *right[1:], *tables])


def _joined(blocks: Sequence[list[Line]]) -> list[Line]:
    """One block after the other, a blank line between two."""
    lines: list[Line] = []
    for each in filter(None, blocks):
        lines += [[], *each] if lines else each
    return lines


def _number(count: float, detail: FleetDetail) -> str:
    return number_text(count, is_estimated=detail.window_s is not None)


def _times(detail: FleetDetail, glyphs: Glyphs) -> list[Line]:
    """Percentiles, and between what they are known to lie."""
    lines: list[Line] = [[("times  ", Role.HEADING), ("~ an estimate: it lies in that bucket", Role.NOTE)]]
    for what, buckets in (("latency", detail.counts.latencies), ("connect", detail.connects)):
        for name, q in _QUANTILES.items():
            found = buckets.quantile(q)
            if found is None:
                continue
            text = f"{what} {name} {estimate_text(found, glyphs):>{_ESTIMATE_WIDTH}}"
            lines.append([(text, Role.TEXT), (f"  {_between(found, glyphs)}", Role.NOTE)])
    if len(lines) == 1:
        lines.append([("no latency", Role.NOTE)])
    return lines


def _between(found: Estimate, glyphs: Glyphs) -> str:
    low = duration_text(found.low_ns, glyphs)
    return f"more than {low}" if found.high_ns is None else f"{low} to {duration_text(found.high_ns, glyphs)}"


def _heatmap(detail: FleetDetail, width: int, glyphs: Glyphs) -> list[Line]:
    note = f"{detail.step_s:g} s a column, the denser, the more handshakes took so long"
    return [[("heatmap  ", Role.HEADING), (note, Role.NOTE)], *heatmap(detail, width, STEPS, glyphs)]


def _distribution(detail: FleetDetail, width: int, glyphs: Glyphs) -> list[Line]:
    """A bar for each bucket, from the least used to the greatest."""
    buckets = detail.counts.latencies
    bars = list(zip(buckets.edges_s, buckets.counts, strict=True))
    while bars and bars[0][1] <= _TINY:
        del bars[0]
    while bars and bars[-1][1] <= _TINY:
        del bars[-1]
    if not bars:
        return []
    heading = f"{_number(buckets.count, detail)} latencies by bucket"
    lines: list[Line] = [[("distribution  ", Role.HEADING), (heading, Role.NOTE)]]
    most = max(count for _, count in bars)
    room = max(1, min(_BARS, width - 9 - _COUNT_WIDTH - 6))
    bar = chart_glyphs(glyphs).shades[-1]
    for edge_s, count in bars:
        length = max(1, round(room * count / most)) if count > _TINY else 0
        lines.append(
            [
                (f"{edge_text(edge_s, _finite(buckets), glyphs):>7} ", Role.AXIS),
                (f"{bar * length:{room}}", Role.BAR),
                (f" {_number(count, detail):>{_COUNT_WIDTH}} {100 * count / buckets.count:3.0f}%", Role.TEXT),
            ]
        )
    return lines


def _finite(buckets: Buckets) -> list[float]:
    return [edge_s for edge_s in buckets.edges_s if edge_s < inf]


def _outcomes(detail: FleetDetail, glyphs: Glyphs) -> list[Line]:
    counts = detail.counts
    lines: list[Line] = [[("outcomes", Role.HEADING)]]
    for name in OUTCOMES:
        count = counts.outcomes.get(name, 0.0)
        is_failure = name != OUTCOMES[0] and count > 0
        role = Role.FAILURE if is_failure else Role.TEXT
        mark = glyphs.failure if is_failure else ""
        lines.append([(f"{name:12}", Role.TEXT), (f"{mark + _number(count, detail):>8}", role)])
    lines.append([(f"{'sent again':12}{_number(counts.retransmits, detail):>8} SYNs", Role.TEXT)])
    return lines


def _splits(split: Split, width: int, detail: FleetDetail, glyphs: Glyphs) -> list[Line]:
    figures_width = _COUNT_WIDTH + 2 * _ESTIMATE_WIDTH + FAILURES_WIDTH + 4
    label_width = max(_LEAST_LABEL, min(_WIDEST_LABEL, width - figures_width))
    titles = f" {'n':>{_COUNT_WIDTH}} {'p50':>{_ESTIMATE_WIDTH}} {'p95':>{_ESTIMATE_WIDTH}} {'fail':>{FAILURES_WIDTH}}"
    lines: list[Line] = [[(f"{'by ' + split.by:{label_width}}", Role.HEADING), (titles, Role.NOTE)]]
    lines += [_part(each, label_width, detail, glyphs) for each in split.parts[:_MOST_PARTS]]
    if len(split.parts) > _MOST_PARTS:
        lines.append([(f"and {len(split.parts) - _MOST_PARTS:,} more", Role.NOTE)])
    return lines


def _part(part: Part, label_width: int, detail: FleetDetail, glyphs: Glyphs) -> Line:
    counts = part.counts
    text = (
        f"{shorten_middle(part.label, label_width, glyphs):{label_width}}"
        f" {_number(counts.established, detail):>{_COUNT_WIDTH}}"
        f" {estimate_text(counts.latencies.quantile(0.5), glyphs):>{_ESTIMATE_WIDTH}}"
        f" {estimate_text(counts.latencies.quantile(0.95), glyphs):>{_ESTIMATE_WIDTH}}"
    )
    failures = failures_text(max(1, round(counts.failed)), glyphs) if counts.failed else ""
    return (
        [(text, Role.TEXT), (f" {failures:>{FAILURES_WIDTH}}", Role.FAILURE)]
        if failures
        else [(text, Role.TEXT)]
    )
