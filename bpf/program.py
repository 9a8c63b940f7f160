"""The kernel program as loaded: its four entry points, its tables, its ring. Attached to nothing yet.

The only module that imports bcc, and it does so when a program is loaded: a tenth of a second that the first paint
need not wait for.
"""

from __future__ import annotations

import importlib
import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from bpf import syscall
from bpf.errors import KernelUnsupported
from bpf.event import RECORD, Handshake, decode
from bpf.interfaces import Layer
from bpf.requirements import missing_bcc, require_bcc, require_permission
from bpf.ring import Ring
from bpf.tables import Accounts, AwaitedAcks, Pending, possible_cpus

_HERE = Path(__file__).resolve().parent
_RING_BYTES = 4 << 20
_ENTRIES = {
    Layer.ETHERNET: ("ethernet_in", "ethernet_out"),
    Layer.IP: ("ip_in", "ip_out"),
}
_NEEDS = "tcplat needs Linux 5.8 or later with CONFIG_BPF_SYSCALL, and bcc 0.18 or later"


class Program:
    """Compiled when entered (0.3 s), gone from the kernel when left, unless something else holds it. One thread."""

    def __init__(self, timeout_ns: int) -> None:
        """`timeout_ns`: how long a SYN may stay unanswered before `pending` reports it."""
        self._timeout_ns = timeout_ns

    def __enter__(self) -> Program:
        """Compile and load. Blocks; raises TcplatError."""
        with ExitStack() as stack:
            module = _compile()
            stack.callback(module.cleanup)
            tables = {name: int(module[name.encode()].map_fd) for name in _TABLES}
            self._entries = {
                layer: tuple(_load(module, name, stack) for name in names)
                for layer, names in _ENTRIES.items()
            }
            self.ring_fd = tables["events"]
            """Polls readable when the ring is filling."""
            self._ring = stack.enter_context(Ring(self.ring_fd, _RING_BYTES))
            self.accounts = Accounts(tables["accounts"], possible_cpus())
            self.pending = Pending(tables["pending_outbound"], tables["pending_inbound"], self._timeout_ns)
            self.awaited_acks = AwaitedAcks(tables["awaited_acks"])
            stack.callback(self.awaited_acks.close)
            self._leaving = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    def entries(self, layer: Layer) -> tuple[int, int]:
        """Descriptors of the programs for ingress and egress of a device of this layer."""
        ingress_fd, egress_fd = self._entries[layer]
        return ingress_fd, egress_fd

    def read(self) -> list[Handshake]:
        """Take what is in the ring. Never blocks."""
        records = self._ring.read()
        return decode(records) if records else []


_TABLES = ("events", "accounts", "pending_outbound", "pending_inbound", "awaited_acks")


def _compile() -> Any:
    """Let bcc compile the program and make its tables. Raises TcplatError."""
    require_bcc()
    require_permission()
    # bcc looks for kernel headers here; these few stand in for them, so none need be installed.
    os.environ["BCC_KERNEL_SOURCE"] = str(_HERE)
    events_per_wakeup = max(1, _RING_BYTES // RECORD.size // 2 // possible_cpus())
    try:
        bcc = importlib.import_module("bcc")
        return bcc.BPF(
            src_file=str(_HERE / "handshake.bpf.c").encode(),
            cflags=[f"-DEVENTS_PER_WAKEUP={events_per_wakeup}"],
        )
    except ImportError as error:
        raise missing_bcc(f"bcc cannot be imported ({error})") from error
    except Exception as error:  # bcc raises nothing narrower.
        raise KernelUnsupported(f"bcc cannot prepare the probe: {error}", _NEEDS) from error


def _load(module: Any, name: str, stack: ExitStack) -> int:
    """Load one entry point ourselves: bcc would print the verifier's log across the screen."""
    try:
        program_fd = syscall.load_classifier(name, module.dump_func(name.encode()))
    except OSError as error:
        raise KernelUnsupported(
            f"the kernel ({os.uname().release}) refuses the probe: {error.strerror}", _NEEDS
        ) from error
    stack.callback(os.close, program_fd)
    return program_fd
