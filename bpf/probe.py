"""The probe: the live source. The kernel program on the interfaces selected, drained, kept tidy, and gone when left."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType

from bpf.attach import AttachMode
from bpf.callers import cgroup_root
from bpf.cgroups import Cgroups
from bpf.compiled import Compiled
from bpf.errors import NoSuchInterface, TcplatError
from bpf.event import Flow, Handshake, Records
from bpf.interfaces import Interface, default_interface, find, interfaces
from bpf.program import Program
from bpf.repeats import Repeats
from bpf.source import ANY, Account, Batch
from bpf.watch import Watch

_HOUSEKEEPING_NS = 1_000_000_000
_NAMES_REMEMBERED = 4096


class Probe:
    """Handshakes of one or several interfaces, matched in the kernel. One thread enters, drains and leaves."""

    def __init__(
        self,
        selection: Sequence[str] = (),
        mode: AttachMode = AttachMode.AUTO,
        timeout_s: float = 10.0,
        account_interval_s: float = 1.0,
        flow_interval_s: float = 0.0,
        *,
        is_forwarding: bool = False,
        take_compiled: Callable[[], Compiled] | None = None,
    ) -> None:
        """Prepare to watch interfaces by name, or `ANY`; none: the default route's. Opens nothing yet.

        `account_interval_s`: how often a batch has accounts; the first one has. `flow_interval_s`: how often an open
        connection is sampled as it sends; 0: never. `is_forwarding`: also what passes through, by its timestamps.
        `take_compiled`: as `Program` has it.
        """
        self._selection = tuple(selection)
        self._mode = mode
        self._timeout_ns = int(timeout_s * 1e9)
        self._account_interval_ns = int(account_interval_s * 1e9)
        self._flow_interval_ns = int(flow_interval_s * 1e9)
        self._is_forwarding = is_forwarding
        self._take_compiled = take_compiled
        self._resources = ExitStack()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._resources.callback(self._close_wakeup)
        self._watches: dict[str, Watch] = {}
        self._last_accounts: dict[str, Account] = {}
        self._names: dict[int, str] = {}
        self._repeats = Repeats()
        self._ready: list[Handshake] = []
        self._ready_flows: list[Flow] = []
        """Found or read, and not yet drained."""
        self._housekeeping_ns = 0
        self._page_turned_ns = 0
        self._accounted_ns: int | None = None

    def __enter__(self) -> Probe:
        try:
            selection = self._selection or (default_interface(),)
            _check(selection)
            self._open()
            self._switch(selection)
        except BaseException:
            self._resources.close()
            raise
        return self

    def _open(self) -> None:
        self._program = self._resources.enter_context(
            Program(
                self._timeout_ns,
                self._flow_interval_ns,
                is_forwarding=self._is_forwarding,
                take_compiled=self._take_compiled,
            )
        )
        self._cgroups = Cgroups(cgroup_root())
        self._poll = self._resources.enter_context(select.epoll())
        # Edge-triggered: a wait is cut short by the kernel's wake-up (the ring is filling), not by there being data.
        self._poll.register(self._program.bell_fd, select.EPOLLIN | select.EPOLLET)
        self._poll.register(self._wakeup, select.EPOLLIN | select.EPOLLET)
        self._resources.callback(self._let_all_go)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def selection(self) -> tuple[str, ...]:
        """What is watched: names of interfaces, or `ANY` alone."""
        return self._selection

    @property
    def gone(self) -> frozenset[str]:
        """Of the interfaces named, those that were removed: the probe waits for them to return."""
        return frozenset(name for name in self._selection if name != ANY and name not in self._watches)

    @property
    def is_over(self) -> bool:
        """Never: something may always come."""
        return False

    def now_ns(self) -> int:
        """CLOCK_MONOTONIC, which the kernel stamps handshakes with."""
        return time.monotonic_ns()

    def wall_offset_ns(self) -> int:
        """What to add to it to get Unix time; asked anew each time, so that a stepped wall clock is followed."""
        return time.time_ns() - time.monotonic_ns()

    def wake(self) -> None:
        """Make a `drain` under way return now. From any thread or a signal handler."""
        if self._wakeup >= 0:
            os.eventfd_write(self._wakeup, 1)

    def watch(self, selection: Sequence[str]) -> None:
        """Switch to other interfaces without recompiling. On error the old ones stay watched.

        Those that are watched stay as they are, but for what somebody detached, which is attached again.
        """
        _check(selection)
        for name, watch in list(self._watches.items()):
            if watch.is_detached:
                self._let_go(name)
        self._switch(tuple(selection))

    def drain(self, timeout_s: float) -> Batch:
        """Wait up to `timeout_s` (less when the ring fills or `wake` is called), return what came meanwhile."""
        if self._accounted_ns is not None:
            self._poll.poll(timeout_s)
        now_ns = time.monotonic_ns()
        # Before the ring is read, so that what they count is in this batch or in one before.
        accounts = []
        if self._accounted_ns is None or now_ns - self._accounted_ns >= self._account_interval_ns:
            self._accounted_ns = now_ns
            accounts = self.accounts()
        elif now_ns - self._housekeeping_ns >= _HOUSEKEEPING_NS:
            before = self._detached()
            self._keep_house(now_ns)
            if self._detached() != before:
                accounts = self.accounts()
        handshakes, flows = self._take_ready()
        marked = self._repeats.mark(handshakes) if len(self._watches) > 1 else handshakes
        return Batch(marked, accounts, flows=flows)

    def accounts(self) -> list[Account]:
        """Read the counters of every interface watched; of those that are gone, what they were last."""
        # At one moment with what is under way, so that the account adds up.
        self._keep_house(time.monotonic_ns())
        for name, watch in self._watches.items():
            self._last_accounts[name] = watch.account(self._program.callers)
        return [self._last_accounts[name] for name in sorted(self._last_accounts)]

    def name_of(self, ifindex: int) -> str:
        """Name the interface of a handshake that `drain` returned."""
        return self._names.get(ifindex, f"if{ifindex}")

    def unit_of(self, cgroup: int) -> str:
        """Name the systemd unit or container of a handshake's cgroup; empty: none, or not known."""
        return self._cgroups.name_of(cgroup)

    def _take_ready(self) -> tuple[Records, list[Flow]]:
        handshakes, flows = self._program.read()
        if self._ready:
            handshakes, self._ready = Records(Records.of(self._ready).raw + handshakes.raw), []
        flows, self._ready_flows = self._ready_flows + flows, []
        return handshakes, flows

    def _switch(self, selection: tuple[str, ...]) -> None:
        """Attach to what is new, then let go of what is not wanted any more. On error nothing has changed."""
        wanted = _wanted(selection)
        before = set(self._watches)
        try:
            self._begin_all(wanted, is_strict=selection != (ANY,))
        except TcplatError:
            for name in set(self._watches) - before:
                self._let_go(name)
            raise
        for name in before - wanted.keys():
            self._let_go(name)
        # What the interfaces before left in the ring is not of these.
        indices = {watch.interface.index for watch in self._watches.values()}
        handshakes, flows = self._take_ready()
        self._ready = [each for each in handshakes if each.ifindex in indices]
        self._ready_flows = [each for each in flows if each.ifindex in indices]
        self._selection = selection
        self._last_accounts = {name: each for name, each in self._last_accounts.items() if name in wanted}

    def _begin_all(self, wanted: dict[str, Interface], *, is_strict: bool) -> None:
        for name, interface in wanted.items():
            if name in self._watches:
                continue
            try:
                self._watches[name] = Watch(self._program, interface, self._mode)
            except TcplatError as error:
                if is_strict:
                    raise
                # One that cannot be watched must not keep the others from it.
                self._last_accounts[name] = Account(name, "", trouble=str(error), read_ns=time.monotonic_ns())
            else:
                self._names[interface.index] = name
        while len(self._names) > _NAMES_REMEMBERED:
            del self._names[next(iter(self._names))]

    def _let_go(self, name: str) -> None:
        self._watches.pop(name).close()

    def _let_all_go(self) -> None:
        for name in list(self._watches):
            self._let_go(name)

    def _close_wakeup(self) -> None:
        wakeup, self._wakeup = self._wakeup, -1
        os.close(wakeup)

    def _keep_house(self, now_ns: int) -> None:
        """Once a second: what was never answered, the pages of awaited ACKs, which interfaces there are."""
        self._housekeeping_ns = now_ns
        self._program.awaited_acks.wipe()
        if now_ns - self._page_turned_ns > self._timeout_ns + 2 * _HOUSEKEEPING_NS:
            self._page_turned_ns = now_ns
            self._program.awaited_acks.turn()
        sweep = self._program.pending.sweep(now_ns)
        for watch in self._watches.values():
            watch.take(sweep)
        self._ready += sweep.unanswered
        self._follow_interfaces()

    def _detached(self) -> set[str]:
        return {name for name, watch in self._watches.items() if watch.is_detached}

    def _is_there(self, name: str) -> bool:
        """Whether an interface is watched and still the same: cheaper to ask than the list of all."""
        try:
            return (
                name in self._watches and socket.if_nametoindex(name) == self._watches[name].interface.index
            )
        except OSError:
            return False

    def _follow_interfaces(self) -> None:
        """Let go of interfaces that were removed (or, of any, went down); attach to those that came."""
        if self._selection != (ANY,) and all(map(self._is_there, self._selection)):
            return
        self._follow_names()
        wanted = _wanted(self._selection)
        for name, watch in list(self._watches.items()):
            if name not in wanted or wanted[name].index != watch.interface.index:
                last = watch.account(self._program.callers)
                self._let_go(name)
                if self._selection == (ANY,):
                    self._last_accounts.pop(name, None)
                else:
                    self._last_accounts[name] = replace(last, is_gone=True)
        self._begin_all(wanted, is_strict=False)

    def _follow_names(self) -> None:
        """An interface that was renamed is the same: what hangs on it stays, under its new name."""
        known = {interface.index: interface for interface in interfaces()}
        for name, watch in list(self._watches.items()):
            now = known.get(watch.interface.index)
            if now and now.name != name and now.name not in self._watches:
                watch.follow(now)
                self._watches[now.name] = self._watches.pop(name)
                self._last_accounts.pop(name, None)
                self._names[now.index] = now.name
                self._selection = tuple(now.name if each == name else each for each in self._selection)


def _check(selection: Sequence[str]) -> None:
    """Raise NoSuchInterface unless everything named is there and can be watched."""
    if ANY in selection and len(selection) > 1:
        raise NoSuchInterface(f"{ANY!r} means every interface", "name it alone, or name interfaces")
    for name in selection:
        if name != ANY:
            find(name)


def _wanted(selection: Sequence[str]) -> dict[str, Interface]:
    """The interfaces that a selection means at this moment, by name."""
    known = [interface for interface in interfaces() if interface.layer]
    if tuple(selection) == (ANY,):
        return {interface.name: interface for interface in known if interface.is_up}
    return {interface.name: interface for interface in known if interface.name in selection}
