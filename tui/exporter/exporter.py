"""Exporter: counts what a source yields in the thread that drains it, and shows it in that of whoever scrapes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import Metric

from bpf.event import Flow, Handshake, printable
from bpf.source import Account, Batch, Names
from tui.core.event_subject import EventSubject, FlowSubject, Known
from tui.core.filter import Filter
from tui.exporter import handshakes
from tui.exporter.accounts import account_families
from tui.exporter.families import Snapshot, families
from tui.exporter.label_sets import LabelBy, LabelSets
from tui.exporter.open_connections import OpenConnections
from tui.names import service_of


class Exporter:
    """A `Taker`, and a collector of `prometheus_client`."""

    def __init__(
        self,
        version: str,
        label_by: LabelBy,
        max_series: int,
        filter_: Filter | None = None,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`now_ns`: the source's clock. Only what passes the filter is counted, but for accounts."""
        self._version = version
        self._label_by = label_by
        self._passes = filter_.predicate() if filter_ and filter_.root else None
        self._now_ns = now_ns
        self._lock = threading.Lock()
        # All below only with the lock, which is held for a batch, or for a copy.
        self._label_sets = LabelSets(label_by, max_series)
        self._open = OpenConnections(self._label_sets, label_by.row_of)
        self._accounts: Sequence[Account] = ()

    def take(self, batch: Batch, names: Names, wall_offset_ns: int) -> None:
        """Count a batch. In the thread that drains the source; waits for a copy at most."""
        del wall_offset_ns
        interfaces = _Interfaces(names)
        chosen, passes = self._chosen(batch.handshakes, names)
        with self._lock:
            handshakes.count(chosen, self._label_sets, self._label_by.row_of, interfaces)
            self._open.ingest(batch.flows, interfaces, passes)
            self._accounts = batch.accounts or self._accounts

    def collect(self) -> Iterator[Metric]:
        """What there is at this moment. From any thread."""
        with self._lock:
            snapshot = Snapshot(
                self._label_sets.snapshot(),
                self._open.snapshot(self._now_ns()),
                self._label_sets.size,
                self._label_sets.evicted,
            )
            accounts = self._accounts
        yield from families(snapshot, self._label_by, self._version)
        yield from account_families(accounts)

    def _chosen(
        self, came: Sequence[Handshake], names: Names
    ) -> tuple[Sequence[Handshake], Callable[[Flow], bool] | None]:
        """Those handshakes that pass the filter, and what samples have to pass."""
        passes = self._passes
        if passes is None:
            return came, None
        known = Known(names, service_of=service_of)
        chosen = [each for each in came if passes(EventSubject(each, known))]
        return chosen, lambda flow: passes(FlowSubject(flow, known))


class _Interfaces(dict[int, str]):
    """Names of interfaces by index, asked for once."""

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, ifindex: int) -> str:
        name = self[ifindex] = printable(self._names.name_of(ifindex))
        return name
