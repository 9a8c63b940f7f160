"""The kernel program's tables, read and kept tidy: accounts, pending handshakes, awaited acknowledgements.

Layouts are those of the structs in handshake.bpf.c, which asserts their sizes. Only the probe's thread comes here.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

from bpf import syscall
from bpf.event import Direction, Handshake, Outcome

_CONNECTION = struct.Struct("=16s16sHHI")
_OUTBOUND = struct.Struct("=QQIHH")
_INBOUND = struct.Struct("=QQQIIH6x")
_IFINDEX = struct.Struct("=I")

ACCOUNT_FIELDS = (
    "syns",
    "established",
    "refused",
    "unreachable",
    "ambiguous",
    "events_lost",
    "pending_full",
    "emitted",
)
_ACCOUNT = struct.Struct("=" + "Q" * len(ACCOUNT_FIELDS))

_FORGET_NS = 75_000_000_000
"""An unanswered SYN is remembered this long after its last.

Linux sends the next at most 64 s later, and it must not look new."""


def possible_cpus() -> int:
    """Count the CPUs a per-CPU table has values for: the kernel's possible ones, present or not."""
    ranges = Path("/sys/devices/system/cpu/possible").read_text().strip().split(",")
    return 1 + max(int(part.split("-")[-1]) for part in ranges)


class Accounts:
    """The counters per interface and CPU. An interface is watched from `open` to `close`."""

    def __init__(self, map_fd: int, cpus: int) -> None:
        self._map_fd = map_fd
        self._cpus = cpus

    def open(self, ifindex: int) -> None:
        """Begin to count for an interface, from zero."""
        syscall.update(self._map_fd, _IFINDEX.pack(ifindex), bytes(_ACCOUNT.size * self._cpus))

    def close(self, ifindex: int) -> None:
        """Stop counting: the program passes over what it sees of this interface."""
        syscall.delete(self._map_fd, _IFINDEX.pack(ifindex))

    def read(self, ifindex: int) -> dict[str, int]:
        """Sum the counters over the CPUs, by name."""
        raw = syscall.lookup(self._map_fd, _IFINDEX.pack(ifindex), _ACCOUNT.size * self._cpus)
        sums = (sum(column) for column in zip(*_ACCOUNT.iter_unpack(raw), strict=True))
        return dict(zip(ACCOUNT_FIELDS, sums, strict=True))


class Pending:
    """The two tables of handshakes under way, swept for what was never answered."""

    def __init__(self, outbound_fd: int, inbound_fd: int, timeout_ns: int) -> None:
        self._outbound_fd = outbound_fd
        self._inbound_fd = inbound_fd
        self._timeout_ns = timeout_ns

    def sweep(self, now_ns: int) -> list[Handshake]:
        """Report what has waited for the timeout, once; forget what can no longer be answered."""
        return [*self._sweep_outbound(now_ns), *self._sweep_inbound(now_ns)]

    def _sweep_outbound(self, now_ns: int) -> Iterator[Handshake]:
        for key, value in syscall.entries(self._outbound_fd, _CONNECTION.size, _OUTBOUND.size):
            first_syn_ns, last_syn_ns, isn, retransmits, reported = _OUTBOUND.unpack(value)
            if now_ns - last_syn_ns > _FORGET_NS:
                syscall.delete(self._outbound_fd, key)
            if reported or now_ns - first_syn_ns < self._timeout_ns:
                continue
            mark = _OUTBOUND.pack(first_syn_ns, last_syn_ns, isn, retransmits, 1)
            try:
                syscall.update(self._outbound_fd, key, mark, syscall.BPF_EXIST)
            except FileNotFoundError:  # It was answered this very moment, and the kernel reports that.
                continue
            yield _unanswered(key, Direction.OUTBOUND, retransmits, now_ns)

    def _sweep_inbound(self, now_ns: int) -> Iterator[Handshake]:
        for key, value in syscall.entries(self._inbound_fd, _CONNECTION.size, _INBOUND.size):
            first_syn_ns, _, last_answer_ns, _, _, retransmits = _INBOUND.unpack(value)
            waited_ns = now_ns - max(first_syn_ns, last_answer_ns)
            if waited_ns >= self._timeout_ns and syscall.delete(self._inbound_fd, key):
                yield _unanswered(key, Direction.INBOUND, retransmits, now_ns)

    def forget(self, ifindex: int) -> None:
        """Drop an interface's handshakes under way, unreported."""
        for fd, size in ((self._outbound_fd, _OUTBOUND.size), (self._inbound_fd, _INBOUND.size)):
            for key, _ in syscall.entries(fd, _CONNECTION.size, size):
                if _CONNECTION.unpack(key)[-1] == ifindex:
                    syscall.delete(fd, key)


def _unanswered(key: bytes, direction: Direction, retransmits: int, now_ns: int) -> Handshake:
    remote, local, remote_port, local_port, ifindex = _CONNECTION.unpack(key)
    return Handshake(
        time_ns=now_ns,
        latency_ns=0,
        connect_ns=0,
        answer_ns=0,
        remote=remote,
        local=local,
        ifindex=ifindex,
        pid=0,
        remote_port=remote_port,
        local_port=local_port,
        retransmits=retransmits,
        outcome=Outcome.UNANSWERED,
        direction=direction,
        ambiguous=0,
        process=bytes(16),
    )


class AwaitedAcks:
    """The two pages of awaited acknowledgement numbers (`struct awaited`).

    The program sets a slot on both pages and asks the one in use. `turn` uses the other; `wipe`, some time later
    when no CPU still reads it, clears the one left behind. Whatever was set after that wipe survives the next turn,
    so nothing is lost while an inbound handshake expires faster than the pages turn.
    """

    _SLOTS = 65536
    _PAGE = struct.Struct("=I")

    def __init__(self, map_fd: int) -> None:
        size = self._PAGE.size + 2 * self._SLOTS
        pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        self._memory = mmap.mmap(map_fd, pages)

    def turn(self) -> None:
        """Use the other page."""
        self._PAGE.pack_into(self._memory, 0, 1 - self._in_use())

    def wipe(self) -> None:
        """Clear the page not in use."""
        begin = self._PAGE.size + (1 - self._in_use()) * self._SLOTS
        self._memory[begin : begin + self._SLOTS] = bytes(self._SLOTS)

    def _in_use(self) -> int:
        (page,) = self._PAGE.unpack_from(self._memory)
        return int(page)

    def close(self) -> None:
        """Unmap."""
        self._memory.close()
