"""One interface under watch: programs of its own on its hook, and the account of them."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from typing import Any

from bpf import syscall
from bpf.attach import AttachMode, Hook, attach
from bpf.errors import NoSuchInterface
from bpf.interfaces import Interface
from bpf.matching import COUNTERS, Sweep
from bpf.program import Program
from bpf.source import Account

_COUNTED_IN_KERNEL = {field.name for field in fields(Account)}.intersection(COUNTERS)


class Watch:
    """Attached when made, detached when closed. One thread."""

    def __init__(self, program: Program, interface: Interface, mode: AttachMode) -> None:
        """Load and attach. Raises TcplatError, with nothing attached."""
        if interface.layer is None:
            raise NoSuchInterface(
                f"{interface.name} is a kind of device whose frames tcplat cannot read", "choose another"
            )
        self.interface = interface
        self._program = program
        self._unanswered = self._pending = 0
        self._loaded = program.load(interface.layer)
        self._counters = program.accounts.read(self._loaded.account)
        try:
            hook = Hook(interface.index, interface.name, self._loaded.ingress_fd, self._loaded.egress_fd)
            self._attachment = attach(hook, mode)
        except BaseException:
            program.unload(self._loaded)
            raise
        self._programs_ahead = self._attachment.programs_ahead()
        # The two sides are not attached at one moment: SYN-ACKs that left between them, milliseconds, were not seen.
        self._unresolved = program.pending.forget_unheard(interface.index, time.monotonic_ns())

    def close(self) -> None:
        """Detach, and forget the handshakes under way."""
        self._attachment.close()
        self._program.unload(self._loaded)
        self._program.pending.forget(self.interface.index)

    @property
    def is_detached(self) -> bool:
        """Whether somebody else had taken the programs off at the last sweep."""
        return self._programs_ahead is None

    def follow(self, interface: Interface) -> None:
        """Go on under the name that the same interface has now."""
        self.interface = interface

    def take(self, sweep: Sweep) -> None:
        """Count what a sweep found of this interface, and read the counters beside it; look at the hook."""
        index = self.interface.index
        self._programs_ahead = self._attachment.programs_ahead()
        self._counters = self._program.accounts.read(self._loaded.account)
        self._unanswered += sum(1 for each in sweep.unanswered if each.ifindex == index)
        self._unresolved += sweep.unresolved[index]
        self._pending = sweep.pending[index]

    def account(self, trouble: str) -> Account:
        """Say what was counted up to the last sweep; `trouble` is passed on."""
        runs = [syscall.program_runs(fd) for fd in (self._loaded.ingress_fd, self._loaded.egress_fd)]
        has_statistics = any(count for _, count in runs)
        account = Account(
            interface=self.interface.name,
            attach="" if self.is_detached else self._attachment.kind,
            is_detached=self.is_detached,
            trouble=trouble,
            flow_trouble=self._program.flow_trouble,
            unanswered=self._unanswered,
            unresolved=self._unresolved,
            pending=self._pending,
            read_ns=time.monotonic_ns(),
            programs_ahead=self._programs_ahead or 0,
            run_time_ns=sum(time_ns for time_ns, _ in runs) if has_statistics else None,
            run_count=sum(count for _, count in runs) if has_statistics else None,
        )
        counted: dict[str, Any] = {name: self._counters[name] for name in _COUNTED_IN_KERNEL}
        return replace(account, **counted)
