"""The kernel program's tables, read and kept tidy: accounts, pending handshakes, awaited acknowledgements.

Layouts are those of the structs in handshake.bpf.c, which asserts their sizes. Only the probe's thread comes here.
"""

from __future__ import annotations

import mmap
import struct
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from bpf import syscall
from bpf.event import Direction, Handshake, Outcome
from bpf.matching import COUNTERS, FORGET_NS, Sweep
from bpf.places import Glance, Table, UnderWay

_CONNECTION = struct.Struct("=16s16sHHI")
_OUTBOUND = struct.Struct("=QQIIIIHB5xQ16sI4x")
_INBOUND = struct.Struct("=QQQIIIIIHBB")
_FIRST_SYN_NS = struct.Struct("=Q")
"""... with which both begin."""
_NUMBER = struct.Struct("=I")


class _Outbound(NamedTuple):
    first_syn_ns: int
    last_syn_ns: int
    isn: int
    data_bytes: int
    first_stamp: int
    last_stamp: int
    retransmits: int
    stamped: int
    cgroup: int
    process: bytes
    pid: int


class _Inbound(NamedTuple):
    first_syn_ns: int
    first_answer_ns: int
    last_answer_ns: int
    remote_isn: int
    remote_data_bytes: int
    isn: int
    first_stamp: int
    last_stamp: int
    retransmits: int
    stamped: int
    took_data: int


_ACCOUNT = struct.Struct("=" + "Q" * len(COUNTERS))


def possible_cpus() -> int:
    """Count the CPUs a per-CPU table has values for: the kernel's possible ones, present or not."""
    ranges = Path("/sys/devices/system/cpu/possible").read_text().strip().split(",")
    return 1 + max(int(part.split("-")[-1]) for part in ranges)


class Accounts:
    """The counters, one set per CPU and watched interface; interfaces go by the number they were given."""

    CAPACITY = 256

    def __init__(self, map_fd: int, cpus: int) -> None:
        self._map_fd = map_fd
        self._cpus = cpus

    def clear(self, number: int) -> None:
        """Count from zero."""
        syscall.update(self._map_fd, _NUMBER.pack(number), bytes(_ACCOUNT.size * self._cpus))

    def read(self, number: int) -> dict[str, int]:
        """Sum the counters over the CPUs, by name."""
        raw = syscall.lookup(self._map_fd, _NUMBER.pack(number), _ACCOUNT.size * self._cpus)
        sums = (sum(column) for column in zip(*_ACCOUNT.iter_unpack(raw), strict=True))
        return dict(zip(COUNTERS, sums, strict=True))


class Pending:
    """The handshakes under way in both directions, swept for what was never answered."""

    def __init__(
        self, outbound: Table, inbound: Table, reported_fd: int, glance: Glance, timeout_ns: int
    ) -> None:
        self._outbound = outbound
        self._inbound = inbound
        self._reported_fd = reported_fd
        self._glance = glance
        self._timeout_ns = timeout_ns

    def sweep(self, now_ns: int) -> Sweep:
        """Report what has waited for the timeout, forget what can no longer be answered, count the rest."""
        sweep = Sweep([], Counter(), Counter())
        self._sweep_outbound(now_ns, sweep)
        self._sweep_inbound(now_ns, sweep)
        return sweep

    def _sweep_outbound(self, now_ns: int, sweep: Sweep) -> None:
        reported = dict(syscall.entries(self._reported_fd, _CONNECTION.size, _NUMBER.size))
        self._glance.say_reported(has_any=bool(reported))
        for found in self._outbound.entries():
            (first_syn_ns,) = _FIRST_SYN_NS.unpack_from(found.value)
            if now_ns - first_syn_ns < self._timeout_ns:  # Nearly all.
                sweep.pending[_ifindex_of(found.key)] += 1
                continue
            entry = _Outbound._make(_OUTBOUND.unpack(found.value))
            if reported.get(found.key) != _NUMBER.pack(entry.isn) and self._report(found, entry.isn):
                unanswered = _unanswered(
                    found.key, Direction.OUTBOUND, entry.retransmits, entry.isn << 32, now_ns
                )
                sweep.unanswered.append(
                    unanswered._replace(cgroup=entry.cgroup, pid=entry.pid, process=entry.process)
                )
            if now_ns - entry.last_syn_ns > FORGET_NS:
                self._drop_outbound(found)

    def _report(self, found: UnderWay, isn: int) -> bool:
        """Mark one as reported; False if it ended while we looked, and the kernel did not see the mark."""
        self._glance.say_reported(has_any=True)
        syscall.update(self._reported_fd, found.key, _NUMBER.pack(isn))
        value = self._outbound.again(found)
        if value and _Outbound._make(_OUTBOUND.unpack(value)).isn == isn:
            return True
        return not syscall.delete(self._reported_fd, found.key)

    def _drop_outbound(self, found: UnderWay) -> None:
        if self._outbound.remove(found):
            syscall.delete(self._reported_fd, found.key)

    def _sweep_inbound(self, now_ns: int, sweep: Sweep) -> None:
        for found in self._inbound.entries():
            entry = _Inbound._make(_INBOUND.unpack(found.value))
            if now_ns - max(entry.first_syn_ns, entry.last_answer_ns) < self._timeout_ns:
                sweep.pending[_ifindex_of(found.key)] += 1
            elif not self._inbound.remove(found):
                continue  # It goes on, or it ended this very moment and the kernel reports that.
            elif entry.took_data:
                # A server that took the SYN's data may send before it is acknowledged, and then the first
                # acknowledgement is for more than the SYN-ACK: not what the kernel program waited for.
                sweep.unresolved[_ifindex_of(found.key)] += 1
            else:
                identity = entry.remote_isn << 32 | entry.isn
                sweep.unanswered.append(
                    _unanswered(found.key, Direction.INBOUND, entry.retransmits, identity, now_ns)
                )

    def forget(self, ifindex: int) -> None:
        """Drop an interface's handshakes under way, unreported."""
        for found in self._outbound.entries():
            if _ifindex_of(found.key) == ifindex:
                self._drop_outbound(found)
        for found in self._inbound.entries():
            if _ifindex_of(found.key) == ifindex:
                self._inbound.remove(found)

    def forget_unheard(self, ifindex: int, before_ns: int) -> int:
        """Drop what came in before then and was not answered, as far as was seen; return how many."""
        forgotten = 0
        for found in self._inbound.entries():
            entry = _Inbound._make(_INBOUND.unpack(found.value))
            if (
                _ifindex_of(found.key) == ifindex
                and not entry.first_answer_ns
                and entry.first_syn_ns < before_ns
            ):
                forgotten += self._inbound.remove(found)
        return forgotten


def _ifindex_of(key: bytes) -> int:
    return int(_NUMBER.unpack_from(key, _CONNECTION.size - _NUMBER.size)[0])


def _unanswered(key: bytes, direction: Direction, retransmits: int, identity: int, now_ns: int) -> Handshake:
    remote, local, remote_port, local_port, ifindex = _CONNECTION.unpack(key)
    return Handshake(
        time_ns=now_ns,
        latency_ns=0,
        connect_ns=0,
        answer_ns=0,
        remote=remote,
        local=local,
        process=bytes(16),
        identity=identity,
        cgroup=0,
        ifindex=ifindex,
        pid=0,
        remote_port=remote_port,
        local_port=local_port,
        retransmits=retransmits,
        outcome=Outcome.UNANSWERED,
        direction=direction,
        ambiguous=0,
        repeated=0,
    )


class AwaitedAcks:
    """The two pages of awaited acknowledgement numbers (`struct awaited`).

    The program sets a slot on both pages and asks the one in use. `turn` uses the other; the first `wipe` after it,
    some time later when no CPU still reads it, clears the one left behind. Whatever was set after that wipe survives
    the next turn, so nothing is lost while an inbound handshake expires faster than the pages turn.
    """

    _SLOTS = 65536
    _PAGE = struct.Struct("=I")
    _HAS_ANY = struct.Struct("=I")
    _HEAD_BYTES = 16

    def __init__(self, map_fd: int) -> None:
        self.fd = map_fd
        size = self._HEAD_BYTES + 2 * self._SLOTS
        pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        self._memory = mmap.mmap(map_fd, pages)
        self._is_wiped = True

    def turn(self) -> None:
        """Use the other page."""
        self._is_wiped = False
        self._PAGE.pack_into(self._memory, 0, 1 - self._in_use())

    def wipe(self) -> None:
        """Clear the page not in use, once after each turn: what is set on it later is still awaited."""
        if self._is_wiped:
            return
        self._is_wiped = True
        page = 1 - self._in_use()
        begin = self._HEAD_BYTES + page * self._SLOTS
        self._memory[begin : begin + self._SLOTS] = bytes(self._SLOTS)
        self._HAS_ANY.pack_into(self._memory, self._PAGE.size + page * self._HAS_ANY.size, 0)

    def _in_use(self) -> int:
        (page,) = self._PAGE.unpack_from(self._memory)
        return int(page)

    def close(self) -> None:
        """Unmap."""
        self._memory.close()
