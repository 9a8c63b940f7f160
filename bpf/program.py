"""The kernel program: compiled once, loaded for every interface anew; its tables and its ring. Attached to nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from types import TracebackType

from bpf import syscall
from bpf.callers import callers
from bpf.compiled import Compiled
from bpf.compiler import NEEDS, compile_program
from bpf.errors import KernelUnsupported
from bpf.event import Direction, Flow, Records, decode
from bpf.flows import SAMPLES_PER_S, doors, slice_budget, socket_storage, ticks_shut
from bpf.interfaces import Layer
from bpf.places import Glance, Places, Table
from bpf.ring import Bell, Ring
from bpf.tables import Accounts, AwaitedAcks, Pending, possible_cpus

_LINK_HEADER_BYTES = {Layer.ETHERNET: 14, Layer.IP: 0}
_ACCOUNT_MARKER, _INGRESS_MARKER, _LINK_HEADER_MARKER = 0x7C91A701, 0x7C91A702, 0x7C91A703
_FLOW_INTERVAL_MARKER, _FLOW_BUDGET_MARKER, _SOCKETS_MARKER = 0x7C91A704, 0x7C91A705, 0x7C91A706
_TICKS_SHUT_MARKER, _FORWARDING_MARKER, _PLACES_MARKER = 0x7C91A707, 0x7C91A708, 0x7C91A709
_PRODUCED_MARKER, _RECORDS_MARKER, _TURNS_MARKER = 0x7C91A70A, 0x7C91A70B, 0x7C91A70C
_SHARD_BITS_MARKER, _CONSUMED_MARKER, _GLANCE_MARKER = 0x7C91A710, 0x7C91A712, 0x7C91A713
_AWAITED_MARKER, _DOORS_MARKER = 0x7C91A70D, 0x7C91A70E
"""What stands in the code for the constants that `Program.load` writes over them (`LOADED` in handshake.bpf.c)."""
_ADDITIONS = {0x7C91A70F: syscall.FETCH_ADD, 0x7C91A711: syscall.EXCHANGE}
_COMPARISONS, _ROOM_MARKER = {0x7C91A714: 4, 0x7C91A715: 8}, 0x7C91A716
"""What stands for atomic operations: before what becomes one, for one on so many bytes, for the room that it takes."""
_LOAD_MAP, _CALL, _SET = 0x18, 0x85, 0xB7
_JUMPS = (5, 6)
"""Classes of instructions."""
_PSEUDO_MAP_FD, _PSEUDO_MAP_VALUE = 0x10, 0x20
"""The instruction that loads 64 bits, and what its second byte says when they are a map's descriptor: for the map, or
for the only value that it has."""
_LARGEST = (1 << 31) - 1
"""... which are sign-extended."""


@dataclass(frozen=True, slots=True)
class Classifiers:
    """The program as loaded for one interface."""

    account: int
    """The number of its account."""
    ingress_fd: int
    egress_fd: int


class Program:
    """Opened when entered, gone from the kernel when left, unless something else holds it. One thread."""

    def __init__(
        self,
        timeout_ns: int,
        flow_interval_ns: int = 0,
        samples_per_s: int = SAMPLES_PER_S,
        *,
        is_forwarding: bool = False,
        has_callers: bool = True,
        take_compiled: Callable[[], Compiled] | None = None,
    ) -> None:
        """`timeout_ns`: how long a SYN may stay unanswered before `pending` reports it.

        `flow_interval_ns`: between two samples of an open connection, to the microsecond; 0: none are taken. Of all
        together, no more than about `samples_per_s`. `is_forwarding`: of connections that are forwarded, too.
        `has_callers`: processes are to be known. `take_compiled`: waits for what is being compiled elsewhere; None: it
        is compiled here.
        """
        self._timeout_ns = timeout_ns
        self._has_callers = has_callers
        self._take_compiled = take_compiled
        self._flow_interval_us = min(flow_interval_ns // 1000, _LARGEST)
        self._slice_budget = slice_budget(samples_per_s)
        self._is_forwarding = self._may_forward = is_forwarding and self._flow_interval_us > 0
        self._sockets_fd = -1
        self.flow_trouble = ""
        """Why no samples are taken, or none of what is forwarded, though they were asked for; empty: they are."""
        self._free_accounts = list(range(Accounts.CAPACITY))
        heapify(self._free_accounts)

    def __enter__(self) -> Program:
        """Compile, or wait until that is done. Blocks; raises TcplatError."""
        compiled = self._compiled()
        with ExitStack() as stack:
            try:
                linked = compiled.link()
            except OSError as error:
                raise _refused(error) from error
            stack.callback(linked.close)
            tables = linked.tables
            self._make_maps(stack)
            self.awaited_acks = AwaitedAcks(tables["awaited_acks"])
            stack.callback(self.awaited_acks.close)
            self._code = self._with_places(linked.code["handshake"])
            for marker, map_fd in (
                (_CONSUMED_MARKER, self._ring.consumed_fd),
                (_RECORDS_MARKER, self._ring.records_fd),
                (_TURNS_MARKER, self._ring.turns_fd),
                (_AWAITED_MARKER, self.awaited_acks.fd),
                (_DOORS_MARKER, self._doors_fd),
            ):
                self._code = _with_value(self._code, marker, map_fd)
            self._bell = Bell(tables["bell"])
            stack.callback(self._bell.close)
            self.bell_fd = self._bell.fd
            """Polls readable when the ring is half full."""
            self.accounts = Accounts(tables["accounts"], possible_cpus())
            self.pending = self._pending(stack, linked.code["forget"], tables)
            self.callers = stack.enter_context(callers(linked.code_of)) if self._has_callers else ""
            """Whether processes are known; else why not."""
            if self._flow_interval_us:
                self._open_sockets(stack)
            self._leaving = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    def _compiled(self) -> Compiled:
        if self._take_compiled:
            return self._take_compiled()
        return compile_program(is_forwarding=self._is_forwarding)

    def load(self, layer: Layer) -> Classifiers:
        """Load the pair for one interface, with an account of its own, from zero (40 ms). Raises TcplatError."""
        if not self._free_accounts:
            raise KernelUnsupported(
                f"{Accounts.CAPACITY} interfaces are watched already", "name those that matter"
            )
        account = heappop(self._free_accounts)
        with ExitStack() as undo:
            undo.callback(heappush, self._free_accounts, account)
            self.accounts.clear(account)
            ingress_fd = self._load(account, layer, is_ingress=True)
            undo.callback(os.close, ingress_fd)
            egress_fd = self._load(account, layer, is_ingress=False)
            undo.pop_all()
        return Classifiers(account, ingress_fd, egress_fd)

    def unload(self, loaded: Classifiers) -> None:
        """Let go of a pair."""
        os.close(loaded.ingress_fd)
        os.close(loaded.egress_fd)
        heappush(self._free_accounts, loaded.account)

    def read(self) -> tuple[Records, list[Flow]]:
        """Take what is in the ring. Never blocks."""
        self._bell.hush()
        return decode(self._ring.read())

    def _make_maps(self, stack: ExitStack) -> None:
        """Make the maps that bcc does not, gone with `stack`."""
        try:
            self._places = Places(os.cpu_count() or 1)
            stack.callback(self._places.close)
            self._glance = Glance()
            stack.callback(self._glance.close)
            self._doors_fd = doors()
            stack.callback(os.close, self._doors_fd)
            self._ring = stack.enter_context(Ring())
        except OSError as error:
            raise _refused(error) from error

    def _with_places(self, code: bytes) -> bytes:
        code = _with_value(code, _PLACES_MARKER, self._places.places_fd)
        code = _with_value(code, _GLANCE_MARKER, self._glance.fd)
        # What is in the ring's map is a lock, too, which `forget` needs on some kernels only.
        if _PRODUCED_MARKER.to_bytes(4, sys.byteorder) in code:
            code = _with_value(code, _PRODUCED_MARKER, self._ring.produced_fd)
        code = _with_constant(code, _SHARD_BITS_MARKER, self._places.shard_bits)
        return _with_atomics(code)

    def _pending(self, stack: ExitStack, code: bytes, tables: Mapping[str, int]) -> Pending:
        """Open what is under way; the program `forget` is loaded for it."""
        try:
            forget_fd = syscall.load_classifier("tcplat_forget", self._with_places(code))
        except OSError as error:
            raise _refused(error) from error
        stack.callback(os.close, forget_fd)
        outbound, inbound = (
            Table(direction, self._places, self._glance, tables[name], forget_fd)
            for direction, name in (
                (Direction.OUTBOUND, "pending_outbound"),
                (Direction.INBOUND, "pending_inbound"),
            )
        )
        return Pending(outbound, inbound, tables["reported"], self._glance, self._timeout_ns)

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
        self._is_forwarding = False
        self.flow_trouble = f"open connections are not sampled: {_says(why)}"

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
        interval_us = self._flow_interval_us
        variants = ((interval_us, self._is_forwarding), (interval_us, False), (0, False))
        refusal = OSError()
        for variant in dict.fromkeys(variants):
            try:
                side_fd = self._load_with(name, constants, *variant)
            except OSError as error:
                refusal = error
            else:
                # What is refused in every variant is not the samples' fault.
                self._settle_for(variant, refusal.strerror)
                return side_fd
        raise _refused(refusal) from refusal

    def _load_with(
        self, name: str, constants: Mapping[int, int], flow_interval_us: int, is_forwarding: bool
    ) -> int:
        """Load one variant ourselves: bcc would print the verifier's log across the screen. Raises OSError."""
        code = _with_map(self._code, _SOCKETS_MARKER, self._sockets_fd) if flow_interval_us else self._code
        chosen = {_FLOW_INTERVAL_MARKER: flow_interval_us}
        if self._may_forward:  # Else it is not compiled.
            chosen[_FORWARDING_MARKER] = int(is_forwarding)
        for marker, value in (*constants.items(), *chosen.items()):
            code = _with_constant(code, marker, value)
        return syscall.load_classifier(name, code)

    def _settle_for(self, variant: tuple[int, bool], why: str | None) -> None:
        """Do without what the kernel refused, from now on."""
        flow_interval_us, is_forwarding = variant
        if flow_interval_us < self._flow_interval_us:
            self._give_up_flows(why)
        elif is_forwarding < self._is_forwarding:
            self._is_forwarding = False
            self.flow_trouble = f"forwarded connections are not sampled: {_says(why)}"


def _refused(error: OSError) -> KernelUnsupported:
    return KernelUnsupported(f"the kernel ({os.uname().release}) refuses the probe: {error.strerror}", NEEDS)


def _says(why: str | None) -> str:
    return f"the kernel ({os.uname().release}) says {why}"


def _with_constant(code: bytes, marker: int, value: int) -> bytes:
    """Write a constant into the immediate field (the second half of an instruction) that holds its marker."""
    changed = bytearray(code)
    places = [at for at in range(4, len(code), 8) if code[at : at + 4] == marker.to_bytes(4, sys.byteorder)]
    assert places, f"the compiled program has no marker {marker:#x}"
    for at in places:
        changed[at : at + 4] = value.to_bytes(4, sys.byteorder)
    return bytes(changed)


def _with_atomics(code: bytes) -> bytes:
    """Put in the atomic operations."""
    changed = bytearray(code)
    for at in range(0, len(code), 8):
        marker = int.from_bytes(code[at + 4 : at + 8], sys.byteorder)
        if marker in _ADDITIONS:
            changed[at + 20 : at + 24] = _ADDITIONS[marker].to_bytes(4, sys.byteorder)
        elif marker == _ROOM_MARKER:
            call = _call_behind(code, at)
            size = _COMPARISONS[int.from_bytes(code[call + 4 : call + 8], sys.byteorder)]
            # Half of the room is moved to the call.
            nothing = bytes([_SET, code[at + 1] & 15]) + bytes(6)
            moved = nothing + code[at + 16 : call] + syscall.compare_and_exchange(size)
            changed[at : call + 8] = moved
    return bytes(changed)


def _call_behind(code: bytes, at: int) -> int:
    """Where the next call is: what is between goes straight on."""
    while code[at] != _CALL:
        at += 8
        assert code[at] == _CALL or code[at] & 7 not in _JUMPS, f"instruction {code[at : at + 8].hex()}"
    return at


def _with_value(code: bytes, marker: int, map_fd: int) -> bytes:
    """Make what loads the marker load where the map's only value is."""
    return _with_map(code, marker, map_fd, _PSEUDO_MAP_VALUE)


def _with_map(code: bytes, marker: int, map_fd: int, kind: int = _PSEUDO_MAP_FD) -> bytes:
    """Make what loads the marker load the map."""
    changed = bytearray(code)
    for at in range(0, len(code), 8):
        if code[at] == _LOAD_MAP and code[at + 4 : at + 8] == marker.to_bytes(4, sys.byteorder):
            # A nibble each: the register loaded is in the one left alone.
            changed[at + 1] |= kind
    return _with_constant(bytes(changed), marker, map_fd)
