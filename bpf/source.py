"""Source: the one protocol between whatever yields handshakes and whatever shows them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from bpf.event import Handshake


class State(enum.Enum):
    """What a source is doing about its interface."""

    WATCHING = "watching"
    GONE = "gone"
    """The interface was removed; the source waits for its name to return."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a source did on one interface since it began to watch it (cumulative counts)."""

    interface: str
    attach: str
    """How the program hangs on the hook: `tcx` or `clsact`."""
    established: int = 0
    refused: int = 0
    unreachable: int = 0
    unanswered: int = 0
    ambiguous: int = 0
    """Established, but which of several SYNs (SYN-ACKs) was answered is unknown: no latency."""
    events_lost: int = 0
    """Matched in the kernel, but the ring had no room."""
    pending_full: int = 0
    """SYNs that found the table of pending handshakes full, so were not followed."""


class Source(Protocol):
    """Yields handshakes. One thread enters, drains and leaves; only `wake` may come from another."""

    def __enter__(self) -> Source:
        """Open what is needed. Blocks (compiling the probe takes half a second); raises `TcplatError`."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing behind in the kernel."""

    @property
    def interface(self) -> str:
        """Name of the interface watched (or waited for)."""

    @property
    def state(self) -> State:
        """Whether the interface is there."""

    def drain(self, timeout_s: float) -> list[Handshake]:
        """Wait up to `timeout_s` (less when the ring fills or `wake` is called), return what came meanwhile."""

    def account(self) -> Account:
        """Read the counters of the interface watched. A few system calls."""

    def watch(self, interface: str) -> None:
        """Switch to another interface without recompiling. On error the old one stays watched."""

    def wake(self) -> None:
        """Make a `drain` under way return now. From any thread or a signal handler."""
