"""A row of a fleet's table: what was counted of a box, of a remote, or of both; a `Subject` of the filter, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bpf.event import printable
from tui.core.grouping import Labels
from tui.fleet.answer import Counts
from tui.fleet.buckets import Buckets, Estimate
from tui.fleet.question import FleetGrouping, RowKey
from tui.fleet.remote import remote_of

_NO_BOX = "(no box)"


class Context(NamedTuple):
    """What rows of one answer share."""

    grouping: FleetGrouping
    is_estimated: bool
    """Whether counts are what a server makes of scrapes, and not what was counted."""
    labels: Labels
    down: frozenset[str]
    """Boxes that cannot be scraped now."""
    port: str = ""
    """What the names of all boxes end with, as in `10.0.0.1:9811`: it tells none from another."""


class Change(NamedTuple):
    """Of an estimate."""

    ns: int
    is_told: bool
    """Whether it is in another bucket than it was: within one, nothing can be told."""


class FleetRow:
    """Made anew for each answer, and never changed but for its place and trend. The UI thread's."""

    __slots__ = ("_context", "_covered_s", "_quantiles", "counts", "key", "levels", "marked", "remote")

    def __init__(self, key: RowKey, counts: Counts, context: Context, covered_s: float) -> None:
        """`covered_s`: in how much time came what rates are made of."""
        self.key = key
        self.counts = counts
        self.remote = remote_of(key[1])
        self.levels = b""
        """The sparkline's; empty: not known (yet)."""
        self.marked: Buckets | None = None
        """Latencies as they were at the baseline; None: there is none, or the row was not there."""
        self._context = context
        self._covered_s = covered_s
        self._quantiles: dict[float, Estimate | None] = {}

    @property
    def grouping(self) -> FleetGrouping:
        """What it stands for."""
        return self._context.grouping

    @property
    def is_estimated(self) -> bool:
        """Whether its counts are what a server makes of scrapes."""
        return self._context.is_estimated

    @property
    def is_rest(self) -> bool:
        """Whether it stands for remotes that are not kept apart: always the last, and in no filter."""
        return self.grouping.has_remote and self.remote.is_rest

    @property
    def box(self) -> str:
        """What its box is called, in full."""
        return printable(self.key[0]) or _NO_BOX

    @property
    def box_text(self) -> str:
        """The same, without the port if all boxes have that."""
        return self.box.removesuffix(self._context.port)

    @property
    def remote_text(self) -> str:
        """What its remote is called."""
        labels, remote = self._context.labels, self.remote
        name = labels.host(remote.address) if remote.address and not remote.is_network else ""
        return remote.text(name, labels.service(remote.port) if remote.port is not None else "")

    @property
    def label(self) -> str:
        """What it is called."""
        if self.grouping is FleetGrouping.PAIR:
            return f"{self.box_text} {self.remote_text}"
        return self.box_text if self.grouping is FleetGrouping.BOX else self.remote_text

    @property
    def order(self) -> tuple[bytes, str]:
        """What orders remotes as people would look for them."""
        return self.remote.address or b"", self.remote.label

    @property
    def is_quiet(self) -> bool:
        """Whether its box cannot be scraped now: nothing new comes."""
        return self.grouping.has_box and self.box in self._context.down

    def quantile(self, q: float) -> Estimate | None:
        """Of the latency; None: there is none."""
        if q not in self._quantiles:
            self._quantiles[q] = self.counts.latencies.quantile(q)
        return self._quantiles[q]

    def change(self, q: float) -> Change | None:
        """What has become of a quantile since the baseline; None: one of the two is not known."""
        was, now = self.marked.quantile(q) if self.marked else None, self.quantile(q)
        if was is None or now is None:
            return None
        return Change(now.ns - was.ns, (now.low_ns, now.high_ns) != (was.low_ns, was.high_ns))

    @property
    def rate(self) -> float:
        """Established handshakes per second."""
        return self.counts.recent / self._covered_s

    # What the filter asks.

    def texts(self) -> list[str]:
        """Boxes, addresses, names, services."""
        return [self.label, *self.labels("host"), *self.labels("service")]

    def addresses(self) -> list[bytes]:
        """The remote address; of a network its first."""
        address = self.remote.address if self.grouping.has_remote else None
        return [address] if address else []

    def labels(self, id_: str) -> list[str]:
        """Texts of one sort; what the server does not know, there is none of."""
        if id_ == "box" and self.grouping.has_box:
            return [self.box]
        if not self.grouping.has_remote:
            return []
        if id_ == "host":
            return [self.remote.label, self.remote_text]
        if id_ == "service" and self.remote.port is not None:
            return [self._context.labels.service(self.remote.port)]
        return []

    def numbers(self, id_: str) -> set[int]:
        """The port, where rows have one."""
        port = self.remote.port if self.grouping.has_remote else None
        return {port} if id_ == "port" and port is not None else set()

    def figure(self, id_: str) -> float | None:
        """A figure by the name that the filter has for it; None: it is not known."""
        return _FIGURES[id_](self) if id_ in _FIGURES else None


def _quantile_of(q: float) -> Callable[[FleetRow], float | None]:
    def value(row: FleetRow) -> float | None:
        found = row.quantile(q)
        # One that lies above all edges is more than the last of them.
        return None if found is None else found.ns + (found.high_ns is None)

    return value


def _outcome(name: str) -> Callable[[FleetRow], float | None]:
    return lambda row: row.counts.outcomes.get(name, 0.0)


_FIGURES: dict[str, Callable[[FleetRow], float | None]] = {
    "count": lambda row: row.counts.established,
    "rate": lambda row: row.rate,
    "p50": _quantile_of(0.5),
    "p95": _quantile_of(0.95),
    "p99": _quantile_of(0.99),
    "retx": lambda row: row.counts.retransmits,
    "fail": lambda row: row.counts.failed,
    "refused": _outcome("refused"),
    "unreachable": _outcome("unreachable"),
    "unanswered": _outcome("unanswered"),
}
