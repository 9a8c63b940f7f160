"""What a handshake, or a sample, counts as: small numbers, so that one kind of table counts everything.

A latency is its histogram bucket (`tui.core.histogram`), below 4,096. Everything else has a code above.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from operator import itemgetter, mul
from typing import Protocol

from bpf.event import Handshake
from tui.core.histogram import bucket_of
from tui.core.trend import SLICE_NS

BUCKETS = 1 << 12
"""Codes below are latencies."""
NO_LATENCY = BUCKETS
"""Established, but which SYN was answered is not known."""
ESTABLISHED_END = BUCKETS + 1
"""Codes below are established handshakes."""
REFUSED, UNREACHABLE, UNANSWERED = FAILURES = range(ESTABLISHED_END, ESTABLISHED_END + 3)
RETRANSMITS = ESTABLISHED_END + 3
"""Counts SYNs (SYN-ACKs) sent again, not handshakes; where samples are counted, segments with data sent again."""
SEGMENTS = ESTABLISHED_END + 4
"""Counts the segments with data that were sent, retransmissions included, where samples are counted."""
CONNECT = 2 * BUCKETS
"""Plus a bucket: what connect() took, where that is not the latency: a SYN was sent again."""
REPLACED = 3 * BUCKETS
"""Plus a bucket: the latency of such a one, if it has one: `latencies - REPLACED + CONNECT` is what connect() took."""
CODE_BITS = 14
CODE_MASK = (1 << CODE_BITS) - 1
_fields_of = itemgetter(
    *map(
        Handshake._fields.index,
        ("time_ns", "latency_ns", "connect_ns", "pid", "cgroup", "retransmits", "outcome"),
    )
)

_SCALED = 1 << 12
_CODES = tuple(range(ESTABLISHED_END))
"""The same objects in all tables: their keys take no room of their own, and are found without a look into them."""


@cache
def _scaled(shift: int) -> tuple[int, ...]:
    """The buckets of latencies that were shifted by so much, and have no less than 7 bits left."""
    return tuple(_CODES[bucket_of(ns << shift)] for ns in range(_SCALED))


def codes_of(latencies_ns: list[int], least_ns: int, greatest_ns: int) -> list[int]:
    """What established handshakes count as. Among `latencies_ns`, 0 is none; the others are their extremes."""
    shift = least_ns.bit_length() - 7
    if shift > 0 and greatest_ns >> shift < _SCALED:
        codes = _scaled(shift)
        return [codes[ns >> shift] for ns in latencies_ns]
    codes = _CODES
    # bucket_of, written out: this is run for every handshake.
    return [
        codes[(shift << 6) + (ns >> shift) if (shift := ns.bit_length() - 7) > 0 else ns or NO_LATENCY]
        for ns in latencies_ns
    ]


class Delta:
    """What some handshakes of one cell count as, in a form that tallies add up: the same for one and for a million."""

    __slots__ = (
        "cgroups",
        "counts",
        "last_latency_ns",
        "last_seen_ns",
        "max_ns",
        "min_ns",
        "pids",
        "squares_ns2",
        "sum_ns",
        "timed_ns",
    )

    def __init__(self, handshakes: Iterable[Handshake] = ()) -> None:
        self.counts: dict[int, int] = {}
        """How many, by slice and code: `slice << CODE_BITS | code`."""
        self.min_ns: int | None = None
        self.max_ns = 0
        self.sum_ns = 0
        self.squares_ns2 = 0
        """Of all latencies: their sum, and that of their squares."""
        self.last_latency_ns: int | None = None
        """Of the latest handshake that had one; of several that ended at the same time, the greatest."""
        self.timed_ns = 0
        """When that one ended."""
        self.last_seen_ns = 0
        self.pids: set[int] | None = None
        """None: no process is known."""
        self.cgroups: set[int] | None = None
        self._add(handshakes)

    def _add(self, handshakes: Iterable[Handshake]) -> None:
        counts = self.counts
        latencies: list[int] = []
        timed_ns = last_ns = -1
        last_seen_ns = 0
        # A getter of several fields and local variables: this is run for every handshake.
        for time_ns, latency_ns, connect_ns, pid, cgroup, retransmits, outcome in map(_fields_of, handshakes):
            base = time_ns // SLICE_NS << CODE_BITS
            if time_ns > last_seen_ns:
                last_seen_ns = time_ns
            if outcome:
                code = NO_LATENCY + outcome
            elif latency_ns:
                # bucket_of, written out.
                shift = latency_ns.bit_length() - 7
                code = (shift << 6) + (latency_ns >> shift) if shift > 0 else latency_ns
                latencies.append(latency_ns)
                if time_ns > timed_ns or (time_ns == timed_ns and latency_ns > last_ns):
                    timed_ns, last_ns = time_ns, latency_ns
            else:
                code = NO_LATENCY
            key = base | code
            counts[key] = counts.get(key, 0) + 1
            if retransmits:
                self._add_retransmitted(base, retransmits, 0 if outcome else connect_ns, latency_ns)
            if pid or cgroup:
                self.add_owner(pid, cgroup)
        self.last_seen_ns = last_seen_ns
        if latencies:
            self.timed_ns, self.last_latency_ns = timed_ns, last_ns
            self.min_ns, self.max_ns = min(latencies), max(latencies)
            self.sum_ns, self.squares_ns2 = sum(latencies), sum(map(mul, latencies, latencies))

    def _add_retransmitted(self, base: int, retransmits: int, connect_ns: int, latency_ns: int) -> None:
        self._count(base | RETRANSMITS, retransmits)
        if connect_ns and connect_ns != latency_ns:
            self._count(base | CONNECT + bucket_of(connect_ns), 1)
            if latency_ns:
                self._count(base | REPLACED + bucket_of(latency_ns), 1)

    def add_owner(self, pid: int, cgroup: int) -> None:
        """Note which process it was, and of which unit; 0: unknown."""
        if pid:
            self.pids = self.pids or set()
            self.pids.add(pid)
        if cgroup:
            self.cgroups = self.cgroups or set()
            self.cgroups.add(cgroup)

    def add_sample(self, time_ns: int, srtt_ns: int, segments: int, retransmits: int) -> None:
        """Count a sample of an open connection: its srtt as a latency, and what was sent since the one before."""
        base = time_ns // SLICE_NS << CODE_BITS
        self._count(base | bucket_of(srtt_ns), 1)
        if segments:
            self._count(base | SEGMENTS, segments)
        if retransmits:
            self._count(base | RETRANSMITS, retransmits)
        self.min_ns = srtt_ns if self.min_ns is None else min(srtt_ns, self.min_ns)
        self.max_ns = max(srtt_ns, self.max_ns)
        self.sum_ns += srtt_ns
        self.squares_ns2 += srtt_ns * srtt_ns
        self.last_seen_ns = max(time_ns, self.last_seen_ns)
        if time_ns >= self.timed_ns:
            self.timed_ns, self.last_latency_ns = time_ns, srtt_ns

    def by_code(self) -> dict[int, int]:
        """How many of each code, in all slices."""
        counts: dict[int, int] = {}
        for key, count in self.counts.items():
            code = key & CODE_MASK
            counts[code] = counts.get(code, 0) + count
        return counts

    def _count(self, key: int, count: int) -> None:
        self.counts[key] = self.counts.get(key, 0) + count


class Latencies(Protocol):
    """What deltas and tallies alike know of latencies, apart from the buckets they are in."""

    min_ns: int | None
    max_ns: int
    sum_ns: int
    squares_ns2: int
    last_latency_ns: int | None
    timed_ns: int
    last_seen_ns: int


def add_latencies(to: Latencies, other: Latencies) -> None:
    """Add what `other` knows."""
    if other.last_seen_ns > to.last_seen_ns:
        to.last_seen_ns = other.last_seen_ns
    latency_ns, min_ns, timed_ns = other.last_latency_ns, other.min_ns, other.timed_ns
    if latency_ns is None or min_ns is None:
        return
    to.sum_ns += other.sum_ns
    to.squares_ns2 += other.squares_ns2
    if to.min_ns is None or min_ns < to.min_ns:
        to.min_ns = min_ns
    if other.max_ns > to.max_ns:
        to.max_ns = other.max_ns
    last_ns, before_ns = to.last_latency_ns, to.timed_ns
    if last_ns is None or timed_ns > before_ns or (timed_ns == before_ns and latency_ns > last_ns):
        to.last_latency_ns, to.timed_ns = latency_ns, timed_ns
