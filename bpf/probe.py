"""The probe: the kernel program on one interface at a time, drained, kept tidy, and gone when left."""

from __future__ import annotations

import os
import select
import socket
import time
from contextlib import ExitStack
from types import TracebackType

from bpf.attach import Attachment, AttachMode, Hook, attach
from bpf.errors import TcplatError
from bpf.event import Handshake
from bpf.interfaces import Interface, default_interface, find
from bpf.program import Program
from bpf.source import Account, State

_HOUSEKEEPING_NS = 1_000_000_000
_COUNTED_IN_KERNEL = ("established", "refused", "unreachable", "ambiguous", "events_lost", "pending_full")


class Probe:
    """A live source: one interface's handshakes, matched in the kernel. One thread enters, drains and leaves."""

    def __init__(
        self, interface: str | None, mode: AttachMode = AttachMode.AUTO, timeout_s: float = 10.0
    ) -> None:
        """Prepare to watch `interface` (None: the default route's); opens nothing yet."""
        self._interface = interface or ""
        self._mode = mode
        self._timeout_ns = int(timeout_s * 1e9)
        self._resources = ExitStack()
        self._wakeup = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._resources.callback(self._close_wakeup)
        self._attachment: Attachment | None = None
        self._ifindex = 0
        self._unanswered = 0
        self._last_account = Account(self._interface, "")
        self._housekeeping_ns = 0
        self._page_turned_ns = 0
        self._carried: list[Handshake] = []

    def __enter__(self) -> Probe:
        try:
            target = find(self._interface or default_interface())
            self._open()
            self._begin(target)
        except BaseException:
            self._resources.close()
            raise
        return self

    def _open(self) -> None:
        self._program = self._resources.enter_context(Program(self._timeout_ns))
        self._poll = self._resources.enter_context(select.epoll())
        # Edge-triggered: a wait is cut short by the kernel's wake-up (the ring is filling), not by there being data.
        self._poll.register(self._program.ring_fd, select.EPOLLIN | select.EPOLLET)
        self._poll.register(self._wakeup, select.EPOLLIN | select.EPOLLET)
        self._resources.callback(self._detach)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def interface(self) -> str:
        """Name of the interface watched (or waited for)."""
        return self._interface

    @property
    def state(self) -> State:
        """Whether the interface is there."""
        return State.WATCHING if self._attachment else State.GONE

    def wake(self) -> None:
        """Make a `drain` under way return now. From any thread or a signal handler."""
        if self._wakeup >= 0:
            os.eventfd_write(self._wakeup, 1)

    def watch(self, interface: str) -> None:
        """Switch to another interface without recompiling. On error the old one stays watched."""
        self._begin(find(interface))

    def drain(self, timeout_s: float) -> list[Handshake]:
        """Wait up to `timeout_s` (less when the ring fills or `wake` is called), return what came meanwhile."""
        self._poll.poll(timeout_s)
        now_ns = time.monotonic_ns()
        handshakes, self._carried = self._carried + self._program.read(), []
        if now_ns - self._housekeeping_ns >= _HOUSEKEEPING_NS:
            self._housekeeping_ns = now_ns
            handshakes += self._keep_house(now_ns)
        return handshakes

    def account(self) -> Account:
        """Read the counters of the interface watched; while it is gone, what they were last."""
        if self._attachment:
            counters = self._program.accounts.read(self._ifindex)
            self._last_account = Account(
                interface=self._interface,
                attach=self._attachment.kind,
                unanswered=self._unanswered,
                **{name: counters[name] for name in _COUNTED_IN_KERNEL},
            )
        return self._last_account

    def _begin(self, target: Interface) -> None:
        """Attach to an interface, then let go of the one before."""
        assert target.layer is not None
        ingress_fd, egress_fd = self._program.entries(target.layer)
        if self._attachment and target.index == self._ifindex:
            return
        self._program.accounts.open(target.index)
        try:
            attachment = attach(Hook(target.index, target.name, ingress_fd, egress_fd), self._mode)
        except BaseException:
            self._program.accounts.close(target.index)
            raise
        self._detach()
        # What the interface before left in the ring must not be read as this one's.
        self._carried = [each for each in self._program.read() if each.ifindex == target.index]
        self._attachment = attachment
        self._interface, self._ifindex = target.name, target.index
        self._unanswered = 0

    def _close_wakeup(self) -> None:
        wakeup, self._wakeup = self._wakeup, -1
        os.close(wakeup)

    def _detach(self) -> None:
        if self._attachment:
            attachment, self._attachment = self._attachment, None
            attachment.close()
            self._program.accounts.close(self._ifindex)
            self._program.pending.forget(self._ifindex)

    def _keep_house(self, now_ns: int) -> list[Handshake]:
        """Once a second: what was never answered, the pages of awaited ACKs, whether the interface is still there."""
        self._program.awaited_acks.wipe()
        if now_ns - self._page_turned_ns > self._timeout_ns + 2 * _HOUSEKEEPING_NS:
            self._page_turned_ns = now_ns
            self._program.awaited_acks.turn()
        unanswered = self._program.pending.sweep(now_ns)
        self._unanswered += len(unanswered)
        self._follow_interface()
        return unanswered

    def _follow_interface(self) -> None:
        """Notice that the interface was removed; attach again when its name is back."""
        try:
            ifindex = socket.if_nametoindex(self._interface)
        except OSError:
            ifindex = 0
        if self._attachment and ifindex == self._ifindex:
            return
        if self._attachment:
            self.account()
            self._detach()
        if ifindex:
            try:
                self._begin(find(self._interface))
            except TcplatError:
                return  # It may be half made, or gone again: the next second tells.
