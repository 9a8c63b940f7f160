"""An exporter that is given handshakes and samples, and what a scraper reads of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics import parser
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from bpf.event import Flow, Handshake
from bpf.source import Account, Batch
from tui.core.filter import parse as parse_filter
from tui.exporter.exporter import Exporter
from tui.exporter.label_sets import LabelBy

INTERFACES = {2: "eth0", 3: "wg0"}
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by name and labels."""


class Interfaces:
    """`Names`."""

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self._names = INTERFACES if names is None else names

    def name_of(self, ifindex: int) -> str:
        return self._names.get(ifindex, f"if{ifindex}")

    def unit_of(self, cgroup: int) -> str:
        return ""


class Scraped:
    """An exporter, and its series as both formats have them."""

    def __init__(
        self,
        label_by: LabelBy = LabelBy.HOST,
        max_series: int = 1000,
        *,
        filter_: str = "",
        version: str = "1.2.3",
        names: Mapping[int, str] | None = None,
    ) -> None:
        self.now_ns = 0
        chosen = parse_filter(filter_)
        self.exporter = Exporter(version, label_by, max_series, chosen, lambda: self.now_ns)
        self._names = Interfaces(names)
        self._registry = CollectorRegistry(support_collectors_without_names=True)
        self._registry.register(self.exporter)

    def take(
        self,
        handshakes: Iterable[Handshake] = (),
        flows: Iterable[Flow] = (),
        accounts: Sequence[Account] = (),
    ) -> None:
        self.exporter.take(Batch(list(handshakes), list(accounts), flows=list(flows)), self._names, 0)

    def families(self) -> list[Metric]:
        """As OpenMetrics, which its parser checks strictly."""
        return openmetrics_families(generate_openmetrics(self._registry))  # type: ignore[no-untyped-call]

    def series(self) -> Series:
        """All there are; both formats have the same."""
        read = series_of(self.families())
        assert read == series_of(text_families(generate_latest(self._registry)))
        return read

    def collected(self) -> Series:
        """The same, neither written nor read: where there are many."""
        return series_of(self.exporter.collect())

    def value(self, name: str, **labels: str) -> float | None:
        """Of the one series with these labels, among others; None: there is none."""
        return value_of(self.series(), name, **labels)

    def labels(self, name: str, label: str) -> set[str]:
        """The values of a label."""
        return {dict(labels)[label] for each, labels in self.series() if each == name}


def text_families(reply: bytes) -> list[Metric]:
    """As Prometheus's own format."""
    return list(text_string_to_metric_families(reply.decode()))


def openmetrics_families(reply: bytes) -> list[Metric]:
    """As OpenMetrics, whose parser is strict."""
    return list(parser.text_string_to_metric_families(reply.decode()))  # type: ignore[no-untyped-call]


def series_of(families: Iterable[Metric]) -> Series:
    """By name and labels; none comes twice."""
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples)
    return found


def value_of(series: Series, name: str, **labels: str) -> float | None:
    """Of the one series with these labels, among others; None: there is none."""
    found = [value for (each, have), value in series.items() if each == name and labels.items() <= set(have)]
    assert len(found) <= 1, found
    return found[0] if found else None


def total_of(series: Series, name: str, **labels: str) -> float:
    """Of all series with these labels."""
    return sum(
        value for (each, have), value in series.items() if each == name and labels.items() <= set(have)
    )


def is_counter(name: str) -> bool:
    """Whether a series may only grow."""
    return name.endswith(("_total", "_bucket", "_count", "_sum"))
