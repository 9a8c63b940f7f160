"""The kernel program: compiled once, loaded for every interface anew; its tables and its ring. Attached to nothing.

The only module that imports bcc, and it does so when a program is compiled: a tenth of a second that the first paint
need not wait for.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from pathlib import Path
from types import TracebackType
from typing import Any

from bpf import syscall
from bpf.callers import callers
from bpf.errors import KernelUnsupported
from bpf.event import RECORD, Flow, Records, decode
from bpf.flows import SAMPLES_PER_S, slice_budget, socket_storage, ticks_shut
from bpf.interfaces import Layer
from bpf.requirements import missing_bcc, require_bcc, require_permission
from bpf.ring import Ring
from bpf.tables import Accounts, AwaitedAcks, Pending, possible_cpus

_HERE = Path(__file__).resolve().parent
_RING_BYTES = 4 << 20
_LINK_HEADER_BYTES = {Layer.ETHERNET: 14, Layer.IP: 0}
_ACCOUNT_MARKER, _INGRESS_MARKER, _LINK_HEADER_MARKER = 0x7C91A701, 0x7C91A702, 0x7C91A703
_FLOW_INTERVAL_MARKER, _FLOW_BUDGET_MARKER, _SOCKETS_MARKER = 0x7C91A704, 0x7C91A705, 0x7C91A706
_TICKS_SHUT_MARKER = 0x7C91A707
"""What stands in the code for the constants that `Program.load` writes over them (`LOADED` in handshake.bpf.c)."""
_LOAD_MAP = 0x18
_PSEUDO_MAP_FD = 0x10
"""The instruction that loads 64 bits, and what its second byte says when they are a map's descriptor."""
_LARGEST = (1 << 31) - 1
"""... which are sign-extended."""
_TABLES = ("events", "accounts", "pending_outbound", "pending_inbound", "reported", "awaited_acks")
_NEEDS = "tcplat needs Linux 5.8 or later with CONFIG_BPF_SYSCALL, and bcc 0.18 or later"


@dataclass(frozen=True, slots=True)
class Classifiers:
    """The program as loaded for one interface."""

    account: int
    """The number of its account."""
    ingress_fd: int
    egress_fd: int


class Program:
    """Compiled when entered (0.4 s), gone from the kernel when left, unless something else holds it. One thread."""

    def __init__(
        self, timeout_ns: int, flow_interval_ns: int = 0, samples_per_s: int = SAMPLES_PER_S
    ) -> None:
        """`timeout_ns`: how long a SYN may stay unanswered before `pending` reports it.

        `flow_interval_ns`: between two samples of an open connection, to the microsecond; 0: none are taken. Of all
        together, no more than about `samples_per_s`.
        """
        self._timeout_ns = timeout_ns
        self._flow_interval_us = min(flow_interval_ns // 1000, _LARGEST)
        self._slice_budget = slice_budget(samples_per_s)
        self._sockets_fd = -1
        self.flow_trouble = ""
        """Why no samples are taken, though they were asked for; empty: they are."""
        self._free_accounts = list(range(Accounts.CAPACITY))
        heapify(self._free_accounts)

    def __enter__(self) -> Program:
        """Compile. Blocks; raises TcplatError."""
        with ExitStack() as stack:
            module = _compile()
            stack.callback(module.cleanup)
            tables = {name: int(module[name.encode()].map_fd) for name in _TABLES}
            self._code = bytes(module.dump_func(b"handshake"))
            self.ring_fd = tables["events"]
            """Polls readable when the ring is filling."""
            self._ring = stack.enter_context(Ring(self.ring_fd, _RING_BYTES))
            self.accounts = Accounts(tables["accounts"], possible_cpus())
            self.pending = Pending(
                tables["pending_outbound"], tables["pending_inbound"], tables["reported"], self._timeout_ns
            )
            self.awaited_acks = AwaitedAcks(tables["awaited_acks"])
            stack.callback(self.awaited_acks.close)
            self.callers = stack.enter_context(callers(module.dump_func))
            """Whether processes are known; else why not."""
            if self._flow_interval_us:
                self._open_sockets(stack)
            self._leaving = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    def load(self, layer: Layer) -> Classifiers:
        """Load the pair for one interface, with an account of its own, from zero (10 ms). Raises TcplatError."""
        if not self._free_accounts:
            raise KernelUnsupported(
                f"{Accounts.CAPACITY} interfaces are watched already", "name those that matter"
            )
        account = heappop(self._free_accounts)
        self.accounts.clear(account)
        ingress_fd = self._load(account, layer, is_ingress=True)
        egress_fd = self._load(account, layer, is_ingress=False)
        return Classifiers(account, ingress_fd, egress_fd)

    def unload(self, loaded: Classifiers) -> None:
        """Let go of a pair."""
        os.close(loaded.ingress_fd)
        os.close(loaded.egress_fd)
        heappush(self._free_accounts, loaded.account)

    def read(self) -> tuple[Records, list[Flow]]:
        """Take what is in the ring. Never blocks."""
        return decode(self._ring.read())

    def _open_sockets(self, stack: ExitStack) -> None:
        """Make the storage of the samples; without it, do without them."""
        try:
            self._sockets_fd = socket_storage()
        except OSError as error:
            self._give_up_flows(error.strerror)
        else:
            stack.callback(os.close, self._sockets_fd)

    def _give_up_flows(self, why: str | None) -> None:
        self._flow_interval_us = 0
        self.flow_trouble = f"open connections are not sampled: the kernel ({os.uname().release}) says {why}"

    def _load(self, account: int, layer: Layer, *, is_ingress: bool) -> int:
        """Load one side, without samples if the kernel refuses those."""
        constants = {
            _ACCOUNT_MARKER: account,
            _INGRESS_MARKER: int(is_ingress),
            _LINK_HEADER_MARKER: _LINK_HEADER_BYTES[layer],
            _FLOW_BUDGET_MARKER: self._slice_budget,
            _TICKS_SHUT_MARKER: ticks_shut(self._flow_interval_us * 1000),
        }
        name = "tcplat_in" if is_ingress else "tcplat_out"
        try:
            if not self._flow_interval_us:
                return self._load_with(name, constants, 0)
            try:
                return self._load_with(name, constants, self._flow_interval_us)
            except OSError as error:
                side_fd = self._load_with(name, constants, 0)
                # What is refused without them too is not their fault.
                self._give_up_flows(error.strerror)
                return side_fd
        except OSError as error:
            raise KernelUnsupported(
                f"the kernel ({os.uname().release}) refuses the probe: {error.strerror}", _NEEDS
            ) from error

    def _load_with(self, name: str, constants: Mapping[int, int], flow_interval_us: int) -> int:
        """Load one variant ourselves: bcc would print the verifier's log across the screen. Raises OSError."""
        code = _with_map(self._code, _SOCKETS_MARKER, self._sockets_fd) if flow_interval_us else self._code
        for marker, value in (*constants.items(), (_FLOW_INTERVAL_MARKER, flow_interval_us)):
            code = _with_constant(code, marker, value)
        return syscall.load_classifier(name, code)


def _with_constant(code: bytes, marker: int, value: int) -> bytes:
    """Write a constant into the immediate field (the second half of an instruction) that holds its marker."""
    changed = bytearray(code)
    places = [at for at in range(4, len(code), 8) if code[at : at + 4] == marker.to_bytes(4, sys.byteorder)]
    assert places, f"the compiled program has no marker {marker:#x}"
    for at in places:
        changed[at : at + 4] = value.to_bytes(4, sys.byteorder)
    return bytes(changed)


def _with_map(code: bytes, marker: int, map_fd: int) -> bytes:
    """Make what loads the marker load the map."""
    changed = bytearray(code)
    for at in range(0, len(code), 8):
        if code[at] == _LOAD_MAP and code[at + 4 : at + 8] == marker.to_bytes(4, sys.byteorder):
            # A nibble each: the register loaded is in the one left alone.
            changed[at + 1] |= _PSEUDO_MAP_FD
    return _with_constant(bytes(changed), marker, map_fd)


def _compile() -> Any:
    """Let bcc compile the program and make its tables. Raises TcplatError."""
    require_bcc()
    require_permission()
    if not syscall.is_available():  # Asked first, since bcc would say so on stderr, where Textual draws.
        raise KernelUnsupported(f"this kernel ({os.uname().release}) has no BPF", _NEEDS)
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
