"""Questions in PromQL, of what `tcplat --listen` counts."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bpf.event import Direction
from tui.fleet.question import FleetGrouping, RowKey

LATENCY = "tcplat_handshake_latency_seconds_bucket"
CONNECT = "tcplat_connect_duration_seconds_bucket"
HANDSHAKES = "tcplat_handshakes_total"
RETRANSMITS = "tcplat_syn_retransmits_total"
EVENTS_LOST = "tcplat_probe_events_lost_total"
EVICTED = "tcplat_label_sets_evicted_total"
BUILD = "tcplat_build_info"
NOW = "time()"
_SPECIAL = frozenset("\\.+*?()|[]{}^$")


@dataclass(frozen=True, slots=True)
class Asked:
    """A way to ask: over which time, of which series."""

    box_label: str
    window_s: float | None
    """None: everything that was counted."""
    direction: int | None = None
    matchers: tuple[str, ...] = ()
    before_s: float = 0.0
    """So much before the window is looked at, too, for a scrape that says what there had been."""

    def _of(self, metric: str) -> str:
        matchers = list(self.matchers)
        if self.direction is not None:
            matchers.append(f'direction="{Direction(self.direction).name.lower()}"')
        selector = f"{metric}{{{','.join(matchers)}}}" if matchers else metric
        if self.window_s is None:
            return selector
        began, process = f"offset {_ms(self.window_s)}", f"{self.box_label},job,instance"
        # `increase` does not see what a series began with. Where the exporter was there when the window began, and the
        # series was not, all that it has came since: exporters begin a series at 0.
        new = f"({selector} unless {selector} {began}) and on ({process}) {BUILD} {began}"
        return f"({new} or increase({selector}[{_ms(self.window_s + self.before_s)}]))"

    def sum(self, metric: str, by: Iterable[str]) -> str:
        """What was counted, by labels."""
        return f"sum by ({','.join(by)}) ({self._of(metric)})"

    def busiest(self, metric: str, by: Iterable[str], labels: Sequence[str], limit: int) -> str:
        """The same, of those sets of `labels`, which are among `by`, that have most handshakes."""
        chosen = f"topk({limit},{self.sum(HANDSHAKES, labels)})"
        return f"{self.sum(metric, by)} and on ({','.join(labels)}) {chosen}"

    def number_of(self, labels: Sequence[str]) -> str:
        """How many label sets there are."""
        return f"count({self.sum(HANDSHAKES, labels)})"

    def quantile_by(self, q: float, labels: Sequence[str]) -> str:
        """A quantile of the latency, by labels."""
        return f"histogram_quantile({q:g},{self.sum(LATENCY, (*labels, 'le'))})"


def labels_of(grouping: FleetGrouping, box_label: str) -> tuple[str, ...]:
    """The labels that rows are told apart by."""
    return ((box_label,) if grouping.has_box else ()) + (("remote",) if grouping.has_remote else ())


def matchers_of(keys: Collection[RowKey], grouping: FleetGrouping, box_label: str) -> tuple[str, ...]:
    """What series of these rows have in common."""
    found = []
    if grouping.has_box:
        found.append(_one_of(box_label, sorted({box for box, _ in keys})))
    if grouping.has_remote:
        found.append(_one_of("remote", sorted({remote for _, remote in keys})))
    return tuple(found)


def _ms(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def _one_of(label: str, values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"{label}={_quoted(values[0])}"
    return f"{label}=~{_quoted('|'.join(map(_literal, values)))}"


def _quoted(text: str) -> str:
    """A string of PromQL: its escapes are Go's, JSON's are among them."""
    return json.dumps(text, ensure_ascii=False)


def _literal(text: str) -> str:
    """A regular expression (RE2) that matches just this text."""
    return "".join(f"\\{each}" if each in _SPECIAL else each for each in text)


def boxes_now() -> str:
    """One series for each process that is scraped, whose value's time is that of its last scrape."""
    return f"timestamp({BUILD})"


def first_scrapes(window_s: float, scrape_interval_s: float) -> str:
    """One series for each process that was scraped in a window: when that was first, or an interval later."""
    return f"min_over_time(timestamp({BUILD})[{_ms(window_s)}:{_ms(scrape_interval_s)}])"


def boxes_lately() -> str:
    """One series for each process that has been scraped within a day."""
    return f"present_over_time({BUILD}[1d])"


def targets() -> str:
    """Whether each target of the jobs that these belong to is up."""
    return f"up and on (job) {boxes_lately()}"


def scrapes_of(labels: Mapping[str, str]) -> str:
    """The scrapes of one of them in the last minutes, each with its time."""
    matchers = [f"{name}={_quoted(value)}" for name, value in sorted(labels.items()) if name != "__name__"]
    return f"{BUILD}{{{','.join(matchers)}}}[10m]"
