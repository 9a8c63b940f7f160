"""Questions about single rows: how they were over time, and what they are made of."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import floor

from bpf.event import printable
from tui.core.trend import EDGES_NS, SLICES
from tui.fleet import promql
from tui.fleet.answer import Answer, Counts
from tui.fleet.api import Api
from tui.fleet.buckets import Buckets
from tui.fleet.detail import STEPS, FleetDetail, Part, Split, Step
from tui.fleet.promql import Asked, labels_of, matchers_of
from tui.fleet.question import SCRAPES, FleetGrouping, RowKey
from tui.fleet.reading import buckets_of, keyed
from tui.fleet.remote import remote_of

_LEAST_STEP_S = 5.0
_TREND_Q = 0.95


def step_s(scrape_interval_s: float) -> float:
    """How long a step is, in trends and charts: it holds enough scrapes."""
    return max(_LEAST_STEP_S, SCRAPES * scrape_interval_s)


def _of_steps(box_label: str, answer: Answer, matchers: tuple[str, ...]) -> Asked:
    """A step begins with the last scrape before it: so what came between two steps is in one of them."""
    interval_s = answer.scrape_interval_s
    return Asked(box_label, step_s(interval_s), answer.question.direction, matchers, interval_s)


def trends_of(api: Api, box_label: str, answer: Answer, keys: Sequence[RowKey]) -> dict[RowKey, bytes]:
    """The sparklines' levels of some rows of an answer. Blocks; raises NoAnswer."""
    grouping, step = answer.question.grouping, step_s(answer.scrape_interval_s)
    labels = labels_of(grouping, box_label)
    matchers = matchers_of(keys, grouping, box_label)
    asked = _of_steps(box_label, answer, matchers)
    # Whole steps: else every round would cut time anew, and the whole line would flicker.
    end_s = floor(answer.at_s / step) * step
    start_s = end_s - (SLICES - 1) * step
    found = api.over(asked.quantile_by(_TREND_Q, labels), start_s, end_s, step)
    trends = {key: bytes(SLICES) for key in keys}
    for key, series in keyed(found.series, labels, box_label):
        levels = bytearray(SLICES)
        for at_s, value_s in series.points:
            place = round((at_s - start_s) / step)
            if 0 <= place < SLICES:
                levels[place] = bisect_left(EDGES_NS, value_s * 1e9) + 1
        trends[key] = bytes(levels)
    return trends


def detail_of(api: Api, box_label: str, answer: Answer, key: RowKey) -> FleetDetail:
    """All about a row of an answer. Blocks; raises NoAnswer."""
    asking = _Asking(api, box_label, answer, key)
    question = answer.question
    other = FleetGrouping.BOX if question.grouping is FleetGrouping.REMOTE else FleetGrouping.REMOTE
    splits = [asking.split("box" if other is FleetGrouping.BOX else "remote", labels_of(other, box_label)[0])]
    if question.grouping is FleetGrouping.PAIR:
        splits = []
    splits += [asking.split("direction", "direction"), asking.split("interface", "interface")]
    step = step_s(answer.scrape_interval_s)
    return FleetDetail(
        question=question,
        key=key,
        at_s=answer.at_s,
        window_s=answer.window_s,
        counts=asking.counts(),
        connects=asking.buckets(promql.CONNECT),
        step_s=step,
        steps=asking.steps(step),
        splits=[each for each in splits if each.parts],
    )


class _Asking:
    """Asks about one row at one moment."""

    def __init__(self, api: Api, box_label: str, answer: Answer, key: RowKey) -> None:
        self._api, self._at_s = api, answer.at_s
        self._matchers = matchers_of([key], answer.question.grouping, box_label)
        self._asked = Asked(box_label, answer.window_s, answer.question.direction, self._matchers)
        self._of_steps = _of_steps(box_label, answer, self._matchers)

    def _by(self, metric: str, *labels: str) -> dict[tuple[str, ...], float]:
        found = self._api.at(self._asked.sum(metric, labels), self._at_s)
        return {
            tuple(each.labels.get(label, "") for label in labels): each.points[-1][1]
            for each in found.series
            if each.points
        }

    def buckets(self, metric: str) -> Buckets:
        """Of all of the row."""
        return buckets_of({le: count for (le,), count in self._by(metric, "le").items()})

    def counts(self) -> Counts:
        """All of the row."""
        outcomes = {outcome: count for (outcome,), count in self._by(promql.HANDSHAKES, "outcome").items()}
        retransmits = self._by(promql.RETRANSMITS).get((), 0.0)
        return Counts(self.buckets(promql.LATENCY), outcomes, retransmits)

    def split(self, by: str, label: str) -> Split:
        """The row's parts by a label."""
        outcomes: dict[str, dict[str, float]] = {}
        for (value, outcome), count in self._by(promql.HANDSHAKES, label, "outcome").items():
            outcomes.setdefault(value, {})[outcome] = count
        latencies: dict[str, dict[str, float]] = {}
        for (value, le), count in self._by(promql.LATENCY, label, "le").items():
            latencies.setdefault(value, {})[le] = count
        parts = [
            Part(_label(label, value), Counts(buckets_of(latencies.get(value, {})), counts))
            for value, counts in outcomes.items()
            if any(counts.values())
        ]
        parts.sort(key=lambda part: (-part.counts.established - part.counts.failed, part.label))
        return Split(by, parts)

    def steps(self, step: float) -> list[Step]:
        """The last of them, oldest first."""
        end_s = floor(self._at_s / step) * step
        start_s = end_s - (STEPS - 1) * step
        asked = self._of_steps
        latencies: dict[float, dict[str, float]] = {}
        for each in self._api.over(asked.sum(promql.LATENCY, ("le",)), start_s, end_s, step).series:
            for at_s, count in each.points:
                latencies.setdefault(at_s, {})[each.labels.get("le", "")] = count
        failures: dict[float, float] = {}
        for each in self._api.over(asked.sum(promql.HANDSHAKES, ("outcome",)), start_s, end_s, step).series:
            if each.labels.get("outcome") != "established":
                for at_s, count in each.points:
                    failures[at_s] = failures.get(at_s, 0.0) + count
        return [
            Step(at_s, buckets_of(latencies.get(at_s, {})), failures.get(at_s, 0.0))
            for at_s in sorted(latencies.keys() | failures.keys())
        ]


def _label(label: str, value: str) -> str:
    return remote_of(value).text() if label == "remote" else printable(value) or f"(no {label})"
