"""The probe: compile the kernel program, attach it to an interface, drain its ring, leave nothing behind.

The only module that imports bcc, and it does so when the probe opens: a tenth of a second that the first paint need
not wait for.
"""

from __future__ import annotations

import importlib
import os
import select
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from bpf import syscall
from bpf.attach import Attachment, AttachMode, Hook, attach
from bpf.errors import KernelUnsupported, TcplatError
from bpf.event import RECORD, Handshake, decode
from bpf.interfaces import Interface, Layer, default_interface, find
from bpf.requirements import missing_bcc, require_bcc, require_permission
from bpf.ring import Ring
from bpf.source import Account, State
from bpf.tables import Accounts, AwaitedAcks, Pending, possible_cpus

_HERE = Path(__file__).resolve().parent
_RING_BYTES = 4 << 20
_HOUSEKEEPING_NS = 1_000_000_000
_PROGRAMS = {
    Layer.ETHERNET: ("ethernet_in", "ethernet_out"),
    Layer.IP: ("ip_in", "ip_out"),
}


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
        self._resources.callback(os.close, self._wakeup)
        self._attachment: Attachment | None = None
        self._ifindex = 0
        self._unanswered = 0
        self._last_account = Account(self._interface, "")
        self._housekeeping_ns = 0
        self._page_turned_ns = 0

    def __enter__(self) -> Probe:
        try:
            target = find(self._interface or default_interface())
            module = self._resources.enter_context(_compiled())
            self._open(module)
            self._begin(target)
        except BaseException:
            self._resources.close()
            raise
        return self

    def _open(self, module: _Module) -> None:
        self._programs = {
            layer: tuple(self._loaded(module, name) for name in names) for layer, names in _PROGRAMS.items()
        }
        ring_fd = module.table("events")
        self._ring = self._resources.enter_context(Ring(ring_fd, _RING_BYTES))
        self._accounts = Accounts(module.table("accounts"), possible_cpus())
        self._pending = Pending(
            module.table("pending_outbound"), module.table("pending_inbound"), self._timeout_ns
        )
        self._awaited = AwaitedAcks(module.table("awaited_acks"))
        self._resources.callback(self._awaited.close)
        self._poll = self._resources.enter_context(select.epoll())
        # Edge-triggered: a wait is cut short by the kernel's wake-up (the ring is filling), not by there being data.
        self._poll.register(ring_fd, select.EPOLLIN | select.EPOLLET)
        self._poll.register(self._wakeup, select.EPOLLIN | select.EPOLLET)
        self._resources.callback(self._detach)

    def _loaded(self, module: _Module, name: str) -> int:
        program_fd = module.load(name)
        self._resources.callback(os.close, program_fd)
        return program_fd

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
        os.eventfd_write(self._wakeup, 1)

    def watch(self, interface: str) -> None:
        """Switch to another interface without recompiling. On error the old one stays watched."""
        self._begin(find(interface))

    def drain(self, timeout_s: float) -> list[Handshake]:
        """Wait up to `timeout_s` (less when the ring fills or `wake` is called), return what came meanwhile."""
        self._poll.poll(timeout_s)
        now_ns = time.monotonic_ns()
        records = self._ring.read()
        handshakes = decode(records) if records else []
        if now_ns - self._housekeeping_ns >= _HOUSEKEEPING_NS:
            self._housekeeping_ns = now_ns
            handshakes += self._keep_house(now_ns)
        return handshakes

    def account(self) -> Account:
        """Read the counters of the interface watched; while it is gone, what they were last."""
        if self._attachment:
            counters = self._accounts.read(self._ifindex)
            self._last_account = Account(
                interface=self._interface,
                attach=self._attachment.kind,
                unanswered=self._unanswered,
                **{name: counters[name] for name in _REPORTED},
            )
        return self._last_account

    def _begin(self, target: Interface) -> None:
        """Attach to an interface, then let go of the one before."""
        assert target.layer is not None
        ingress_fd, egress_fd = self._programs[target.layer]
        if self._attachment and target.index == self._ifindex:
            return
        self._accounts.open(target.index)
        try:
            attachment = attach(Hook(target.index, target.name, ingress_fd, egress_fd), self._mode)
        except BaseException:
            self._accounts.close(target.index)
            raise
        self._detach()
        self._attachment = attachment
        self._interface, self._ifindex = target.name, target.index
        self._unanswered = 0

    def _detach(self) -> None:
        if self._attachment:
            attachment, self._attachment = self._attachment, None
            attachment.close()
            self._accounts.close(self._ifindex)
            self._pending.forget(self._ifindex)

    def _keep_house(self, now_ns: int) -> list[Handshake]:
        """Once a second: what was never answered, the pages of awaited ACKs, whether the interface is still there."""
        self._awaited.wipe()
        if now_ns - self._page_turned_ns > self._timeout_ns + 2 * _HOUSEKEEPING_NS:
            self._page_turned_ns = now_ns
            self._awaited.turn()
        unanswered = self._pending.sweep(now_ns)
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


_REPORTED = ("established", "refused", "unreachable", "ambiguous", "events_lost", "pending_full")


class _Module:
    """The compiled program: its tables' descriptors and its functions, loaded on demand."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def table(self, name: str) -> int:
        """The descriptor of a table; bcc owns it."""
        return int(self._module[name].map_fd)

    def load(self, name: str) -> int:
        """Load a program ourselves: bcc would print the verifier's log across the screen. The caller closes it."""
        try:
            return syscall.load_classifier(name, self._module.dump_func(name))
        except OSError as error:
            raise KernelUnsupported(
                f"the kernel ({os.uname().release}) refuses the probe: {error.strerror}",
                "tcplat needs Linux 5.8 or later with CONFIG_BPF_SYSCALL",
            ) from error

    def __enter__(self) -> _Module:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._module.cleanup()


def _compiled() -> _Module:
    """Compile the kernel program (0.3 s). Raises TcplatError."""
    require_bcc()
    require_permission()
    # bcc looks for kernel headers here; these few stand in for them, so none need be installed.
    os.environ["BCC_KERNEL_SOURCE"] = str(_HERE)
    records = _RING_BYTES // RECORD.size
    every = max(1, records // 2 // possible_cpus())
    try:
        bcc = importlib.import_module("bcc")
        module = bcc.BPF(
            src_file=str(_HERE / "handshake.bpf.c").encode(),
            cflags=[f"-DEVENTS_PER_WAKEUP={every}"],
        )
    except ImportError as error:
        raise missing_bcc(f"bcc cannot be imported ({error})") from error
    except Exception as error:  # bcc raises nothing narrower.
        raise KernelUnsupported(
            f"bcc cannot prepare the probe: {error}",
            "tcplat needs Linux 5.8 or later with CONFIG_BPF_SYSCALL, and bcc 0.18 or later",
        ) from error
    return _Module(module)
