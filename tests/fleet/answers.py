"""Answers for tests that ask nobody: a fleet of three boxes at a known moment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import inf

from tui.core.window import Window
from tui.exporter.counts import EDGES_NS
from tui.fleet.answer import Answer, Box, Counts
from tui.fleet.buckets import Buckets
from tui.fleet.detail import FleetDetail, Part, Split, Step
from tui.fleet.question import FleetGrouping, Question, RowKey

AT_S = 1_700_000_000.0
MS = 1_000_000
_EDGES_S = (*(ns / 1e9 for ns in EDGES_NS), inf)


def buckets(latencies_ns: Sequence[int]) -> Buckets:
    """As an exporter counts them."""
    counts = [0.0] * len(_EDGES_S)
    for ns in latencies_ns:
        counts[bisect_left(EDGES_NS, ns)] += 1
    return Buckets(dict(zip(_EDGES_S, accumulate(counts), strict=True)))


def counts(*latencies_ms: float, refused: float = 0, retransmits: float = 0) -> Counts:
    """Of handshakes that took so long."""
    outcomes = {"established": float(len(latencies_ms)), "refused": refused}
    latencies = buckets([round(ms * MS) for ms in latencies_ms])
    return Counts(latencies, outcomes, retransmits, float(len(latencies_ms)))


ROWS: Mapping[RowKey, Counts] = {
    ("10.0.0.1:9811", "192.0.2.10"): counts(*[0.4] * 200),
    ("10.0.0.1:9811", "203.0.113.9"): counts(*[90.0] * 20, refused=2),
    ("10.0.0.2:9811", "203.0.113.9"): counts(*[400.0] * 40, retransmits=3),
    ("10.0.0.2:9811", "2001:db8:1::7"): counts(*[12.0] * 4),
    ("10.0.0.3:9811", "198.51.100.66"): counts(refused=5),
    ("10.0.0.3:9811", "192.0.2.10"): counts(*[20_000.0] * 30),
    ("10.0.0.3:9811", "other"): counts(*[30.0] * 7),
}
BOXES = (
    Box("10.0.0.1:9811", True, AT_S - 3, AT_S - 300),
    Box("10.0.0.2:9811", True, AT_S - 1, AT_S - 60),
    Box("10.0.0.3:9811", False, None, AT_S - 300),
)


def answer(
    question: Question = Question(FleetGrouping.PAIR, Window.MINUTES_5),  # noqa: B008 - frozen
    rows: Mapping[RowKey, Counts] = ROWS,
    *,
    window_s: float | None = 300.0,
    scrape_interval_s: float = 15.0,
    known: int | None = None,
    boxes: Sequence[Box] = BOXES,
    events_lost: float = 0.0,
    evicting: Sequence[str] = (),
    doubled: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> Answer:
    """All that is asked for a table."""
    return Answer(
        question=question,
        at_s=AT_S,
        window_s=window_s,
        rate_s=window_s or 60.0,
        scrape_interval_s=scrape_interval_s,
        is_interval_known=True,
        rows=rows,
        known=len(rows) if known is None else known,
        boxes=boxes,
        events_lost=events_lost,
        evicting=evicting,
        doubled=doubled,
        warnings=warnings,
    )


def detail(key: RowKey, question: Question) -> FleetDetail:
    """All about a row: a remote that two boxes see."""
    steps = [
        Step(
            AT_S // 60 * 60 - 60 * age,
            buckets([(40 if age > 6 else 300) * MS] * (3 + age % 4)),
            float(age == 9),
        )
        for age in range(30, -1, -1)
        if age != 15
    ]
    parts = [
        Part("10.0.0.1:9811", counts(*[90.0] * 20, refused=2)),
        Part("10.0.0.2:9811", counts(*[400.0] * 40)),
    ]
    return FleetDetail(
        question=question,
        key=key,
        at_s=AT_S,
        window_s=300.0,
        counts=counts(*[90.0] * 20, *[400.0] * 40, refused=2, retransmits=3),
        connects=buckets([90 * MS] * 20 + [1_400 * MS] * 40),
        step_s=60.0,
        steps=steps,
        splits=[Split("box", parts), Split("interface", [Part("eth0", counts(*[90.0] * 60))])],
    )
