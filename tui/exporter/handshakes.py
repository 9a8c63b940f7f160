"""Counting handshakes in label sets: 0.8 us each."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter

from bpf.event import Handshake
from tui.core.grouping import RowKey
from tui.exporter.counts import AMBIGUOUS, CONNECT, EDGES_NS, LATENCY, OUTCOMES, RETRANSMITS
from tui.exporter.label_sets import LabelSets

_LATENCY, _LATENCY_SUM = LATENCY.first, LATENCY.sum_ns
_CONNECT, _CONNECT_SUM = CONNECT.first, CONNECT.sum_ns
_fields_of = itemgetter(
    *map(
        Handshake._fields.index,
        (
            *("ifindex", "direction", "remote", "remote_port", "local_port", "latency_ns", "connect_ns"),
            *("retransmits", "outcome", "ambiguous", "repeated"),
        ),
    )
)


def count(
    handshakes: Iterable[Handshake],
    label_sets: LabelSets,
    row_of: Callable[[bytes, int], RowKey],
    interfaces: Mapping[int, str],
) -> None:
    """Count handshakes, each once, however many interfaces have reported it. `interfaces`: names by index."""
    counts_of = label_sets.of
    for (
        ifindex,
        direction,
        remote,
        remote_port,
        local_port,
        latency_ns,
        connect_ns,
        retransmits,
        outcome,
        is_ambiguous,
        is_repeated,
    ) in map(_fields_of, handshakes):
        if is_repeated:
            continue
        row = row_of(remote, local_port if direction else remote_port)
        counts = counts_of((interfaces[ifindex], direction, row))
        counts[OUTCOMES + outcome] += 1
        if retransmits:
            counts[RETRANSMITS] += retransmits
        if outcome:
            continue
        counts[AMBIGUOUS] += is_ambiguous
        if latency_ns:
            counts[_LATENCY + bisect_left(EDGES_NS, latency_ns)] += 1
            counts[_LATENCY_SUM] += latency_ns
        if connect_ns:
            counts[_CONNECT + bisect_left(EDGES_NS, connect_ns)] += 1
            counts[_CONNECT_SUM] += connect_ns
