"""What a handshake counts as: small numbers, so that one kind of table counts everything there is to count.

A latency is its histogram bucket (`tui.core.histogram`), below 4,096. Everything else has a code above.
"""

from __future__ import annotations

from collections.abc import Iterable

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
"""Counts SYNs (SYN-ACKs) sent again, not handshakes."""
CONNECT = 2 * BUCKETS
"""Plus a bucket: what connect() took, where that is not the latency: a SYN was sent again."""
REPLACED = 3 * BUCKETS
"""Plus a bucket: the latency of such a one, if it has one: `latencies - REPLACED + CONNECT` is what connect() took."""
CODE_BITS = 14
CODE_MASK = (1 << CODE_BITS) - 1


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

    def __init__(self, handshakes: Iterable[Handshake]) -> None:
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
        self.pids: set[int] = set()
        self.cgroups: set[int] = set()
        self._add(handshakes)

    def _add(self, handshakes: Iterable[Handshake]) -> None:
        counts = self.counts
        for handshake in handshakes:
            time_ns, latency_ns, outcome = handshake.time_ns, handshake.latency_ns, handshake.outcome
            base = time_ns // SLICE_NS << CODE_BITS
            if time_ns > self.last_seen_ns:
                self.last_seen_ns = time_ns
            if outcome:
                code = NO_LATENCY + outcome
            elif latency_ns:
                # bucket_of, written out: it is called for every handshake.
                shift = latency_ns.bit_length() - 7
                code = (shift << 6) + (latency_ns >> shift) if shift > 0 else latency_ns
                self._add_latency(time_ns, latency_ns)
            else:
                code = NO_LATENCY
            key = base | code
            counts[key] = counts.get(key, 0) + 1
            if handshake.retransmits:
                self._add_retransmitted(base, handshake)
            if handshake.pid:
                self.pids.add(handshake.pid)
            if handshake.cgroup:
                self.cgroups.add(handshake.cgroup)

    def _add_latency(self, time_ns: int, latency_ns: int) -> None:
        self.sum_ns += latency_ns
        self.squares_ns2 += latency_ns * latency_ns
        if latency_ns > self.max_ns:
            self.max_ns = latency_ns
        if self.min_ns is None or latency_ns < self.min_ns:
            self.min_ns = latency_ns
        last_ns = self.last_latency_ns
        if last_ns is None or time_ns > self.timed_ns or (time_ns == self.timed_ns and latency_ns > last_ns):
            self.timed_ns = time_ns
            self.last_latency_ns = latency_ns

    def _add_retransmitted(self, base: int, handshake: Handshake) -> None:
        self._count(base | RETRANSMITS, handshake.retransmits)
        if not handshake.outcome and handshake.connect_ns and handshake.connect_ns != handshake.latency_ns:
            self._count(base | CONNECT + bucket_of(handshake.connect_ns), 1)
            if handshake.latency_ns:
                self._count(base | REPLACED + bucket_of(handshake.latency_ns), 1)

    def _count(self, key: int, count: int) -> None:
        self.counts[key] = self.counts.get(key, 0) + count
