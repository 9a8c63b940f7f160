"""Measure tui.core: `PYTHONPATH=. python tools/bench_core.py [HOSTS ...]`. Prints times and memory, judges nothing."""

from __future__ import annotations

import gc
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial

from bpf.event import Handshake, Outcome
from tui.core.columns import COLUMNS, fit
from tui.core.filter import parse
from tui.core.grouping import Grouping
from tui.core.rows import Rows
from tui.core.window import Window

BATCH = 1000
ROWS = 40


class NoLabels:
    """`Labels` that know nothing."""

    def host(self, remote: bytes) -> str:
        """No name."""
        return ""

    def service(self, port: int) -> str:
        """No name."""
        return ""

    def interface(self, ifindex: int) -> str:
        """No name."""
        return ""

    def unit(self, cgroup: int) -> str:
        """No name."""
        return ""


LABELS = NoLabels()


def handshake(rng: random.Random, host: int, time_ns: int) -> Handshake:
    """An outbound handshake of a host whose latencies spread around its own median."""
    latency_ns = int(rng.lognormvariate(14 + host % 50 / 10, 0.3))
    remote = bytes(10) + b"\xff\xff" + (0x0A000000 + host).to_bytes(4, "big")
    return Handshake(
        time_ns=time_ns,
        latency_ns=latency_ns,
        connect_ns=latency_ns,
        answer_ns=0,
        remote=remote,
        local=bytes(16),
        process=bytes(16),
        identity=0,
        cgroup=0,
        ifindex=2,
        pid=0,
        remote_port=443,
        local_port=40000,
        retransmits=0,
        outcome=Outcome.ESTABLISHED,
        direction=0,
        ambiguous=0,
        repeated=0,
    )


def spread(rng: random.Random, hosts: int, events: int, from_ns: int) -> list[Handshake]:
    """`events` handshakes of evenly drawn hosts, 50,000 a second."""
    return [handshake(rng, rng.randrange(hosts), from_ns + i * 20_000) for i in range(events)]


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def bench_ingest(hosts: int, events: int, batches_a_redraw: int) -> None:
    """Time per event; a redraw every so many batches, 0 for none."""
    rng = random.Random(1)
    model = Rows(0, LABELS)
    in_ingest = in_refresh = 0.0
    redraws = 0
    for number in range(1, events // BATCH + 1):
        batch = spread(rng, hosts, BATCH, number * BATCH * 20_000)
        in_ingest += seconds(partial(model.ingest, batch))
        if batches_a_redraw and number % batches_a_redraw == 0:
            in_refresh += seconds(partial(model.refresh, batch[-1].time_ns))
            redraws += 1
    print(
        f"ingest          {hosts:7,} hosts  {events:9,} events  {in_ingest / events * 1e6:5.2f} us/event, "
        f"{(in_ingest + in_refresh) / events * 1e6:5.2f} with {redraws} redraws "
        f"of {in_refresh / max(1, redraws) * 1e3:.1f} ms"
    )


def filled(hosts: int, each: int, seconds_between: int = 0) -> Rows:
    """A model in which every host has `each` handshakes."""
    rng = random.Random(2)
    model = Rows(0, LABELS)
    for turn in range(each):
        now_ns = turn * (seconds_between * 1_000_000_000 + 1_000_000)
        model.ingest(handshake(rng, host, now_ns + host) for host in range(hosts))
        model.refresh(now_ns + 1_000_000)
    return model


def bench_refresh(hosts: int) -> None:
    """Redraw times by sort column and share of hosts touched since the last one."""
    rng = random.Random(3)
    model = filled(hosts, 20)
    now_ns = 1_000_000_000
    for column in ("count", "rate", "p95", "max", "jitter", "age", "host"):
        model.sort_by(column)
        figures = []
        for share in (0.01, 0.1, 1.0):
            best = float("inf")
            for _ in range(3):
                now_ns += 500_000_000
                model.refresh(now_ns)  # so that a slice that ends here is not counted below
                touched = rng.sample(range(hosts), int(hosts * share))
                model.ingest([handshake(rng, host, now_ns) for host in touched])
                best = min(best, seconds(partial(model.refresh, now_ns)))
            figures.append(f"{share:4.0%} {best * 1e3:7.2f} ms")
        print(f"refresh by {column:7}{hosts:7,} hosts  {'   '.join(figures)}")
    model.sort_by("rate")
    for window in (Window.ALL, Window.MINUTE, Window.MINUTES_15):
        model.look_at(window)
        now_ns += 5_000_000_000
        model.ingest([handshake(rng, host, now_ns) for host in range(hosts)])
        model.refresh(now_ns)
        aged = seconds(partial(model.refresh, now_ns + 5_000_000_000))
        left = seconds(partial(model.refresh, now_ns + 60_000_000_000))
        now_ns += 1000_000_000_000
        model.refresh(now_ns)
        print(
            f"a slice passes  {hosts:7,} hosts  window {window.value:4} {aged * 1e3:.2f} ms, "
            f"a minute {left * 1e3:.2f} ms"
        )


def bench_rows(hosts: int) -> None:
    """What the screen asks for."""
    model = filled(hosts, 20)
    columns = fit(120)
    host = model.rows(hosts // 2, hosts // 2 + 1)[0]

    def draw() -> None:
        for row in model.rows(hosts // 2, hosts // 2 + ROWS):
            for column, width in columns:
                column.cell(row, width)

    first, again = seconds(draw), seconds(draw)
    rank = seconds(lambda: [model.rank(host) for _ in range(1000)]) / 1000
    predicate = parse("10.0.1 p95>1ms").predicate()
    narrow = seconds(lambda: model.narrow(predicate))
    widen = seconds(lambda: model.narrow(None))
    sort = seconds(lambda: model.sort_by("p99"))
    print(
        f"40 rows drawn   {hosts:7,} hosts  {first * 1e3:.2f} ms, again {again * 1e3:.2f} ms; "
        f"rank {rank * 1e6:.1f} us; narrow {narrow * 1e3:.0f}, widen {widen * 1e3:.0f}, by p99 {sort * 1e3:.0f} ms"
    )


def bench_choices(hosts: int) -> None:
    """What keys ask for: each is one call that everybody waits for."""
    model = filled(hosts, 20, seconds_between=5)
    for grouping in (*Grouping, Grouping.HOST):
        took = seconds(partial(model.group_by, grouping))
        drawn = seconds(lambda: (model.totals.rate, [row.rate for row in model.rows(0, ROWS)]))
        print(
            f"group by        {hosts:7,} hosts  {grouping.value:10} {took * 1e3:6.1f} ms, drawn {drawn * 1e3:.1f}"
        )
    for window in Window:
        took = seconds(partial(model.look_at, window))
        model.sort_by("p95")
        by_p95 = seconds(partial(model.look_at, window))
        model.sort_by("count")
        print(
            f"look at         {hosts:7,} hosts  {window.value:10} {took * 1e3:6.1f} ms, by p95 {by_p95 * 1e3:.1f}"
        )
    mark = seconds(model.mark)
    by_change = seconds(lambda: model.sort_by("dp95"))
    unmark = seconds(model.unmark)
    print(
        f"mark            {hosts:7,} hosts  {mark * 1e3:.1f} ms, by dp95 {by_change * 1e3:.1f}, "
        f"unmark {unmark * 1e3:.1f}"
    )


def bench_memory(hosts: int, each: int, seconds_between: int) -> None:
    """Memory per host."""
    gc.collect()
    tracemalloc.start()
    model = filled(hosts, each, seconds_between)
    model.rows(0, ROWS)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(
        f"memory          {hosts:7,} hosts  {each:4} handshakes each, {seconds_between} s between"
        f"  {used / hosts:7,.0f} bytes/host"
    )
    del model


def main(arguments: Sequence[str]) -> None:
    """Run all."""
    print(f"Python {sys.version.split()[0]}, {len(COLUMNS)} columns")
    for hosts, batches_a_redraw in ((100, 0), (10_000, 0), (10_000, 25)):
        bench_ingest(hosts, 1_000_000, batches_a_redraw)
    for hosts in [int(each) for each in arguments] or [10_000, 100_000]:
        bench_refresh(hosts)
        bench_rows(hosts)
    bench_choices(10_000)
    for each in (1, 10, 100, 1000):
        bench_memory(1000, each, 0)
    for each in (12, 180, 720):
        bench_memory(1000, each, 5)


if __name__ == "__main__":
    main(sys.argv[1:])
