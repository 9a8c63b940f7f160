"""Following open connections from sample to sample, by the rules of `tui.core.connections`, within label sets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from bpf.event import Flow
from tui.core.connection import Connection, cell_key_of, sampled
from tui.core.connections import LIMIT
from tui.core.grouping import RowKey
from tui.core.live import KEPT_NS
from tui.exporter.counts import RESENT, SEGMENTS, SRTT, bucket_of
from tui.exporter.label_sets import FORWARDED, Key, LabelSets


class Followed(NamedTuple):
    """An open connection."""

    key: Key
    """Of the label set that its first sample was counted in."""
    connection: Connection


class OpenConnections:
    """Samples in; counts into label sets. One thread at a time."""

    def __init__(
        self, label_sets: LabelSets, row_of: Callable[[bytes, int], RowKey], limit: int = LIMIT
    ) -> None:
        self._label_sets = label_sets
        self._row_of = row_of
        self._limit = limit
        self._followed: OrderedDict[int, Followed] = OrderedDict()
        """By cookie; those that sent last come last."""

    def ingest(
        self,
        flows: Iterable[Flow],
        interfaces: Mapping[int, str],
        passes: Callable[[Flow], bool] | None = None,
    ) -> None:
        """Count samples, those of one connection in the order they were taken.

        A connection is followed while its samples pass.
        """
        followed = self._followed
        for flow in flows:
            if not flow.srtt_ns:  # Of one that was refused TCP knows nothing.
                continue
            before = followed.pop(flow.cookie, None)
            if passes and not passes(flow):
                continue
            key = before.key if before else self._key_of(flow, interfaces)
            self._count(key, flow, before.connection.flow if before else flow)
            if not flow.is_closing:
                followed[flow.cookie] = Followed(key, sampled(flow, before.connection if before else None))
        while len(followed) > self._limit:
            followed.popitem(last=False)

    def snapshot(self, now_ns: int) -> list[Followed]:
        """All that are open, as far as is known: what has been silent for long may have ended unseen."""
        followed = self._followed
        while followed and next(iter(followed.values())).connection.flow.time_ns < now_ns - KEPT_NS:
            followed.popitem(last=False)
        return list(followed.values())

    def _key_of(self, flow: Flow, interfaces: Mapping[int, str]) -> Key:
        cell = cell_key_of(flow)
        direction = FORWARDED if flow.is_forwarded else cell.direction
        return (interfaces[flow.ifindex], direction, self._row_of(cell.remote, cell.port))

    def _count(self, key: Key, flow: Flow, before: Flow) -> None:
        """Count a sample, and what was sent since the one before."""
        counts = self._label_sets.of(key)
        counts[SRTT.first + bucket_of(flow.srtt_ns)] += 1
        counts[SRTT.sum_ns] += flow.srtt_ns
        counts[SEGMENTS] += max(0, flow.segments - before.segments)
        counts[RESENT] += max(0, flow.retransmits - before.retransmits)
