"""What came since the last refresh, sorted by cell; counted if it becomes much, as in a long pause."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence

from bpf.event import OFFSETS, RECORD, Handshake, Records, values_of
from tui.core.codes import Delta
from tui.core.entries import ENTRY, entry_of
from tui.core.grouping import KEY, key_bytes, rest_of
from tui.core.owners import Owners
from tui.core.tally import Tally

_KEY_BYTES = OFFSETS["process"] + 16 - OFFSETS["remote"]
_MIDDLE = OFFSETS["local"]
"""Of the local address nothing is counted; in its place a copy of a record has what else tells cells apart."""
_ENTRY_AND_KEY = struct.Struct(
    f"={OFFSETS['time_ns']}x{ENTRY.size}s"
    f"{OFFSETS['remote'] - OFFSETS['time_ns'] - ENTRY.size}x{_KEY_BYTES}s"
    f"{RECORD.size - OFFSETS['remote'] - _KEY_BYTES}x"
)
_MOST_SIGNIFICANT = struct.pack("=Q", 1 << 63).index(0x80)


class Held:
    """Of one cell."""

    __slots__ = ("owners", "tally")

    def __init__(self) -> None:
        self.tally = Tally()
        self.owners: Owners | None = None


class Pending:
    """Handshakes in, by cell out.

    Keeps `at_most` as they are; of more it counts them, which takes no more room however long a pause goes on.
    """

    def __init__(self, at_most: int, cells: int) -> None:
        """`cells`: of so many it tells apart what it counts."""
        self._at_most = at_most
        self._cells = cells
        self.entries: defaultdict[bytes, bytearray] = defaultdict(bytearray)
        """By key (`tui.core.grouping.key_bytes`)."""
        self.deltas: dict[bytes, list[Handshake]] = {}
        """Those of which entries cannot say everything."""
        self.owners: set[tuple[bytes, int, int]] = set()
        """Key, pid and cgroup of those of which one is known."""
        self.has_failures = False
        """Whether there may be some among the entries."""
        self.held: dict[bytes, Held] = {}
        self.rest: dict[bytes, Held] = {}
        """The same of those that are not told apart: by keys without address and port."""
        self._count = 0

    def ingest(self, handshakes: Sequence[Handshake]) -> None:
        """Take handshakes, but for those that another interface reported before."""
        if isinstance(handshakes, Records):
            self._ingest_records(handshakes)
        else:
            self._ingest_each(handshakes)
        self._count += len(handshakes)
        if self._count > self._at_most:
            self._hold()

    def _ingest_each(self, handshakes: Iterable[Handshake]) -> None:
        for handshake in handshakes:
            if handshake.repeated:
                continue
            key = key_bytes(handshake)
            entry = entry_of(handshake)
            if entry is None:
                self.deltas.setdefault(key, []).append(handshake)
            else:
                self.entries[key] += entry
                self.has_failures = self.has_failures or bool(handshake.outcome)
            if handshake.pid or handshake.cgroup:
                self.owners.add((key, handshake.pid, handshake.cgroup))

    def _ingest_records(self, records: Records) -> None:
        """The same, of thousands at once."""
        if not _is_zero(records, "repeated", 1):
            records = records.chosen(not each for each in records.column("repeated"))
        odd = [
            *(records.column("outcome"), records.column("retransmits"), records.column("retransmits", 1)),
            records.column("latency_ns", _MOST_SIGNIFICANT),
        ]
        zeros = bytes(len(records))
        if any(column != zeros for column in odd):
            is_odd = list(map(any, zip(*odd, strict=True)))
            self._ingest_each(records.chosen(is_odd))
            records = records.chosen(not each for each in is_odd)
        with_keys = _with_keys(records)
        entries_of = self.entries.__getitem__
        for entry, key in _ENTRY_AND_KEY.iter_unpack(with_keys):
            entries = entries_of(key)
            entries += entry
        if not (_is_zero(records, "pid", 4) and _is_zero(records, "cgroup", 8)):
            pids, cgroups = values_of(records, "pid"), values_of(records, "cgroup")
            keys = (key for _, key in _ENTRY_AND_KEY.iter_unpack(with_keys))
            owners = set(zip(keys, pids, cgroups, strict=True))
            self.owners.update(each for each in owners if each[1] or each[2])

    def _hold(self) -> None:
        for key, entries in self.entries.items():
            self._held(key).tally.add(entries)
        for key, handshakes in self.deltas.items():
            self._held(key).tally.apply(Delta(handshakes))
        for key, pid, cgroup in self.owners:
            held = self._held(key)
            held.owners = held.owners or Owners()
            held.owners.add(pid, cgroup)
        self.entries.clear()
        self.deltas.clear()
        self.owners.clear()
        self._count = 0

    def _held(self, key: bytes) -> Held:
        held = self.held.get(key)
        if held is None and len(self.held) < self._cells:
            held = self.held[key] = Held()
        if held is None:
            held = self.rest.setdefault(rest_of(key), Held())
        return held


def _is_zero(records: Records, name: str, width: int) -> bool:
    """Whether a field of so many bytes is 0 in all of them."""
    zeros = bytes(len(records))  # To compare takes a tenth of what counting does.
    return all(records.column(name, byte) == zeros for byte in range(width))


def _with_keys(records: Records) -> bytearray:
    """A copy of the records in which the keys of cells are in one piece, as `key_bytes` makes them.

    Column by column, each of all records: 0.1 us a record.
    """
    raw, size = bytearray(records.raw), RECORD.size
    parts = [*_ports(records)]
    for name, width in (("ifindex", 4), ("direction", 1)):
        parts += [records.column(name, byte) for byte in range(width)]
    parts += [bytes(len(records))] * (KEY.size - len(parts))
    for place, part in enumerate(parts, _MIDDLE):
        raw[place::size] = part
    return raw


def _ports(records: Records) -> tuple[bytes, bytes]:
    """Both bytes of the ports connected to: theirs if we connected, ours if they did."""
    directions = records.column("direction")
    theirs = records.column("remote_port"), records.column("remote_port", 1)
    if not any(directions):
        return theirs
    ours = records.column("local_port"), records.column("local_port", 1)
    if all(directions):
        return ours
    mask = int.from_bytes(directions.translate(b"\0" + b"\xff" * 255), "big")
    both = []
    for their, our in zip(theirs, ours, strict=True):
        mixed = int.from_bytes(our, "big") & mask | int.from_bytes(their, "big") & ~mask
        both.append(mixed.to_bytes(len(directions), "big"))
    return both[0], both[1]
