"""The page of details as lines of text: one column where it is narrow, two from 110 characters on."""

from __future__ import annotations

from collections.abc import Sequence

from bpf.event import printable
from tui.core.charts import heatmap, histogram_chart, latency_chart, merged, quantiles_of
from tui.core.column import Main
from tui.core.connection_columns import connection_line, fit_connections
from tui.core.detail import Detail, Figures, Split
from tui.core.event_columns import event_line, fit_events
from tui.core.fields import GAP, Writing, titles_of
from tui.core.format import (
    COUNT_WIDTH,
    DURATION_WIDTH,
    FAILURES_WIDTH,
    Glyphs,
    count_text,
    duration_text,
    failures_text,
    shorten_middle,
)
from tui.core.runs import Line, Role, beside

TWO_COLUMNS = 110
"""The least width at which charts and tables stand side by side."""
_BETWEEN = 3
_MOST_PARTS = 12
_DURATIONS = "times"
_LEAST_LABEL = 15
_WIDEST_LABEL = 40
_QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_FIGURES_WIDTH = COUNT_WIDTH + 2 * DURATION_WIDTH + FAILURES_WIDTH + 4 * GAP


def detail_page(detail: Detail, width: int, height: int, writing: Writing) -> list[Line]:
    """The whole page, however long; `height` is what is seen at a time, and charts are as high as that allows."""
    glyphs, is_live = writing.glyphs, detail.main is Main.LIVE
    if width < TWO_COLUMNS:
        chart_rows = max(6, min(14, (height - 2) // 2 - 1))
        blocks = [
            _latency(detail, width, chart_rows, glyphs),
            *([_connections(detail, width, writing)] if is_live else []),
            _distribution(detail, width, chart_rows, glyphs),
            _heatmap(detail, width, chart_rows, glyphs),
            _tables(detail, width, glyphs),
            *([] if is_live else [_connections(detail, width, writing)]),
        ]
    else:
        right_width = min(60, width * 2 // 5)
        left_width = width - right_width - _BETWEEN
        chart_rows = max(8, min(24, (height - 10) // 2))
        left = _joined(
            [
                _latency(detail, left_width, chart_rows, glyphs),
                _heatmap(detail, left_width, chart_rows, glyphs),
            ]
        )
        right = _joined(
            [
                _distribution(detail, right_width, max(7, chart_rows - 2), glyphs),
                _tables(detail, right_width, glyphs),
            ]
        )
        blocks = [beside(left, right, left_width, _BETWEEN), _connections(detail, width, writing)]
    return _joined([*blocks, _last(detail, width, writing)])


def _joined(blocks: Sequence[list[Line]]) -> list[Line]:
    """One block after the other, a blank line between two."""
    lines: list[Line] = []
    for each in filter(None, blocks):
        lines += [[], *each] if lines else each
    return lines


def _latency(detail: Detail, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    found = quantiles_of(merged(each.latencies for each in detail.slices), (0.99, 0.5))
    p99, p50 = found or (None, None)
    what = "srtt" if detail.main is Main.LIVE else "latency"
    heading = [
        (f"{what} over time  ", Role.HEADING),
        (f"upper p99 {duration_text(p99, glyphs)}", Role.P99),
        ("  ", Role.NOTE),
        (f"lower p50 {duration_text(p50, glyphs)}", Role.P50),
    ]
    if detail.main is Main.HANDSHAKE:
        failures = sum(each.failures for each in detail.slices)
        failed = f"  {glyphs.failure} failed {count_text(failures)}"
        heading.append((failed, Role.FAILURE if failures else Role.NOTE))
    return [heading, *latency_chart(detail.slices, width, height, detail.now_ns, glyphs)]


def _distribution(detail: Detail, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    found = zip(_QUANTILES, quantiles_of(detail.counts, tuple(_QUANTILES.values())), strict=False)
    marks = {f"{label} {duration_text(ns, glyphs)}": ns for label, ns in found}
    count = count_text(sum(detail.counts.values()))
    what = "samples" if detail.main is Main.LIVE else "latencies"
    heading = [("distribution  ", Role.HEADING), (f"{count} {what} since the start", Role.NOTE)]
    return [heading, *histogram_chart(detail.counts, width, height, marks, glyphs)]


def _heatmap(detail: Detail, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    what = "samples said so" if detail.main is Main.LIVE else "handshakes took so long"
    heading = [("heatmap  ", Role.HEADING), (f"the denser, the more {what}", Role.NOTE)]
    return [heading, *heatmap(detail.slices, width, height, detail.now_ns, glyphs)]


def _tables(detail: Detail, width: int, glyphs: Glyphs) -> list[Line]:
    """Two next to each other where there is room."""
    tables = [Split(_DURATIONS, detail.durations), *detail.splits]
    tables = [each for each in tables if each.parts]
    half = (width - _BETWEEN) // 2
    if half < _LEAST_LABEL + _FIGURES_WIDTH:
        return _joined([_table(each, width, glyphs) for each in tables])
    rows = []
    for left, right in zip(tables[::2], [*tables[1::2], None], strict=False):
        rows.append(
            beside(_table(left, half, glyphs), _table(right, half, glyphs) if right else [], half, _BETWEEN)
        )
    return _joined(rows)


def _table(split: Split, width: int, glyphs: Glyphs) -> list[Line]:
    label_width = min(_WIDEST_LABEL, max(0, width - _FIGURES_WIDTH))
    is_of_durations = split.by is _DURATIONS
    title = split.by if is_of_durations else f"by {split.by}"
    fail = "" if is_of_durations else "fail"
    lines: list[Line] = [
        [
            (shorten_middle(title, label_width, glyphs).ljust(label_width), Role.HEADING),
            (
                f" {'n':>{COUNT_WIDTH}} {'p50':>{DURATION_WIDTH}} {'p95':>{DURATION_WIDTH}} {fail:>{FAILURES_WIDTH}}",
                Role.NOTE,
            ),
        ]
    ]
    lines += [_figures(each, label_width, glyphs) for each in split.parts[:_MOST_PARTS]]
    if len(split.parts) > _MOST_PARTS:
        lines.append([(f"and {len(split.parts) - _MOST_PARTS:,} more", Role.NOTE)])
    return lines


def _figures(figures: Figures, label_width: int, glyphs: Glyphs) -> Line:
    text = (
        f"{shorten_middle(printable(figures.label), label_width, glyphs):{label_width}}"
        f" {count_text(figures.count):>{COUNT_WIDTH}}"
        f" {duration_text(figures.p50_ns, glyphs):>{DURATION_WIDTH}}"
        f" {duration_text(figures.p95_ns, glyphs):>{DURATION_WIDTH}}"
    )
    failures = failures_text(figures.failures, glyphs)
    return (
        [(text, Role.TEXT), (f" {failures:>{FAILURES_WIDTH}}", Role.FAILURE)]
        if failures
        else [(text, Role.TEXT)]
    )


def _connections(detail: Detail, width: int, writing: Writing) -> list[Line]:
    if not detail.connections:
        return []
    columns = fit_connections(width)
    number = "the slowest first"
    if len(detail.connections) < detail.open_connections:
        number = f"the {len(detail.connections)} slowest of {count_text(detail.open_connections)}"
    lines = [connection_line(each, columns, writing) for each in detail.connections]
    heading: Line = [("open connections  ", Role.HEADING), (number, Role.NOTE)]
    return [heading, [(titles_of(columns), Role.NOTE)], *lines]


def _last(detail: Detail, width: int, writing: Writing) -> list[Line]:
    if not detail.last:
        return []
    columns = fit_events(width)
    heading: Line = [("last handshakes  ", Role.HEADING), ("newest first", Role.NOTE)]
    return [
        heading,
        [(titles_of(columns), Role.NOTE)],
        *(event_line(each, columns, writing) for each in detail.last),
    ]
