"""A row: the cells of one group, added up; what the table shows of them, and what a filter asks."""

from __future__ import annotations

from collections.abc import Callable

from bpf.event import address_text
from tui.core.cell import Cell
from tui.core.codes import REFUSED, UNANSWERED, UNREACHABLE
from tui.core.figures import Figures
from tui.core.followed import Followed
from tui.core.grouping import Grouping, Labels, RowKey, direction_text, process_text
from tui.core.live import LiveFigures
from tui.core.order import Place
from tui.core.tally import Tally
from tui.core.window import Moment, Window

QUIET_NS = 60_000_000_000
"""A row that saw nothing for so long is greyed out."""


class Row:
    """One row of the table: a `Subject` of the filter, too. Made and written by `Rows` only; read by anybody.

    Its figures are those of the last refresh, in the window chosen.
    """

    __slots__ = (
        "_figures",
        "_labels",
        "_live",
        "_mark",
        "_moment",
        "cells",
        "grouping",
        "kept",
        "key",
        "matches",
        "place",
        "tally",
    )

    def __init__(
        self, key: RowKey, grouping: Grouping, moment: Moment, labels: Labels, tally: Tally | None = None
    ) -> None:
        """`tally`: of the first cell that will belong to it."""
        self.key = key
        self.grouping = grouping
        self.cells: list[Cell] = []
        self.kept = 0
        """How many of these are of one host each."""
        self.tally = Tally() if tally is None else tally
        self.matches = True
        """Whether the filter lets it through."""
        self.place: Place | None = None
        """Its place in the order; None: no refresh has seen it yet."""
        self._moment = moment
        self._labels = labels
        self._figures: Figures | None = None
        self._mark: Figures | None = None
        self._live: LiveFigures | None = None

    def add(self, cell: Cell) -> None:
        """Let a cell belong to it, with all it has counted."""
        if not self.cells:
            self.tally = cell.tally  # Shared: most rows have one cell only.
            self.cells = [cell]
        else:
            if len(self.cells) == 1:
                own = Tally()
                own.merge(self.tally)
                self.tally = own
            self.tally.merge(cell.tally)
            self.cells.append(cell)
        self.kept += cell.is_kept
        self.outdate()

    def replace(self, cell: Cell, rest: Cell) -> None:
        """Let what a cell has counted, which is not kept any more, be in another one."""
        if self.tally is cell.tally:
            self.tally = rest.tally
        if rest.row is not self:
            self.cells.append(rest)

    @property
    def has_cells(self) -> bool:
        """Whether anything belongs to it any more."""
        return any(cell.row is self for cell in self.cells)

    def recount(self) -> None:
        """Be the sum of its cells again."""
        self.tally = Tally()
        for cell in self.cells:
            self.tally.merge(cell.tally)

    def drop_gone(self) -> None:
        """Let go of cells that do not belong to it any more."""
        self.cells = [cell for cell in self.cells if cell.row is self]
        self.outdate()

    def outdate(self) -> None:
        """Its figures have to be worked out anew."""
        self._figures = self._mark = self._live = None

    @property
    def has_samples(self) -> bool:
        """Whether it has had open connections: what they say changes as time passes."""
        return any(cell.live for cell in self.cells)

    @property
    def live(self) -> LiveFigures:
        """What its open connections say, in the window."""
        if self._live is None:
            self._live = LiveFigures([cell.live for cell in self.cells if cell.live], self._moment)
        return self._live

    def outdate_live(self) -> None:
        """What its open connections say has to be worked out anew."""
        self._live = None

    @property
    def figures(self) -> Figures:
        """What the window holds."""
        if self._figures is None:
            self._figures = self.tally.figures(self._moment)
        return self._figures

    def quantile_ns(self, q: float) -> int | None:
        """What `figures` says of a quantile, without remembering the figures: most rows are never in sight."""
        if self._figures is None and self._moment.window is Window.ALL:
            return self.tally.quantile_ns(q)
        return self.figures.quantile_ns(q)

    def follow(self, q: float) -> Followed | None:
        """The same, to be followed; None: it is not worth it, or not possible."""
        return self.tally.follow(q) if self._moment.window is Window.ALL else None

    @property
    def label(self) -> str:
        """What it is called."""
        return self.grouping.label_of(self.key, self._labels)

    @property
    def order(self) -> int:
        """A number that orders rows as their keys do."""
        return self.grouping.order_of(self.key)

    @property
    def count(self) -> int:
        """Established handshakes in the window."""
        return self.tally.established if self._moment.window is Window.ALL else self.figures.established

    @property
    def failed(self) -> int:
        """Connections refused, unreachable or unanswered in the window."""
        return self.tally.failed if self._moment.window is Window.ALL else self.figures.failed()

    @property
    def recent(self) -> int:
        """Established handshakes that the rate is made of: rows are ordered by it as by the rate."""
        return self.tally.recent(self._moment.rate_first_slice)

    @property
    def rate(self) -> float:
        """Established handshakes per second, in the window, or in the last minute if that is all."""
        return self.recent / self._moment.rate_s

    @property
    def last_ns(self) -> int | None:
        """The latency of the latest handshake that had one."""
        return self.tally.last_latency_ns

    @property
    def age_ns(self) -> int | None:
        """How long ago its last handshake ended; None: there was none."""
        return self._age_ns(self.tally)

    @property
    def sample_age_ns(self) -> int | None:
        """How long ago the last sample of its connections was taken; None: there was none."""
        return self._age_ns(self.live.tally)

    def _age_ns(self, tally: Tally) -> int | None:
        return None if tally.is_empty else max(0, self._moment.now_ns - tally.last_seen_ns)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing has happened for a while."""
        quiet_ns = self._moment.now_ns - QUIET_NS
        return self.tally.last_seen_ns < quiet_ns and (
            not self.has_samples or self.live.tally.last_seen_ns < quiet_ns
        )

    @property
    def levels(self) -> bytes:
        """The sparkline's 24 levels."""
        return self.tally.levels(self._moment.slice)

    @property
    def live_levels(self) -> bytes:
        """The sparkline's 24 levels, of its connections' smoothed round trips."""
        return self.live.tally.levels(self._moment.slice)

    @property
    def marked(self) -> Figures | None:
        """What had been counted at the baseline; None: there is none, or the row was not there."""
        if self._mark is None:
            marks = [cell.mark for cell in self.cells if cell.mark is not None]
            if marks:
                self._mark = Figures(_summed(marks))
        return self._mark

    @property
    def since_mark(self) -> Figures:
        """What was counted since the baseline."""
        counts = dict(self.tally.counts)
        for cell in self.cells:
            for code, count in (cell.mark or {}).items():
                counts[code] -= count
        return Figures({code: count for code, count in counts.items() if count})

    # What the filter asks.

    def texts(self) -> list[str]:
        """Addresses, names, services and processes."""
        found = {self.label, *self.labels("host"), *self.labels("service"), *self.labels("proc")}
        return list(found)

    def addresses(self) -> set[bytes]:
        """Remote addresses."""
        return {cell.key.remote for cell in self.cells if cell.is_kept}

    def labels(self, id_: str) -> set[str]:
        """Texts of one sort."""
        labels, keys = self._labels, [cell.key for cell in self.cells]
        if id_ == "host":
            remotes = {key.remote for key in keys if key.is_kept}
            return {*map(address_text, remotes), *filter(None, map(labels.host, remotes))}
        if id_ == "service":
            return set(
                filter(None, (labels.service(port) for port in {key.port for key in keys if key.is_kept}))
            )
        if id_ == "dir":
            return {direction_text(key.direction) for key in keys}
        if id_ == "if":
            return set(filter(None, (labels.interface(ifindex) for ifindex in {key.ifindex for key in keys})))
        if id_ == "proc":
            return set(filter(None, (process_text(process) for process in {key.process for key in keys})))
        units = set().union(*(cell.cgroups for cell in self.cells)) if id_ == "unit" else ()
        return set(filter(None, map(labels.unit, units)))

    def numbers(self, id_: str) -> set[int]:
        """Numbers of one sort."""
        if id_ == "port":
            return {cell.key.port for cell in self.cells if cell.is_kept}
        return set().union(*(cell.pids for cell in self.cells)) if id_ == "pid" else set()

    def figure(self, id_: str) -> float | None:
        """A figure by the name that the filter has for it."""
        return _FIGURES[id_](self) if id_ in _FIGURES else None


Changed = dict[Row, bytearray | None]
"""Rows, and the entries that all of the change is of; None: there is more to it."""


def _summed(tables: list[dict[int, int]]) -> dict[int, int]:
    if len(tables) == 1:
        return tables[0]
    counts: dict[int, int] = {}
    for table in tables:
        for code, count in table.items():
            counts[code] = counts.get(code, 0) + count
    return counts


_FIGURES: dict[str, Callable[[Row], float | None]] = {
    "count": lambda row: row.count,
    "rate": lambda row: row.rate,
    "last": lambda row: row.last_ns,
    "min": lambda row: row.figures.min_ns,
    "p50": lambda row: row.quantile_ns(0.5),
    "p95": lambda row: row.quantile_ns(0.95),
    "p99": lambda row: row.quantile_ns(0.99),
    "max": lambda row: row.figures.max_ns,
    "jitter": lambda row: row.figures.jitter_ns,
    "retx": lambda row: row.figures.retransmits,
    "refused": lambda row: row.figures.failed(REFUSED),
    "unreachable": lambda row: row.figures.failed(UNREACHABLE),
    "unanswered": lambda row: row.figures.failed(UNANSWERED),
    "fail": lambda row: row.failed,
    "age": lambda row: row.age_ns,
    "flows": lambda row: row.live.count,
    "srtt": lambda row: row.live.srtt_ns,
    "srtt_max": lambda row: row.live.srtt_max_ns,
    "minrtt": lambda row: row.live.min_rtt_ns,
    "minrtt_max": lambda row: row.live.min_rtt_max_ns,
    "bloat": lambda row: row.live.bloat,
    "loss": lambda row: row.live.loss_percent,
    "sampled": lambda row: row.sample_age_ns,
}
