"""From the ring to the rows, without kernel and screen: read, decoded, ingested, and taken over by a redraw's refresh.

Two threads, as in the program: one reads and decodes, the other ingests, and is busy all the time. What each uses of
the processor counts, but for the busyness.
"""

from __future__ import annotations

import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bpf.event import RECORD, Handshake, Records, decode
from tools.bench.effort import Effort
from tools.bench.handshakes import INTERVAL_NS, LABELS, spread
from tools.bench.report import Figure
from tools.bench.stand import Stand
from tui.core.rows import Rows

TARGET_US = 2.0
_HOSTS = 10_000
_DRAINED = 5000
"""Handshakes in a batch: 100 ms of 50,000 a second."""
_BATCHES_A_REDRAW = 10
_BUSY_TURNS = 200


def figures(effort: Effort) -> Iterator[Figure]:
    """In all and by stage; beside it the least that Python does with a record: unpack it, count it by host."""
    chance = random.Random(1)
    made = [list(spread(chance, _HOSTS, _DRAINED, 0)) for _ in range(_BATCHES_A_REDRAW)]
    batches = [Records.of(each).raw for each in made]
    rounds = max(1, effort.events // (_DRAINED * _BATCHES_A_REDRAW))
    runs, bare = [], []
    for _ in range(max(1, effort.windows // 2)):
        bare.append(_bare_us(batches))
        runs.append(_run(batches, rounds))
    whole = [run.read_us + run.ingest_us + run.refresh_us for run in runs]
    count = rounds * _DRAINED * _BATCHES_A_REDRAW
    yield Figure(
        f"ring to row, {count:,} handshakes, {_HOSTS:,} hosts",
        "us of CPU each",
        whole,
        "us, unpacked and counted by host",
        bare,
        TARGET_US,
    )
    for stage, samples in (
        ("read and decoded", [run.read_us for run in runs]),
        ("ingested", [run.ingest_us for run in runs]),
        ("taken over once a second", [run.refresh_us for run in runs]),
    ):
        yield Figure(f"ring to row: {stage}", "us of CPU each", samples, "us, unpacked and counted", bare)


@dataclass(slots=True)
class _Run:
    """CPU microseconds a handshake, by stage."""

    read_us: float = 0.0
    ingest_us: float = 0.0
    refresh_us: float = 0.0


def _bare_us(batches: Sequence[bytes]) -> float:
    began = time.thread_time()
    hosts: Counter[bytes] = Counter()
    place = Handshake._fields.index("remote")
    for batch in batches:
        hosts.update(fields[place] for fields in RECORD.iter_unpack(batch))
    return (time.thread_time() - began) / sum(hosts.values()) * 1e6


def _run(batches: Sequence[bytes], rounds: int) -> _Run:
    count = rounds * len(batches) * _DRAINED
    run, rows = _Run(), Rows(0, LABELS)
    drained: queue.Queue[Records | None] = queue.Queue(1)
    with Stand() as stand:
        reader = threading.Thread(target=partial(_read, stand, batches, rounds, drained, run))
        reader.start()
        number = 0
        while (batch := _busy_until(drained)) is not None:
            began = time.thread_time()
            rows.ingest(batch)
            run.ingest_us += time.thread_time() - began
            number += 1
            if number % _BATCHES_A_REDRAW == 0:
                began = time.thread_time()
                rows.refresh(number * _DRAINED * INTERVAL_NS)
                run.refresh_us += time.thread_time() - began
        reader.join()
    if rows.totals.count != count:
        raise RuntimeError(f"{rows.totals.count} of {count} were counted")
    for stage in ("read_us", "ingest_us", "refresh_us"):
        setattr(run, stage, getattr(run, stage) / count * 1e6)
    return run


def _busy_until(drained: queue.Queue[Records | None]) -> Records | None:
    """Do other things in Python until there is a batch: the reader has to get the interpreter from this thread."""
    while True:
        for _ in range(_BUSY_TURNS):
            pass
        try:
            return drained.get_nowait()
        except queue.Empty:
            continue


def _read(
    stand: Stand,
    batches: Sequence[bytes],
    rounds: int,
    drained: queue.Queue[Records | None],
    run: _Run,
) -> None:
    """Put batches into the ring, and read them: only the latter counts. The hosts are the same in every round."""
    for number in range(rounds):
        for place, batch in enumerate(batches):
            stand.put(batch)
            began = time.thread_time()
            handshakes, _ = decode(stand.ring.read())
            run.read_us += time.thread_time() - began
            later_ns = (number * len(batches) + place) * _DRAINED * INTERVAL_NS
            drained.put(Records.of(each._replace(time_ns=each.time_ns + later_ns) for each in handshakes))
    drained.put(None)
