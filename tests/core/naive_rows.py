"""What `Rows` promises, from the definitions: keeps all that came, and works everything out anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bpf.event import Direction, Flow, Handshake, address_text
from tests.core.handshakes import FakeLabels, S
from tests.core.naive_figures import Shown, counted, timed
from tests.core.naive_live import NaiveConnection, NaiveConnections, Sample, figures_of
from tui.core.column import Main
from tui.core.grouping import CellKey, Grouping, RowKey, cell_key
from tui.core.histogram import bucket_of
from tui.core.trend import EDGES_NS
from tui.core.window import Window


@dataclass(frozen=True)
class NaiveRow:
    """A row, and a `Subject` of the filter."""

    key: RowKey
    model: NaiveRows
    handshakes: list[Handshake]
    samples: list[Sample]
    connections: list[NaiveConnection]

    @cached_property
    def shown(self) -> Shown:
        """All its figures."""
        return {**self._of_handshakes(), **self._of_connections(), "is_quiet": self._is_quiet()}

    @property
    def _first_slice(self) -> int:
        now = self.model.now_slice
        return {
            Window.ALL: 0,
            Window.MINUTE: now - 11,
            Window.MINUTES_5: now - 59 + (59 - now) % 6,
            Window.MINUTES_15: now - 179 + (179 - now) % 6,
        }[self.model.window]

    def _of_handshakes(self) -> Shown:
        model, first, now = self.model, self._first_slice, self.model.now_slice
        is_all = model.window is Window.ALL
        found = counted([one for one in self.handshakes if slice_of(one) >= first], is_all)
        rate_first = now - 11 if is_all else first
        answered = [
            (each.time_ns, each.latency_ns)
            for each in self.handshakes
            if each.latency_ns and not each.outcome
        ]
        found["recent"] = sum(slice_of(one) >= rate_first and not one.outcome for one in self.handshakes)
        covered_s = min(model.now_ns - rate_first * 5 * S, model.now_ns - model.began_ns) / 1e9
        found["rate"] = found["recent"] / max(1.0, covered_s)
        found["last"] = max(answered)[1] if answered else None
        found["age"] = self._age([each.time_ns for each in self.handshakes])
        found["levels"] = self._levels(answered)
        found["marked"], found["since"] = self._marked()
        return found

    def _of_connections(self) -> Shown:
        first = self._first_slice
        samples = [each for each in self.samples if slice_of(each.flow) >= first]
        found = figures_of([each for each in self.connections if slice_of(each.last) >= first], samples)
        flows = [each.flow for each in self.samples]
        found["sampled"] = self._age([each.time_ns for each in flows])
        found["live_levels"] = self._levels([(each.time_ns, each.srtt_ns) for each in flows])
        found["samples"] = timed([each.flow.srtt_ns for each in samples], self.model.window is Window.ALL)
        return found

    def _age(self, times_ns: Sequence[int]) -> int | None:
        return self.model.now_ns - max(times_ns) if times_ns else None

    def _is_quiet(self) -> bool:
        seen_ns = [each.time_ns for each in self.handshakes] + [each.flow.time_ns for each in self.samples]
        return all(time_ns < self.model.now_ns - 60 * S for time_ns in seen_ns)

    def _levels(self, latencies: list[tuple[int, int]]) -> bytes:
        now = self.model.now_slice
        return bytes(
            self._level([ns for at, ns in latencies if at // (5 * S) == now - age])
            for age in range(23, -1, -1)
        )

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
        shown = self.shown
        if column_id.startswith("dp"):
            q = column_id[1:]
            was = shown["marked"][q] if shown["marked"] else None
            return None if was is None or shown["since"][q] is None else shown["since"][q] - was
        found: float | None = shown["recent" if column_id == "rate" else column_id]
        return found

    @cached_property
    def _seen(self) -> set[tuple[CellKey, int, int]]:
        """Cells, and which processes and units are known of them; of those not kept apart, none."""
        folded = self.model.folded
        handshakes = [
            (self.model.cell_of(each), *((0, 0) if id(each) in folded else (each.pid, each.cgroup)))
            for each in self.handshakes
        ]
        samples = [
            (
                self.model.cell_of(each),
                *((0, 0) if id(each) in folded else (each.flow.pid, each.flow.cgroup)),
            )
            for each in self.samples
        ]
        return {*handshakes, *samples}

    def texts(self) -> list[str]:
        label = self.model.grouping.label_of(self.key, self.model.labels)
        return [label, *self.labels("host"), *self.labels("service"), *self.labels("proc")]

    def addresses(self) -> set[bytes]:
        return {cell.remote for cell, _, _ in self._seen if cell.port}

    def labels(self, id_: str) -> set[str]:
        labels = self.model.labels
        found = set()
        for cell, _, cgroup in self._seen:
            host = {address_text(cell.remote), labels.host(cell.remote)} if cell.port else set()
            found |= {
                "host": host,
                "service": {labels.service(cell.port)},
                "dir": {"in" if cell.direction else "out"},
                "if": {labels.interface(cell.ifindex)},
                "proc": {cell.process.rstrip(b"\0").decode()},
                "unit": {labels.unit(cgroup)},
            }[id_]
        return found - {""}

    def numbers(self, id_: str) -> set[int]:
        if id_ == "port":
            return {cell.port for cell, _, _ in self._seen if cell.port}
        return {pid for _, pid, _ in self._seen} - {0}

    def figure(self, id_: str) -> float | None:
        found: float | None = self.shown[id_]
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
        self.main = Main.HANDSHAKE
        self.other_sorting = ("srtt_max", True)
        self.reset(began_ns)

    def reset(self, now_ns: int) -> None:
        self.now_ns = self.began_ns = now_ns
        self.pending: list[Handshake] = []
        self.handshakes: list[Handshake] = []
        self.pending_flows: list[Flow] = []
        self.connections = NaiveConnections()
        self.folded: dict[int, bytes] = {}
        """Handshakes and samples of hosts that are not kept apart, by id: of which network, if that is in sight."""
        self.seen_ns: dict[bytes, int] = {}
        """Hosts kept apart, and when a refresh saw something of them."""
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

    @property
    def now_slice(self) -> int:
        return self.now_ns // (5 * S)

    def make_rows(self) -> None:
        handshakes = [each for each in self.handshakes if self._is_shown(self.cell_of(each))]
        samples = [each for each in self.connections.samples if self._is_shown(each.cell)]
        connections = [each for each in self.connections.open.values() if self._is_shown(each.cell)]
        rows: dict[RowKey, NaiveRow] = {}

        def row_of(cell: CellKey) -> NaiveRow:
            key = self.grouping.key_of(cell)
            return rows.setdefault(key, NaiveRow(key, self, [], [], []))

        for handshake in handshakes:
            row_of(self.cell_of(handshake)).handshakes.append(handshake)
        for sample in samples:
            row_of(self.cell_of(sample)).samples.append(sample)
        for connection in connections:
            row_of(connection.cell).connections.append(connection)
        self.all = rows
        self.totals = NaiveRow((), self, handshakes, samples, connections)

    def cell_of(self, each: Handshake | Sample) -> CellKey:
        cell = each.cell if isinstance(each, Sample) else cell_key(each)
        network = self.folded.get(id(each))
        return cell if network is None else cell._replace(remote=network, port=0)

    def fold(self, kept: set[bytes], limit: int, cells: int) -> None:
        """Keep no more hosts apart than these, which must be those that were seen last."""
        gone = self.seen_ns.keys() - kept
        has_flows = {each.cell.remote for each in self.connections.samples}
        assert cells <= limit or kept <= has_flows
        assert not gone & {each.cell.remote for each in self.connections.open.values()}
        times = [self.seen_ns[host] for host in kept - has_flows]
        assert max((self.seen_ns.pop(host) for host in gone), default=0) <= min(times, default=self.now_ns)
        if not gone:
            return
        known: list[Handshake | Sample] = [*self.handshakes, *self.connections.samples]
        cells_kept = [self.cell_of(each) for each in known if id(each) not in self.folded]
        networks = {
            Grouping.NETWORK.key_of(cell)
            for cell in cells_kept
            if cell.remote not in gone and self._is_shown(cell)
        }
        cell_before = {id(each): self.cell_of(each) for each in known}
        for each in known:
            cell = self.cell_of(each)
            if cell.remote in gone or self.folded.get(id(each)):
                key = Grouping.NETWORK.key_of(cell)
                is_in_sight = self.grouping is Grouping.NETWORK and key in networks and self._is_shown(cell)
                self.folded[id(each)] = bytes(key[0]) if is_in_sight else b""
        self.make_rows()
        if self.held is not None:
            self.held = [key for key in self.held if key in self.all]
        changed = {
            self.grouping.key_of(self.cell_of(each)) for each in known if cell_before[id(each)].remote in gone
        }
        for key in (changed | {()}) & self.all.keys():
            self.matches[key] = self._passes(self.all[key])

    def _is_shown(self, cell: CellKey) -> bool:
        return self.direction in (None, cell.direction)

    def _passes(self, row: NaiveRow) -> bool:
        return self.predicate is None or (row.key != () and self.predicate(row))

    def refresh(self, now_ns: int) -> None:
        """The filter is asked about rows that have changed, and about all when a slice has begun."""
        has_aged = now_ns // (5 * S) != self.now_slice
        self.now_ns = now_ns
        came, self.pending = self.pending, []
        self.handshakes += came
        flows, self.pending_flows = self.pending_flows, []
        cells = set(map(cell_key, came)) | self.connections.refresh(now_ns, flows)
        self.seen_ns.update((cell.remote, now_ns) for cell in cells)
        self.make_rows()
        changed = set(map(self.grouping.key_of, cells)) & set(self.all)
        for key in self.all if has_aged else changed:
            self.matches[key] = self._passes(self.all[key])

    def sort_by(self, column_id: str, descending: bool) -> None:
        self.sorting = (column_id, descending)
        self.held = None

    def turn_to(self, main: Main) -> None:
        if main is not self.main:
            self.main = main
            sorting, self.other_sorting = self.other_sorting, self.sorting
            self.sort_by(*sorting)

    def freeze(self, is_frozen: bool) -> None:
        if not is_frozen:
            self.held = None
        elif self.held is None:
            self.held = self.in_order()

    def narrow(self, predicate: Callable[[Any], bool] | None) -> None:
        self.predicate = predicate
        self.update()

    def group_by(self, grouping: Grouping) -> None:
        self.folded = dict.fromkeys(self.folded, b"")
        self.grouping = grouping
        self._begin_anew()

    def face(self, direction: Direction | None) -> None:
        self.folded = dict.fromkeys(self.folded, b"")
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
            held = [key for key in self.held if key]
            return [*held, *sorted(set(self.all) - {*held, ()}), *([()] if () in self.all else [])]
        column_id, descending = self.sorting

        def place(key: RowKey) -> tuple[float, float, RowKey]:
            if not key:
                return 2, 0, key
            row = self.all[key]
            value = row.value(column_id)
            if value is None:
                return True, -row.shown["fail"], key
            return False, -value if descending else value, key

        return sorted(self.all, key=place)

    def rows(self) -> list[NaiveRow]:
        """Those the filter lets through, in order."""
        return [self.all[key] for key in self.in_order() if self.matches[key]]


def slice_of(each: Handshake | Flow) -> int:
    return each.time_ns // (5 * S)
