"""The kernel program and the reference matcher side by side: the same packets through each, and what they say of them.

No tolerance anywhere. A packet's way through the kernel is timed from outside, and the matcher is told the earlier
time: the kernel's stamp is later by no more than the packet took, and a duration differs by no more than the slowest.
"""

from __future__ import annotations

import errno
import mmap
import struct
import time
from collections import Counter

from bpf import packet, places, syscall
from bpf.event import Handshake
from bpf.interfaces import Layer
from bpf.matcher import Matcher
from bpf.program import Program
from tests.bpf.wire import IFINDEX, Wire

TIMEOUT_NS = 10_000_000_000
NEXT_PROGRAM = -1
_STARTS = {Layer.ETHERNET: packet.ethernet, Layer.IP: packet.bare_ip}


class Disagreement(AssertionError):
    """The kernel program and the matcher do not say the same."""


class Both:
    """One interface of each, with empty tables when entered or cleared."""

    def __init__(self, program: Program, layer: Layer) -> None:
        self._program = program
        self._wire = Wire(program, layer)
        self._start = _STARTS[layer]

    def __enter__(self) -> Both:
        self._wire.__enter__()
        self.clear()
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.__exit__()

    def clear(self) -> None:
        """Forget everything."""
        self._program.pending.forget(IFINDEX)
        self._program.accounts.clear(self._wire.account)
        self._program.read()
        self._matcher = Matcher(TIMEOUT_NS)
        self._began_ns = time.monotonic_ns()
        self._advanced_ns = self._slowest_ns = 0
        self._events: list[Handshake] = []
        self._bounds: list[tuple[int, int]] = []
        self._swept: Counter[str] = Counter()
        for _ in range(2):
            self.turn_page()

    def carries(self, data: bytes, *, is_ingress: bool) -> bool:
        """Let bytes pass; False: the kernel makes no such packet, and nobody has seen it."""
        before_ns = time.monotonic_ns()
        try:
            verdict = self._wire.carries(data, is_ingress=is_ingress)
        except OSError as error:
            if error.errno == errno.EINVAL:  # Shorter than its EtherType's header, for one.
                return False
            raise
        after_ns = time.monotonic_ns()
        _agree("verdict", verdict, NEXT_PROGRAM)
        self._slowest_ns = max(self._slowest_ns, after_ns - before_ns)
        event = self._matcher.see(
            before_ns + self._advanced_ns, IFINDEX, is_ingress, data, *self._start(data)
        )
        if event:
            self._events.append(event)
            self._bounds.append((before_ns, after_ns))
        return True

    def advance(self, interval_ns: int) -> None:
        """Let time pass: in the kernel's tables, by making everything older, as far as the machine has been up."""
        if self._advanced_ns + interval_ns > self._began_ns:
            return
        self._advanced_ns += interval_ns
        pending = self._program.pending
        for table, times in ((pending._outbound, 2), (pending._inbound, 3)):
            for entry in list(table.entries()):
                layout = struct.Struct(f"={times}Q")
                older = (each - interval_ns if each else 0 for each in layout.unpack_from(entry.value))
                write_back(table, entry._replace(value=layout.pack(*older) + entry.value[layout.size :]))

    def sweep(self) -> list[Handshake]:
        """Look through the handshakes under way, on both sides; return the unanswered."""
        now_ns = time.monotonic_ns()
        kernel = self._program.pending.sweep(now_ns)
        matcher = self._matcher.sweep(now_ns + self._advanced_ns)
        unanswered = [event._replace(time_ns=now_ns) for event in matcher.unanswered]
        _agree("unanswered", sorted(kernel.unanswered), sorted(unanswered))
        _agree("unresolved", kernel.unresolved, matcher.unresolved)
        _agree("pending", kernel.pending, matcher.pending)
        self._swept["unanswered"] += len(unanswered)
        self._swept["unresolved"] += matcher.unresolved[IFINDEX]
        self._swept["pending"] = matcher.pending[IFINDEX]
        return unanswered

    def turn_page(self) -> None:
        """Turn the page of awaited acknowledgements, on both sides."""
        self._program.awaited_acks.turn()
        self._program.awaited_acks.wipe()
        self._matcher.turn_page()

    def check(self) -> list[Handshake]:
        """Compare what was reported since the last time, and all counters; return the events. Raises Disagreement."""
        _agree("counters", self._wire.counters(), self.counters())
        events, self._events = self._events, []
        bounds, self._bounds = self._bounds, []
        reported = self._wire.events()
        _agree("events", [_timeless(event) for event in reported], [_timeless(event) for event in events])
        for kernel, matcher, (before_ns, after_ns) in zip(reported, events, bounds, strict=True):
            if not before_ns <= kernel.time_ns <= after_ns or self._durations_differ(kernel, matcher):
                raise Disagreement(f"times: kernel {kernel}, matcher {matcher}")
        return events

    def counters(self) -> dict[str, int]:
        """What the matcher counted."""
        return self._matcher.counters(IFINDEX)

    def check_account(self) -> None:
        """Every first SYN is accounted for (bpf.source.Account)."""
        self.sweep()
        counted = Counter(self.counters()) + self._swept
        gains = ("established", "refused", "unreachable", "unanswered", "superseded", "unresolved")
        accounted = sum(counted[name] for name in (*gains, "pending_full", "pending")) - counted["late"]
        _agree("first SYNs accounted for", accounted, counted["syns"])

    def _durations_differ(self, kernel: Handshake, matcher: Handshake) -> bool:
        pairs = zip(kernel[1:4], matcher[1:4], strict=True)
        return any(abs(one - other) > self._slowest_ns for one, other in pairs)


def write_back(table: places.Table, entry: places.UnderWay) -> None:
    """Write a handshake under way where it was read."""
    if entry.number is None:
        syscall.update(table._table_fd, entry.key, entry.value)
        return
    begin = table._places.offset(table._glance.told(entry.number)) + places.KEY_BYTES
    with mmap.mmap(table._places.places_fd, places.PLACES * places.PLACE_BYTES) as memory:
        memory[begin : begin + len(entry.value)] = entry.value


def _timeless(event: Handshake) -> Handshake:
    """The event with 1 for every time there is."""
    latency_is_connect = event.latency_ns == event.connect_ns
    return event._replace(
        time_ns=1,
        latency_ns=bool(event.latency_ns),
        connect_ns=bool(event.connect_ns) + (latency_is_connect << 1),
        answer_ns=bool(event.answer_ns),
    )


def _agree(what: str, kernel: object, matcher: object) -> None:
    if kernel != matcher:
        raise Disagreement(f"{what}: kernel {kernel}, matcher {matcher}")
