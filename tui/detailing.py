"""The details of a row, put together of what was counted and of the last handshakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bpf.event import Direction
from tui.core.cell import Cell
from tui.core.charts import Slice
from tui.core.codes import BUCKETS, FAILURES
from tui.core.column import Main
from tui.core.detail import Detail, Split
from tui.core.detail import Figures as Line
from tui.core.events import Events
from tui.core.figures import Figures
from tui.core.grouping import Grouping, Labels, cell_key, direction_text, host_text, port_text, process_text
from tui.core.row import Row
from tui.core.tally import Tally
from tui.core.trend import SLICE_NS

_LAST = 50
_PARTS = 50
_SECOND_NS = 1_000_000_000


def detail_of(row: Row, events: Events, labels: Labels, now_ns: int, main: Main) -> Detail:
    """All about a row. `now_ns`: when its figures were taken; `main`: what the charts are of."""
    is_live = main is Main.LIVE
    tally = row.live.tally if is_live else row.tally
    slowest = sorted(row.live.connections, key=lambda each: -each.flow.srtt_ns)
    figures = tally.all_time
    durations = [_line("srtt" if is_live else "latency", figures)]
    outbound = [cell for cell in row.cells if cell.key.direction == Direction.OUTBOUND and cell.tally.counts]
    if outbound and not is_live:
        durations.append(_line("connect", _added(outbound).connects()))
    keys = {cell.key for cell in row.cells}
    return Detail(
        title=f"{row.grouping.value} {row.label}",
        now_ns=now_ns,
        slices=[_slice(each.first, each.slices, each.counts) for each in tally.history()],
        counts={code: count for code, count in tally.counts.items() if code < BUCKETS},
        durations=durations,
        splits=[] if is_live else _splits(row, labels),
        last=events.latest(lambda each: cell_key(each) in keys, _LAST),
        connections=slowest[:_LAST],
        open_connections=len(slowest),
        main=main,
    )


def _splits(row: Row, labels: Labels) -> list[Split]:
    """The row's parts, by whatever may tell them apart."""
    by: dict[str, Callable[[Cell], str]] = {
        "host": lambda cell: host_text(cell.key, labels),
        "port": lambda cell: port_text(cell.key, labels),
        "process": lambda cell: process_text(cell.key.process) or "(not known)",
        "direction": lambda cell: direction_text(cell.key.direction),
        "interface": lambda cell: labels.interface(cell.key.ifindex),
    }
    told_already = {row.grouping.value} | ({"host", "port"} if row.grouping is Grouping.SERVICE else set())
    found = []
    for name, part_of in by.items():
        if name not in told_already:
            parts: dict[str, list[Cell]] = {}
            for cell in row.cells:
                if cell.tally.counts:
                    parts.setdefault(part_of(cell), []).append(cell)
            lines = [_line(label, _added(cells)) for label, cells in parts.items()]
            lines.sort(key=lambda line: (-line.count - line.failures, line.label))
            found.append(Split(name, lines[:_PARTS]))
    return found


def _added(cells: Sequence[Cell]) -> Figures:
    total = Tally()
    for cell in cells:
        total.merge(cell.tally)
    return total.all_time


def _line(label: str, figures: Figures) -> Line:
    return Line(
        label, figures.latencies, figures.quantile_ns(0.5), figures.quantile_ns(0.95), figures.failed()
    )


def _slice(first: int, slices: int, counts: Mapping[int, int]) -> Slice:
    return Slice(
        start_ns=first * SLICE_NS,
        seconds=slices * SLICE_NS // _SECOND_NS,
        latencies={code: count for code, count in counts.items() if code < BUCKETS},
        failures=sum(counts.get(code, 0) for code in FAILURES),
    )
