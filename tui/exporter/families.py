"""What was counted of label sets, as families of metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)

from bpf.event import Direction, Outcome
from tui.core.histogram import nearest_rank
from tui.exporter.counts import (
    AMBIGUOUS,
    CONNECT,
    EDGES_NS,
    LATENCY,
    OUTCOMES,
    RESENT,
    RETRANSMITS,
    SEGMENTS,
    SRTT,
    Counts,
    Histogram,
    handshakes_of,
    samples_of,
)
from tui.exporter.label_sets import FORWARDED, Key, LabelBy, home_of
from tui.exporter.open_connections import Followed

_EDGES = (*(str(edge_ns / 1e9) for edge_ns in EDGES_NS), "+Inf")


class Snapshot(NamedTuple):
    """All that was counted, at one moment."""

    counts: dict[Key, Counts]
    followed: list[Followed]
    label_sets: int
    evicted: int


class _Open(NamedTuple):
    """The open connections of a label set; times are in order."""

    srtts_ns: list[int]
    min_rtts_ns: list[int]
    """Of those that have one."""
    bloated: int


class _Writer:
    """Makes families of the label sets that have what a family is about."""

    def __init__(self, label_by: LabelBy, counts: Mapping[Key, Counts]) -> None:
        self._names = label_by.names
        self._values = {key: label_by.values(key) for key in counts}

    def histogram(
        self, name: str, text: str, counts: Mapping[Key, Counts], histogram: Histogram
    ) -> HistogramMetricFamily:
        """A family of histograms in seconds."""
        family = HistogramMetricFamily(name, text, labels=self._names, unit="seconds")
        for key, each in counts.items():
            cumulated = accumulate(histogram.buckets(each))
            buckets = list(zip(_EDGES, cumulated, strict=True))
            family.add_metric(self._values[key], buckets, each[histogram.sum_ns] / 1e9)
        return family

    def counter(self, name: str, text: str, counts: Mapping[Key, Counts], place: int) -> CounterMetricFamily:
        """A family of counters."""
        family = CounterMetricFamily(name, text, labels=self._names)
        for key, each in counts.items():
            family.add_metric(self._values[key], each[place])
        return family

    def outcomes(self, name: str, text: str, counts: Mapping[Key, Counts]) -> CounterMetricFamily:
        """A family of counters, one an outcome."""
        family = CounterMetricFamily(name, text, labels=(*self._names, "outcome"))
        for key, each in counts.items():
            for outcome in Outcome:
                family.add_metric((*self._values[key], outcome.name.lower()), each[OUTCOMES + outcome])
        return family

    def gauge(
        self, name: str, text: str, open_: Mapping[Key, _Open], value_of: Callable[[_Open], float | None]
    ) -> GaugeMetricFamily:
        """A family of gauges; there is none of what has no value."""
        family = GaugeMetricFamily(name, text, labels=self._names)
        for key, each in open_.items():
            value = value_of(each)
            if value is not None:
                family.add_metric(self._values[key], value)
        return family


def families(snapshot: Snapshot, label_by: LabelBy, version: str) -> Iterator[Metric]:
    """All families, also those that are empty."""
    build = InfoMetricFamily("tcplat_build", "The version that runs.")
    build.add_metric((), {"version": version})
    yield build
    text = "Label sets that are kept apart, besides those of all others."
    yield GaugeMetricFamily("tcplat_label_sets", text, snapshot.label_sets)
    text = 'Label sets that were added to remote="other" because there were too many.'
    yield CounterMetricFamily("tcplat_label_sets_evicted", text, snapshot.evicted)
    writer = _Writer(label_by, snapshot.counts)
    yield from _of_handshakes(writer, snapshot.counts)
    yield from _of_connections(writer, snapshot)


def _of_handshakes(writer: _Writer, all_counts: Mapping[Key, Counts]) -> Iterator[Metric]:
    counts = {key: each for key, each in all_counts.items() if handshakes_of(each)}
    outbound = {key: each for key, each in counts.items() if key[1] == Direction.OUTBOUND}
    yield writer.histogram(
        "tcplat_handshake_latency_seconds",
        "What the far side took to answer: outbound to our SYN, inbound to our SYN-ACK.",
        counts,
        LATENCY,
    )
    yield writer.histogram(
        "tcplat_connect_duration_seconds",
        "What connect() took: from the first SYN to the SYN-ACK.",
        outbound,
        CONNECT,
    )
    yield writer.outcomes("tcplat_handshakes", "Handshakes, by how they ended.", counts)
    yield writer.counter(
        "tcplat_syn_retransmits", "SYNs (inbound: SYN-ACKs) that were sent again.", counts, RETRANSMITS
    )
    yield writer.counter(
        "tcplat_ambiguous_handshakes",
        "Established handshakes without a latency, since which SYN was answered is unknown.",
        counts,
        AMBIGUOUS,
    )


def _of_connections(writer: _Writer, snapshot: Snapshot) -> Iterator[Metric]:
    counts = {key: each for key, each in snapshot.counts.items() if samples_of(each)}
    own = {key: each for key, each in counts.items() if key[1] != FORWARDED}
    open_ = _grouped(snapshot.followed, counts)
    yield writer.histogram(
        "tcplat_connection_srtt_seconds",
        "Smoothed round-trip times of open connections, one observation a sample.",
        counts,
        SRTT,
    )
    yield writer.counter(
        "tcplat_connection_segments",
        "Segments with data that open connections sent, from sample to sample.",
        own,
        SEGMENTS,
    )
    yield writer.counter(
        "tcplat_connection_retransmitted_segments", "Those of them that were sent again.", own, RESENT
    )
    yield writer.gauge(
        "tcplat_open_connections",
        "Open connections that sent something in the last 15 minutes.",
        open_,
        lambda each: len(each.srtts_ns),
    )
    yield writer.gauge(
        "tcplat_bloated_connections",
        "Open connections with a queue on their path for 10 s or longer.",
        open_,
        lambda each: each.bloated,
    )
    of_last = "the smoothed round-trip times at the last sample of each open connection."
    of_least = "the least round-trip times of the open connections."
    for name, text, value_of in (
        ("srtt_median", f"The median of {of_last}", lambda each: _median_s(each.srtts_ns)),
        ("srtt_max", f"The greatest of {of_last}", lambda each: _max_s(each.srtts_ns)),
        ("min_rtt_median", f"The median of {of_least}", lambda each: _median_s(each.min_rtts_ns)),
        ("min_rtt_max", f"The greatest of {of_least}", lambda each: _max_s(each.min_rtts_ns)),
    ):
        yield writer.gauge(f"tcplat_connection_{name}_seconds", text, open_, value_of)


def _grouped(followed: Sequence[Followed], counts: dict[Key, Counts]) -> dict[Key, _Open]:
    """The open connections of each label set that has had samples."""
    by_key: dict[Key, list[Followed]] = {key: [] for key in counts}
    for each in followed:
        by_key[home_of(each.key, counts)].append(each)
    return {key: _open_of(group) for key, group in by_key.items()}


def _open_of(group: Sequence[Followed]) -> _Open:
    connections = [each.connection for each in group]
    return _Open(
        sorted(each.flow.srtt_ns for each in connections),
        sorted(each.flow.min_rtt_ns for each in connections if each.flow.min_rtt_ns),
        sum(each.is_bloated for each in connections),
    )


def _median_s(times_ns: Sequence[int]) -> float | None:
    """By nearest rank, as on the screen."""
    return times_ns[nearest_rank(0.5, len(times_ns)) - 1] / 1e9 if times_ns else None


def _max_s(times_ns: Sequence[int]) -> float | None:
    return times_ns[-1] / 1e9 if times_ns else None
