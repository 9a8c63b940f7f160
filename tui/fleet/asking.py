"""A round of questions, and the answers put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from statistics import median

from bpf.event import printable
from tui.fleet import promql
from tui.fleet.answer import Answer, Box, Counts
from tui.fleet.api import Api, Found, Series, is_time
from tui.fleet.http import NoAnswer
from tui.fleet.promql import Asked, labels_of
from tui.fleet.question import SCRAPES, Question, RowKey, rate_s, window_s
from tui.fleet.reading import buckets_of, by_key

ROWS_MAX = 2000
SCRAPE_INTERVAL_S = 15.0
"""Where nothing tells it."""
_INTERVAL_KEPT_S = 60.0
_JOBS_MAX = 8


@dataclass(slots=True)
class _Round:
    """Questions about one moment, and the warnings that came with the answers."""

    api: Api
    at_s: float
    warnings: dict[str, None] = field(default_factory=dict)

    def ask(self, text: str) -> Found:
        """Ask how it is at that moment."""
        found = self.api.at(text, self.at_s)
        self.warnings.update(dict.fromkeys(found.warnings))
        return found


class Asking:
    """Asks one server. One thread; every call blocks, and raises NoAnswer."""

    def __init__(self, api: Api, box_label: str = "instance", rows_max: int = ROWS_MAX) -> None:
        self._api = api
        self._box_label = box_label
        self._rows_max = rows_max
        self._interval_s = SCRAPE_INTERVAL_S
        self._interval_until_s = -inf

    def answer(self, question: Question) -> Answer:
        """Ask all that the table is made of."""
        now_s = self._api.at(promql.NOW).value
        if now_s is None or not is_time(now_s):
            raise NoAnswer("it does not say what time it is")
        asking = _Round(self._api, now_s)
        processes = asking.ask(promql.boxes_now())
        interval_s = self._scrape_interval_s(asking, processes)
        window = window_s(question.window, interval_s)
        asked = Asked(self._box_label, window, question.direction)
        rate = rate_s(question.window, interval_s)
        rows, known = self._rows(asking, question, asked, rate)
        lost = asking.ask(Asked(self._box_label, window).sum(promql.EVENTS_LOST, ()))
        return Answer(
            question=question,
            at_s=now_s,
            window_s=window,
            rate_s=rate,
            scrape_interval_s=interval_s,
            is_interval_known=self._interval_until_s > now_s,
            rows=rows,
            known=known,
            boxes=self._boxes(asking, processes, interval_s, rate),
            events_lost=lost.value or 0.0,
            evicting=self._evicting(asking, window),
            doubled=_doubled(processes),
            warnings=tuple(asking.warnings),
        )

    def _rows(
        self, asking: _Round, question: Question, asked: Asked, rate: float
    ) -> tuple[Mapping[RowKey, Counts], int]:
        labels = labels_of(question.grouping, self._box_label)
        limit = self._rows_max

        def find(metric: str, extra: str, *, is_cut: bool) -> Mapping[RowKey, dict[str, float]]:
            by = (*labels, extra) if extra else labels
            text = asked.busiest(metric, by, labels, limit) if is_cut else asked.sum(metric, by)
            return by_key(asking.ask(text).series, labels, self._box_label, extra)

        outcomes = find(promql.HANDSHAKES, "outcome", is_cut=True)
        # To choose the busiest takes the server as long as to count them.
        is_cut = len(outcomes) >= limit
        latencies = find(promql.LATENCY, "le", is_cut=is_cut)
        retransmits = find(promql.RETRANSMITS, "", is_cut=is_cut)
        recent = self._recent(asking, asked, labels, rate)
        rows = {
            key: Counts(
                latencies=buckets_of(latencies.get(key, {})),
                outcomes=counts,
                retransmits=retransmits.get(key, {}).get("", 0.0),
                recent=counts.get("established", 0.0) if recent is None else recent.get(key, {}).get("", 0.0),
            )
            for key, counts in outcomes.items()
            if any(counts.values())
        }
        known = len(rows)
        if is_cut:
            known = max(known, round(asking.ask(asked.number_of(labels)).value or 0))
        return rows, known

    def _recent(
        self, asking: _Round, asked: Asked, labels: Sequence[str], rate: float
    ) -> Mapping[RowKey, dict[str, float]] | None:
        """What rates are made of; None: of what the window holds."""
        if asked.window_s is not None:
            return None
        lately = Asked(self._box_label, rate, asked.direction, ('outcome="established"',))
        found = asking.ask(f"{lately.sum(promql.HANDSHAKES, labels)} > 0")
        return by_key(found.series, labels, self._box_label, "")

    def _boxes(self, asking: _Round, processes: Found, interval_s: float, rate: float) -> list[Box]:
        """By their label: those scraped now, those that were within a day, and those of the same jobs."""
        since_s = asking.at_s - SCRAPES * interval_s
        scraped: dict[str, float] = {}
        for each in processes.series:
            name = self._box_of(each)
            scraped[name] = max(scraped.get(name, 0.0), each.points[-1][1] if each.points else 0.0)
        names = {name: at_s >= since_s for name, at_s in scraped.items()}
        for each in asking.ask(promql.boxes_lately()).series:
            names.setdefault(self._box_of(each), False)
        for each in asking.ask(promql.targets()).series:
            if each.points and not each.points[-1][1]:
                names.setdefault(self._box_of(each), False)
        first: dict[str, float] = {}
        for each in asking.ask(promql.first_scrapes(rate, interval_s)).series:
            if each.points:
                name = self._box_of(each)
                first[name] = min(first.get(name, inf), each.points[-1][1])
        return [
            Box(printable(name), is_up, scraped.get(name), first.get(name))
            for name, is_up in sorted(names.items())
        ]

    def _box_of(self, series: Series) -> str:
        return series.labels.get(self._box_label, "")

    def _evicting(self, asking: _Round, window: float | None) -> list[str]:
        """Nobody in all that was counted: there, `other` and sums are exact."""
        if window is None:
            return []
        found = asking.ask(f"{Asked(self._box_label, window).sum(promql.EVICTED, (self._box_label,))} > 0")
        return sorted(printable(self._box_of(each)) for each in found.series)

    def _scrape_interval_s(self, asking: _Round, processes: Found) -> float:
        """The longest of all jobs, of each by one that is scraped now."""
        if asking.at_s < self._interval_until_s:
            return self._interval_s
        of_jobs = {each.labels.get("job", ""): each.labels for each in processes.series}
        intervals = []
        for labels in list(of_jobs.values())[:_JOBS_MAX]:
            for each in asking.ask(promql.scrapes_of(labels)).series:
                times = [at for at, _ in each.points]
                intervals += [median(b - a for a, b in pairwise(times))] if times[1:] else []
        if intervals:
            self._interval_s = max(intervals)
            self._interval_until_s = asking.at_s + _INTERVAL_KEPT_S
        return self._interval_s


def _doubled(processes: Found) -> list[str]:
    """Those that are there more than once. Of one that was just updated the version before may still be known."""
    found: dict[str, set[frozenset[tuple[str, str]]]] = {}
    for each in processes.series:
        others = frozenset((name, value) for name, value in each.labels.items() if name != "version")
        found.setdefault(each.labels.get("instance", ""), set()).add(others)
    return sorted(printable(instance) for instance, kinds in found.items() if instance and len(kinds) > 1)
