"""What `Rows` promises, from the definitions: keeps every handshake, and works everything out anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

from bpf.event import Direction, Handshake, Outcome, address_text
from tests.core.handshakes import FakeLabels, S
from tui.core.grouping import Grouping, RowKey, cell_key
from tui.core.histogram import bucket_of, middle_ns, nearest_rank
from tui.core.trend import EDGES_NS
from tui.core.window import Window

Shown = dict[str, Any]


def quantile(latencies: Sequence[int], q: float, is_exact: bool) -> int | None:
    """The nearest rank, as exactly as buckets tell it."""
    if not latencies:
        return None
    rank = nearest_rank(q, len(latencies))
    true = sorted(latencies)[rank - 1]
    near = middle_ns(bucket_of(true))
    if not is_exact:
        return near
    return true if rank in (1, len(latencies)) else min(max(near, min(latencies)), max(latencies))


def jitter(latencies: Sequence[int]) -> int | None:
    """The standard deviation, rounded down."""
    n = len(latencies)
    return isqrt(n * sum(ns * ns for ns in latencies) - sum(latencies) ** 2) // n if n > 1 else None


def counted(handshakes: Sequence[Handshake], is_exact: bool) -> Shown:
    """What `Figures` say; exact extremes and jitter, or those of buckets."""
    established = [each for each in handshakes if not each.outcome]
    latencies = [each.latency_ns for each in established if each.latency_ns]
    middles = latencies if is_exact else [middle_ns(bucket_of(ns)) for ns in latencies]
    shown = {f"p{q}": quantile(latencies, q / 100, is_exact) for q in (50, 95, 99)}
    return shown | {
        "count": len(established),
        "fail": len(handshakes) - len(established),
        **{each.name.lower(): sum(each == one.outcome for one in handshakes) for each in Outcome if each},
        "retx": sum(each.retransmits for each in handshakes),
        "latencies": len(latencies),
        "min": min(middles, default=None),
        "max": max(middles, default=None),
        "jitter": jitter(middles) if is_exact or len(set(middles)) > 1 else None,
    }


@dataclass(frozen=True)
class NaiveRow:
    """A row, and a `Subject` of the filter."""

    key: RowKey
    model: NaiveRows
    handshakes: list[Handshake]

    def shown(self) -> Shown:
        """All its figures."""
        model = self.model
        now = model.now_ns // (5 * S)
        first = {
            Window.ALL: 0,
            Window.MINUTE: now - 11,
            Window.MINUTES_5: now - 59 + (59 - now) % 6,
            Window.MINUTES_15: now - 179 + (179 - now) % 6,
        }[model.window]
        is_all = model.window is Window.ALL
        found = counted([one for one in self.handshakes if slice_of(one) >= first], is_all)
        rate_first = now - 11 if is_all else first
        timed = [
            (each.time_ns, each.latency_ns)
            for each in self.handshakes
            if each.latency_ns and not each.outcome
        ]
        found["recent"] = sum(slice_of(one) >= rate_first and not one.outcome for one in self.handshakes)
        covered_s = min(model.now_ns - rate_first * 5 * S, model.now_ns - model.began_ns) / 1e9
        found["rate"] = found["recent"] / max(1.0, covered_s)
        found["last"] = max(timed)[1] if timed else None
        found["age"] = model.now_ns - max((each.time_ns for each in self.handshakes), default=0)
        found["levels"] = bytes(
            self._level([ns for at, ns in timed if at // (5 * S) == now - age]) for age in range(23, -1, -1)
        )
        found["marked"], found["since"] = self._marked()
        return found

    def _level(self, latencies: list[int]) -> int:
        slowest = bucket_of(max(latencies, default=0))
        return sum(slowest > bucket_of(edge_ns) for edge_ns in EDGES_NS) + 1 if latencies else 0

    def _marked(self) -> tuple[Shown | None, Shown]:
        marked = [each for each in self.handshakes if id(each) in self.model.marked]
        since = [each for each in self.handshakes if id(each) not in self.model.marked]
        return counted(marked, False) if marked else None, counted(since, False)

    def value(self, column_id: str) -> float | None:
        """What it is ordered by."""
        if column_id == "host":
            return self.model.grouping.order_of(self.key)
        shown = self.shown()
        if column_id.startswith("dp"):
            q = column_id[1:]
            was = shown["marked"][q] if shown["marked"] else None
            return None if was is None or shown["since"][q] is None else shown["since"][q] - was
        found: float | None = shown["recent" if column_id == "rate" else column_id]
        return found

    def texts(self) -> list[str]:
        label = self.model.grouping.label_of(self.key, self.model.labels)
        return [label, *self.labels("host"), *self.labels("service"), *self.labels("proc")]

    def addresses(self) -> set[bytes]:
        return {each.remote for each in self.handshakes}

    def labels(self, id_: str) -> set[str]:
        labels = self.model.labels
        found = set()
        for each in self.handshakes:
            found |= {
                "host": {address_text(each.remote), labels.host(each.remote)},
                "service": {labels.service(cell_key(each).port)},
                "dir": {"in" if each.direction else "out"},
                "if": {labels.interface(each.ifindex)},
                "proc": {each.process.rstrip(b"\0").decode()},
                "unit": {labels.unit(each.cgroup)},
            }[id_]
        return found - {""}

    def numbers(self, id_: str) -> set[int]:
        if id_ == "port":
            return {cell_key(each).port for each in self.handshakes}
        return {each.pid for each in self.handshakes} - {0}

    def figure(self, id_: str) -> float | None:
        found: float | None = self.shown()[id_]
        return found


class NaiveRows:
    """The same calls as `Rows` has."""

    def __init__(self, began_ns: int, labels: FakeLabels) -> None:
        self.labels = labels
        self.window = Window.ALL
        self.grouping = Grouping.HOST
        self.direction: Direction | None = None
        self.predicate: Callable[[NaiveRow], bool] | None = None
        self.sorting = ("count", True)
        self.reset(began_ns)

    def reset(self, now_ns: int) -> None:
        self.now_ns = self.began_ns = now_ns
        self.pending: list[Handshake] = []
        self.handshakes: list[Handshake] = []
        self.marked: set[int] = set()
        self.marked_ns: int | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.held: list[RowKey] | None = None
        self.update()

    def update(self) -> None:
        """Work out all rows, and ask the filter about each."""
        self.make_rows()
        self.matches = {key: self._passes(row) for key, row in self.all.items()}

    def make_rows(self) -> None:
        cells: dict[RowKey, list[Handshake]] = {}
        shown = [each for each in self.handshakes if self.direction in (None, each.direction)]
        for each in shown:
            cells.setdefault(self.grouping.key_of(cell_key(each)), []).append(each)
        self.all = {key: NaiveRow(key, self, handshakes) for key, handshakes in cells.items()}
        self.totals = NaiveRow((), self, shown)

    def _passes(self, row: NaiveRow) -> bool:
        return self.predicate is None or self.predicate(row)

    def refresh(self, now_ns: int) -> None:
        """The filter is asked about rows that something came for, and about all when a slice has begun."""
        has_aged = now_ns // (5 * S) != self.now_ns // (5 * S)
        self.now_ns = now_ns
        came, self.pending = self.pending, []
        self.handshakes += came
        self.make_rows()
        changed = {self.grouping.key_of(cell_key(each)) for each in came} & set(self.all)
        for key in self.all if has_aged else changed:
            self.matches[key] = self._passes(self.all[key])

    def sort_by(self, column_id: str, descending: bool) -> None:
        self.sorting = (column_id, descending)
        self.held = None

    def freeze(self, is_frozen: bool) -> None:
        if not is_frozen:
            self.held = None
        elif self.held is None:
            self.held = self.in_order()

    def narrow(self, predicate: Callable[[Any], bool] | None) -> None:
        self.predicate = predicate
        self.update()

    def group_by(self, grouping: Grouping) -> None:
        self.grouping = grouping
        self._begin_anew()

    def face(self, direction: Direction | None) -> None:
        self.direction = direction
        self._begin_anew()

    def look_at(self, window: Window) -> None:
        self.window = window
        self.update()

    def mark(self) -> None:
        self.marked = {id(each) for each in self.handshakes}
        self.marked_ns = self.now_ns
        self.update()

    def unmark(self) -> None:
        self.marked, self.marked_ns = set(), None
        self.update()

    def in_order(self) -> list[RowKey]:
        """Keys of all rows."""
        if self.held is not None:
            return self.held + sorted(set(self.all) - set(self.held))
        column_id, descending = self.sorting

        def place(key: RowKey) -> tuple[bool, float, RowKey]:
            row = self.all[key]
            value = row.value(column_id)
            if value is None:
                return True, -row.shown()["fail"], key
            return False, -value if descending else value, key

        return sorted(self.all, key=place)

    def rows(self) -> list[NaiveRow]:
        """Those the filter lets through, in order."""
        return [self.all[key] for key in self.in_order() if self.matches[key]]


def slice_of(handshake: Handshake) -> int:
    return handshake.time_ns // (5 * S)
