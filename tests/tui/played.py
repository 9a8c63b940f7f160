"""A source that plays what a test tells it to, and handshakes with all their fields known."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from types import TracebackType
from typing import Any

from bpf.errors import NoSuchInterface
from bpf.event import Direction, Flow, Handshake, Outcome, address_bytes
from bpf.source import Account, Batch

MS = 1_000_000
CGROUP = 77
"""The cgroup of outbound handshakes: UNIT."""
UNIT = "cron.service"
PATIENCE_S = 10.0
"""How long to wait for what is certain to come; only a failing test waits so long."""

Step = Callable[[], object]


def handshake(
    remote: str = "198.18.0.1",
    latency_ns: int = 5 * MS,
    *,
    outcome: Outcome = Outcome.ESTABLISHED,
    direction: Direction = Direction.OUTBOUND,
    time_ns: int | None = None,
    retransmits: int = 0,
    ambiguous: bool = False,
    process: bytes = b"curl",
) -> Handshake:
    """A handshake as the probe would report it, ended just now unless `time_ns` says otherwise."""
    outbound = direction is Direction.OUTBOUND
    return Handshake(
        time_ns=time.monotonic_ns() if time_ns is None else time_ns,
        latency_ns=0 if ambiguous else latency_ns,
        connect_ns=latency_ns if outbound else 0,
        answer_ns=0 if outbound else 20_000,
        remote=address_bytes(remote),
        local=address_bytes("2001:db8::1" if ":" in remote else "192.0.2.1"),
        process=(process if outbound else b"").ljust(16, b"\0"),
        identity=0,
        cgroup=CGROUP if outbound else 0,
        ifindex=2,
        pid=812 if outbound else 0,
        remote_port=443,
        local_port=38450,
        retransmits=retransmits,
        outcome=outcome,
        direction=direction,
        ambiguous=ambiguous,
        repeated=0,
    )


class Played:
    """A `Source`. Steps are played in order, one a drain; any thread may add some, before or while it runs."""

    account_interval_s = 1.0

    def __init__(
        self, *handshakes: Handshake, interface: str = "eth0", now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.now_ns = now_ns
        self.gone: frozenset[str] = frozenset()
        """Set from the thread that drains, by `then`."""
        self.failure: Exception | None = None
        """Raised instead of opening."""
        self.may_open = threading.Event()
        """Opening waits for it."""
        self.may_open.set()
        self.opening = threading.Event()
        self.closed = threading.Event()
        self.threads: list[int] = []
        """Who opened, switched and closed it."""
        self._steps: queue.SimpleQueue[Step | list[Handshake] | tuple[Flow, ...]] = queue.SimpleQueue()
        self._account = Account(interface, "tcx")
        self._accounted = -inf
        if handshakes:
            self.play(*handshakes)

    def play(self, *handshakes: Handshake) -> None:
        """Let one drain return these."""
        self._steps.put(list(handshakes))

    def sample(self, *flows: Flow) -> None:
        """Let one drain return these."""
        self._steps.put(flows)

    def then(self, step: Step) -> None:
        """Let one drain call `step`, in the thread that drains."""
        self._steps.put(step)

    def lose(self, *interfaces: str) -> None:
        """Wait for the return of these from now on; none: all are back."""
        self.gone = frozenset(interfaces)

    def count(self, **counts: Any) -> None:
        """Set counters of the account."""
        self._account = replace(self._account, **counts)

    def fail(self, error: Exception) -> None:
        """Let one drain raise `error`."""

        def step() -> None:
            raise error

        self.then(step)

    def __enter__(self) -> Played:
        self.threads.append(threading.get_ident())
        self.opening.set()
        assert self.may_open.wait(PATIENCE_S)
        if self.failure:
            raise self.failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.threads.append(threading.get_ident())
        self.closed.set()

    @property
    def selection(self) -> Sequence[str]:
        return (self._account.interface,)

    def name_of(self, ifindex: int) -> str:
        return self._account.interface

    def unit_of(self, cgroup: int) -> str:
        return UNIT if cgroup == CGROUP else ""

    @property
    def is_empty(self) -> bool:
        """Whether all was played."""
        return self._steps.empty()

    is_over = False

    def wall_offset_ns(self) -> int:
        return time.time_ns() - time.monotonic_ns()

    def drain(self, timeout_s: float) -> Batch:
        accounts = []
        if time.monotonic() - self._accounted >= self.account_interval_s:
            self._accounted = time.monotonic()
            accounts = self.accounts()
        try:
            step = self._steps.get(timeout=timeout_s) if timeout_s else self._steps.get_nowait()
        except queue.Empty:
            return Batch([], accounts)
        if callable(step):
            step()
            return Batch([], accounts)
        if isinstance(step, tuple):
            return Batch([], accounts, flows=step)
        established = self._account.established + sum(not each.outcome for each in step)
        self.count(established=established)
        return Batch(step, accounts)

    def accounts(self) -> list[Account]:
        return [self._account]

    def watch(self, selection: Sequence[str]) -> None:
        self.threads.append(threading.get_ident())
        if "nosuch" in selection:
            raise NoSuchInterface("no interface 'nosuch'", "choose one of: eth0, wlan0")
        self._account = Account(selection[0], "tcx")
        self.gone = frozenset()

    def wake(self) -> None:
        self.play()
