"""Source: the one protocol between whatever yields handshakes and whatever shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Protocol, runtime_checkable

from bpf.event import Flow, Handshake

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
    """Whose end may have gone unseen: inbound with TCP Fast Open, or under way while the probe was being attached."""
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
    samples: int = 0
    """Taken of open connections."""
    samples_thinned: int = 0
    """Put off for a while, or left out at the end, because there were so many: see `bpf.flows`."""
    samples_lost: int = 0
    """Taken, but the ring had no room."""
    is_detached: bool = False
    """Somebody else took the programs off the hook: nothing is seen until the interface is chosen again."""
    is_gone: bool = False
    """The interface was removed; the source waits for its name to return."""
    trouble: str = ""
    """Why the interface is not watched, or what is missing."""
    flow_trouble: str = ""
    """Why open connections are not sampled, though that was asked for."""
    read_ns: int = 0
    """When this was read, monotonic."""


class Batch(NamedTuple):
    """What a source yields at a time."""

    handshakes: Sequence[Handshake]
    accounts: list[Account]
    """Of every interface, read just before these handshakes were; empty: it was not time for that."""
    began_ns: int | None = None
    """Not None: these are the first since then, and whatever came before is not to be counted with them."""
    flows: Sequence[Flow] = ()
    """Samples of open connections, in order. They come after the handshakes."""


class Names(Protocol):
    """Says what the numbers in a handshake stand for."""

    def name_of(self, ifindex: int) -> str:
        """Name the interface."""

    def unit_of(self, cgroup: int) -> str:
        """Name the systemd unit or container of the process's cgroup; empty: none, or not known."""


class Taker(Protocol):
    """Is given what a source yields, besides whoever shows it: a recorder."""

    def take(self, batch: Batch, names: Names, wall_offset_ns: int) -> None:
        """Keep it. In the thread that drains the source; does not block."""


@dataclass(frozen=True, slots=True)
class Playback:
    """How a player plays at this moment."""

    title: str
    """What is played: the file's name."""
    speed: float
    """Recorded seconds per second."""
    is_paused: bool
    is_over: bool
    """At the end of what is played."""
    is_live: bool
    """A pipe: played as it comes, so there is no other speed, and no way back."""
    trouble: str
    """What could not be read; empty: all could."""


class Source(Names, Protocol):
    """Yields handshakes. One thread enters, drains and leaves; only what says so may be called from another."""

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

    @property
    def is_over(self) -> bool:
        """Whether nothing will ever come any more: a file was read to its end."""

    def now_ns(self) -> int:
        """The time on the clock that handshakes are stamped with. From any thread."""

    def wall_offset_ns(self) -> int:
        """What to add to that clock to get Unix time. From any thread."""

    def drain(self, timeout_s: float) -> Batch:
        """Wait up to `timeout_s` (less when the ring fills or `wake` is called), return what came meanwhile."""

    def accounts(self) -> list[Account]:
        """Read the counters now, an account for each interface watched or waited for. A few system calls each."""

    def watch(self, selection: Sequence[str]) -> None:
        """Switch to other interfaces without recompiling. On error (TcplatError) the old ones stay watched.

        Of the same ones, those that somebody detached are attached again.
        """

    def wake(self) -> None:
        """Make a `drain` under way return soon. From any thread or a signal handler."""


@runtime_checkable
class Player(Source, Protocol):
    """A source whose time can be steered, since it has passed. Same thread."""

    @property
    def playback(self) -> Playback:
        """How it plays. From any thread."""

    def pause(self) -> None:
        """Let the recorded time stand still, or go on."""

    def seek(self, by_ns: int) -> None:
        """Go to another time: the next batches have what lies between, or begin anew if it was a step back."""

    def change_speed(self, factor: float) -> None:
        """Play so much faster; slower below 1."""
