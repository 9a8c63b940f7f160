"""The model of the table alone, call by call: what a redraw, a key, a drawn page and a host take. No targets.

Asked for by name only: it is many rows.
"""

from __future__ import annotations

import gc
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tools.bench.effort import Effort
from tools.bench.handshakes import LABELS, handshake
from tools.bench.report import Figure
from tui.core.columns import fit
from tui.core.filter import parse
from tui.core.grouping import Grouping
from tui.core.rows import Rows
from tui.core.window import Window

_COLUMNS = ("count", "rate", "p95", "max", "jitter", "age", "host")
_SHARES = (0.01, 0.1, 1.0)
_EACH = 20
_PAGE, _WIDTH = 40, 120
_S = 1_000_000_000
_MEMORY = ((1, 0), (10, 0), (100, 0), (1000, 0), (12, 5), (180, 5), (720, 5))
"""Handshakes of each host, and seconds between two."""
_EVENTS_A_HOST = 2000
"""About as many as all of these."""


def figures(effort: Effort) -> Iterator[Figure]:
    """Of as many hosts as there are to be at most, but for memory, which is told by host."""
    hosts = effort.hosts[1]
    for told in (_redraws, _passing_time, _page, _keys):
        yield from told(hosts, effort.loads)
    yield from _memory(effort)


def _figure(hosts: int, what: str, samples: Sequence[float], beside: Sequence[float] | None = None) -> Figure:
    reference = beside or [_sorting_s(hosts)]
    return Figure(
        f"model, {hosts:,} hosts: {what}",
        "ms",
        [each * 1e3 for each in samples],
        "ms, as many numbers sorted",
        [each * 1e3 for each in reference],
    )


def _sorting_s(count: int) -> float:
    chance = random.Random(1)
    numbers = [chance.random() for _ in range(count)]
    return _seconds(numbers.sort)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def filled(hosts: int, each: int, seconds_between: int = 0) -> Rows:
    """A model in which every host has so many handshakes."""
    chance = random.Random(2)
    model = Rows(0, LABELS)
    for turn in range(each):
        now_ns = turn * (seconds_between * _S + 1_000_000)
        model.ingest([handshake(chance, host, now_ns + host) for host in range(hosts)])
        model.refresh(now_ns + 1_000_000)
    return model


def _redraws(hosts: int, repetitions: int) -> Iterator[Figure]:
    """By the column that is sorted by, and the share of hosts that had a handshake since the last redraw."""
    chance = random.Random(3)
    model, now_ns = filled(hosts, _EACH), _S
    for column in _COLUMNS:
        model.sort_by(column)
        for share in _SHARES:
            took, sorting = [], []
            for _ in range(min(repetitions, 5)):
                now_ns += _S // 2
                model.refresh(now_ns)  # So that a slice that ends here is not counted below.
                touched = chance.sample(range(hosts), int(hosts * share))
                model.ingest([handshake(chance, host, now_ns) for host in touched])
                took.append(_seconds(partial(model.refresh, now_ns)))
                sorting.append(_sorting_s(hosts))
            yield _figure(hosts, f"a redraw by {column}, {share:.0%} of hosts touched", took, sorting)


def _passing_time(hosts: int, _: int) -> Iterator[Figure]:
    """Nothing comes, but something leaves the window."""
    chance = random.Random(4)
    model, now_ns = filled(hosts, _EACH), _S
    model.sort_by("rate")
    for window in (Window.ALL, Window.MINUTE, Window.MINUTES_15):
        model.look_at(window)
        now_ns += 5 * _S
        model.ingest([handshake(chance, host, now_ns) for host in range(hosts)])
        model.refresh(now_ns)
        for what, later_ns in (("5 s", 5 * _S), ("a minute", 60 * _S)):
            took = _seconds(partial(model.refresh, now_ns + later_ns))
            yield _figure(hosts, f"{what} pass, window {window.value}", [took])
        now_ns += 1000 * _S
        model.refresh(now_ns)


def _page(hosts: int, repetitions: int) -> Iterator[Figure]:
    """What the screen asks for."""
    model = filled(hosts, _EACH)
    columns = fit(_WIDTH)

    def draw() -> None:
        for row in model.rows(hosts // 2, hosts // 2 + _PAGE):
            for column, width in columns:
                column.cell(row, width)

    yield _figure(hosts, f"{_PAGE} rows drawn for the first time", [_seconds(draw)])
    yield _figure(hosts, f"{_PAGE} rows drawn again", [_seconds(draw) for _ in range(repetitions)])
    row = model.rows(hosts // 2, hosts // 2 + 1)[0]
    yield _figure(hosts, "the rank of a row", [_seconds(partial(model.rank, row)) for _ in range(100)])


def _keys(hosts: int, _: int) -> Iterator[Figure]:
    """Each is one call that everybody waits for."""
    model = filled(hosts, _EACH, seconds_between=5)
    predicate = parse("10.0.1 p95>1ms").predicate()
    yield _figure(hosts, "narrowed", [_seconds(partial(model.narrow, predicate))])
    yield _figure(hosts, "widened", [_seconds(partial(model.narrow, None))])
    yield _figure(hosts, "sorted by p99", [_seconds(partial(model.sort_by, "p99"))])
    for grouping in (*Grouping, Grouping.HOST):
        took = _seconds(partial(model.group_by, grouping))
        drawn = _seconds(lambda: (model.totals.rate, [row.rate for row in model.rows(0, _PAGE)]))
        yield _figure(hosts, f"grouped by {grouping.value}", [took])
        yield _figure(hosts, f"grouped by {grouping.value}, then drawn", [drawn])
    for window in Window:
        for column in ("count", "p95"):
            model.sort_by(column)
            took = _seconds(partial(model.look_at, window))
            yield _figure(hosts, f"window {window.value}, by {column}", [took])
    yield _figure(hosts, "marked", [_seconds(model.mark)])
    yield _figure(hosts, "sorted by dp95", [_seconds(partial(model.sort_by, "dp95"))])
    yield _figure(hosts, "unmarked", [_seconds(model.unmark)])


def _memory(effort: Effort) -> Iterator[Figure]:
    """Bytes a host."""
    hosts = max(1, min(effort.hosts[0], effort.events // _EVENTS_A_HOST))
    bare = _traced(lambda: {number.to_bytes(16, "big"): [0] for number in range(hosts)})
    for each, seconds_between in _MEMORY:
        used = _traced(partial(filled, hosts, each, seconds_between))
        yield Figure(
            f"model, memory: {each:,} handshakes each, {seconds_between} s apart",
            "bytes a host",
            [used / hosts],
            "bytes, a list in a dict",
            [bare / hosts],
        )


def _traced(make: Callable[[], object]) -> int:
    gc.collect()
    tracemalloc.start()
    made = make()
    if isinstance(made, Rows):
        made.rows(0, _PAGE)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return used
