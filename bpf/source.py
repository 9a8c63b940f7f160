"""Source: the one protocol between whatever yields handshakes and whatever shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from bpf.event import Handshake

ANY = "any"
"""Instead of names: every interface that is up."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a source did on one interface since it began to watch it. Counts are cumulative but for `pending`.

    Every first SYN is accounted for: `syns` = `established` + `refused` + `unreachable` + `unanswered` - `late` +
    `superseded` + `unresolved` + `pending_full` + `pending`, but for what passes in the moment it takes to read them.
    """

    interface: str
    attach: str
    """How the program hangs on the hook: `tcx` or `clsact`; empty: not at all, see `trouble`."""
    established: int = 0
    refused: int = 0
    unreachable: int = 0
    unanswered: int = 0
    ambiguous: int = 0
    """Established, but which of several SYNs (SYN-ACKs) was answered is unknown: no latency."""
    events_lost: int = 0
    """Ended and counted, but the ring had no room for the record."""
    pending_full: int = 0
    """SYNs that found the table of handshakes under way full, so were not followed."""
    syns: int = 0
    """First SYNs, in both directions."""
    late: int = 0
    """Ended in some way after they had been counted as unanswered."""
    superseded: int = 0
    """Given up for another connection of the same ports."""
    unresolved: int = 0
    """Inbound with TCP Fast Open, whose end may have gone unseen."""
    pending: int = 0
    """Under way."""
    syn_retransmits: int = 0
    unsolicited: int = 0
    """SYN-ACKs that answer no SYN known: duplicates, scans, or too late."""
    packets: int = 0
    truncated: int = 0
    """Packets that looked like part of a handshake, but ended before their headers did."""
    malformed: int = 0
    """... whose headers contradict themselves."""
    fragments: int = 0
    """... that were later fragments, which carry no TCP header."""
    too_deep: int = 0
    """... with more than eight IPv6 extension headers."""
    programs_ahead: int = 0
    """Programs of others that run before ours, on both sides of the hook, and may keep packets from it."""
    run_time_ns: int | None = None
    """Time spent in the program; None: kernel.bpf_stats_enabled is off."""
    run_count: int | None = None
    """Packets that `run_time_ns` was spent on."""
    is_gone: bool = False
    """The interface was removed; the source waits for its name to return."""
    trouble: str = ""
    """Why the interface is not watched, or what is missing."""
    read_ns: int = 0
    """When this was read, monotonic."""


class Names(Protocol):
    """Says what the numbers in a handshake stand for."""

    def name_of(self, ifindex: int) -> str:
        """Name the interface."""

    def unit_of(self, cgroup: int) -> str:
        """Name the systemd unit or container of the process's cgroup; empty: none, or not known."""


class Source(Names, Protocol):
    """Yields handshakes. One thread enters, drains and leaves; only `wake` may come from another."""

    def __enter__(self) -> Source:
        """Open what is needed. Blocks (compiling the probe takes half a second); raises `TcplatError`."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind in the kernel."""

    @property
    def selection(self) -> Sequence[str]:
        """What is watched: names of interfaces, or `ANY` alone."""

    @property
    def gone(self) -> frozenset[str]:
        """Of the interfaces named, those that were removed: the source waits for them to return."""

    def drain(self, timeout_s: float) -> list[Handshake]:
        """Wait up to `timeout_s` (less when the ring fills or `wake` is called), return what came meanwhile."""

    def accounts(self) -> list[Account]:
        """Read the counters, an account for each interface watched or waited for. A few system calls each."""

    def watch(self, selection: Sequence[str]) -> None:
        """Switch to other interfaces without recompiling. On error (TcplatError) the old ones stay watched."""

    def wake(self) -> None:
        """Make a `drain` under way return now. From any thread or a signal handler."""
