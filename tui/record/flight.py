"""The flight recorder: the last minutes, always in memory, to be saved when something has happened."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bpf.distinct import distinct
from bpf.errors import TcplatError
from bpf.event import Handshake, joined, values_of
from bpf.source import Account, Batch, Names
from tui.out.jsonl import account_line, handshake_line
from tui.record.chunk import Chunk, pack
from tui.record.file import RecordingFile

WINDOW_S = 900.0
LIMIT_BYTES = 32 << 20
_CHUNK = 2048
"""Handshakes packed at a time: 2 ms, and more make it no smaller."""
_CHUNK_NS = 10_000_000_000
"""... or so many ns; also between the accounts that are kept."""
_OFFSET_STEP_NS = 1_000_000
"""The wall clock was stepped, not measured a little differently."""
_HANDSHAKE_BYTES = 640
"""Unpacked, by tracemalloc."""
_CHUNK_BYTES = 600
"""What a chunk takes beside what is packed."""
_ENTRY_BYTES = 150
"""... and for each name, and each account kept: an order of magnitude."""
_LINES = 256


@dataclass(frozen=True, slots=True)
class _Kept:
    """Accounts, with the offset that makes their times wall-clock time."""

    accounts: tuple[Account, ...] = ()
    wall_offset_ns: int = 0

    def lines(self) -> Iterator[str]:
        for account in self.accounts:
            yield account_line(account, self.wall_offset_ns)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the flight recorder held at a moment. Never changes; any thread may write it out."""

    since_ns: int
    """From here on it is complete, on the handshakes' clock."""
    oldest_ns: int
    """What ended before is left out: the window."""
    taken_ns: int
    before: _Kept
    """The accounts where it begins."""
    chunks: tuple[Chunk, ...]
    after: _Kept
    """The last accounts, unless they are in the chunks already."""

    def lines(self) -> Iterator[str]:
        """Write accounts and handshakes in order, as JSON lines; 5 us each."""
        yield from self.before.lines()
        for chunk in self.chunks:
            for each in chunk.handshakes():
                if each.time_ns >= self.oldest_ns:
                    yield handshake_line(each, chunk, chunk.wall_offset_ns)
            yield from _Kept(chunk.accounts, chunk.wall_offset_ns).lines()
        yield from self.after.lines()


class FlightRecorder:
    """Remembers what came within a window of time, as far back as its memory reaches.

    One thread takes; `snapshot` and `since_ns` may be used from any. 0.4 us a handshake and about 20 bytes, so 32 MiB
    hold 1.5 million.
    """

    def __init__(
        self,
        window_s: float = WINDOW_S,
        limit_bytes: int = LIMIT_BYTES,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`clock_ns` is the clock that handshakes are stamped with: the source's `now_ns`."""
        self._window_ns = int(window_s * 1e9)
        self._limit_bytes = limit_bytes
        self._clock_ns = clock_ns
        self._complete_ns = clock_ns()
        self._chunks: deque[Chunk] = deque()
        self._bytes = 0
        self._before = self._last = _Kept()
        self._is_last_kept = True
        self._lock = threading.Lock()
        self._begin(self._complete_ns, 0)

    @property
    def since_ns(self) -> int:
        """How far back it is complete: the window, less where memory did not suffice, or where it began."""
        return max(self._complete_ns, self._clock_ns() - self._window_ns)

    def take(self, batch: Batch, names: Names, wall_offset_ns: int) -> None:
        """Remember a batch, and what its numbers stand for now."""
        now_ns = self._clock_ns()
        with self._lock:
            if self._count and (
                now_ns - self._began_ns >= _CHUNK_NS
                or abs(wall_offset_ns - self._wall_offset_ns) >= _OFFSET_STEP_NS
            ):
                self._end(())
            if not self._count:
                self._begin(now_ns, wall_offset_ns)
            self._add(batch.handshakes, names, now_ns)
            if batch.accounts:
                self._account(tuple(batch.accounts), now_ns, wall_offset_ns)
            self._forget(now_ns)

    def snapshot(self) -> Snapshot:
        """Return what there is now. Copies at most one chunk; 2 ms."""
        with self._lock:
            now_ns = self._clock_ns()
            after = _Kept() if self._is_last_kept else self._last
            chunks = (*self._chunks, self._packed(())) if self._count else tuple(self._chunks)
            oldest_ns = now_ns - self._window_ns
            return Snapshot(max(self._complete_ns, oldest_ns), oldest_ns, now_ns, self._before, chunks, after)

    def _begin(self, now_ns: int, wall_offset_ns: int) -> None:
        self._began_ns = self._arrived_ns = now_ns
        self._wall_offset_ns = wall_offset_ns
        self._count = 0
        self._parts: list[Sequence[Handshake]] = []
        self._interfaces: dict[int, str] = {}
        self._units: dict[int, str] = {}

    def _add(self, handshakes: Sequence[Handshake], names: Names, now_ns: int) -> None:
        for start in range(0, len(handshakes), _CHUNK):
            some = handshakes[start : start + _CHUNK]
            interfaces = {each: names.name_of(each) for each in distinct(some, "ifindex")}
            if self._count + len(some) > _CHUNK or self._are_renamed(interfaces):
                self._end(())
            self._parts.append(some)
            self._count += len(some)
            self._arrived_ns = now_ns
            for ifindex, name in interfaces.items():
                self._interfaces[ifindex] = name or self._interfaces.get(ifindex, "")
            for cgroup in distinct(some, "cgroup"):
                if not self._units.get(cgroup):
                    self._units[cgroup] = names.unit_of(cgroup)

    def _are_renamed(self, interfaces: Mapping[int, str]) -> bool:
        known = self._interfaces
        return any(name and known.get(ifindex, name) != name for ifindex, name in interfaces.items())

    def _account(self, accounts: tuple[Account, ...], now_ns: int, wall_offset_ns: int) -> None:
        self._last = _Kept(accounts, wall_offset_ns)
        self._is_last_kept = False
        if not self._before.accounts:
            self._before, self._kept_ns = self._last, now_ns
            self._is_last_kept = True
        elif now_ns - self._kept_ns >= _CHUNK_NS:
            self._kept_ns = now_ns
            self._arrived_ns = now_ns
            self._end(accounts)
            self._is_last_kept = True

    def _packed(self, accounts: tuple[Account, ...]) -> Chunk:
        handshakes = joined(self._parts)
        return Chunk(
            pack(handshakes),
            self._count,
            accounts,
            self._arrived_ns,
            max(values_of(handshakes, "time_ns"), default=0),
            self._wall_offset_ns,
            self._interfaces.copy(),
            self._units.copy(),
        )

    def _end(self, accounts: tuple[Account, ...]) -> None:
        chunk = self._packed(accounts)
        self._chunks.append(chunk)
        self._bytes += _size(chunk)
        self._begin(self._arrived_ns, self._wall_offset_ns)

    def _forget(self, now_ns: int) -> None:
        chunks, oldest_ns = self._chunks, now_ns - self._window_ns
        while chunks and (
            chunks[0].arrived_ns < oldest_ns
            or self._bytes + self._count * _HANDSHAKE_BYTES > self._limit_bytes
        ):
            chunk = chunks.popleft()
            self._bytes -= _size(chunk)
            if chunk.accounts:
                self._before = _Kept(chunk.accounts, chunk.wall_offset_ns)
            if chunk.count:
                latest_ns = min(
                    chunk.latest_ns, chunk.arrived_ns
                )  # A time in the future is not to be believed.
                self._complete_ns = max(self._complete_ns, latest_ns + 1)


def save(path: Path, snapshot: Snapshot, header: Callable[[], str]) -> None:
    """Write a snapshot to a new file, compressed as its name says. Blocks; on TcplatError there is no file."""
    file = RecordingFile(path, header)
    file.open()
    lines = snapshot.lines()
    try:
        while some := "".join(islice(lines, _LINES)):
            file.add(some)
            file.settle()
        file.close()
    except OSError as error:
        file.abandon()
        path.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise TcplatError(f"cannot write {path}: {reason}", "name a file elsewhere") from error


def save_first(paths: Iterable[Path], snapshot: Snapshot, header: Callable[[], str]) -> Path:
    """The same, to the first of these names that is not taken; return which."""
    for path in paths:
        try:
            save(path, snapshot, header)
        except TcplatError as error:
            if isinstance(error.__cause__, FileExistsError):
                continue
            raise
        return path
    raise AssertionError("the names do not end")


def _size(chunk: Chunk) -> int:
    entries = len(chunk.interfaces) + len(chunk.units) + 3 * len(chunk.accounts)
    return len(chunk.packed) + _CHUNK_BYTES + _ENTRY_BYTES * entries
