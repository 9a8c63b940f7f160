"""What a packet costs in the kernel program, by BPF_PROG_TEST_RUN, above an empty program on the same packet."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

from bpf import syscall
from bpf.interfaces import Layer
from bpf.program import Program
from tools.bench.effort import Effort
from tools.bench.passing import Passing, handshakes, others
from tools.bench.relay import Relay
from tools.bench.report import Figure

PACKET_TARGET_NS = 8.0
SAMPLED_TARGET_NS = 15.0
HANDSHAKE_TARGET_NS = 350.0
TIMEOUT_NS = 10_000_000_000
EMPTY = struct.pack("=BBhi", 0xB7, 0, 0, -1) + struct.pack("=BBhi", 0x95, 0, 0, 0)
"""return TCX_NEXT"""
_ATTEMPTS = 5
_IFINDEX = 1
_SAMPLE_INTERVAL_NS = 1_000_000_000
_PORTS = range(20_000, 21_000)
_LONGEST = 94
"""A SYN of IPv6 on Ethernet."""


class Cost(NamedTuple):
    """What the same took an empty program, and ours; ns."""

    empty: float
    ours: float


class Sides(NamedTuple):
    """Programs loaded for an interface."""

    empty_fd: int
    ingress_fd: int
    egress_fd: int

    def of(self, is_ingress: bool) -> int:
        """Ours, for that side of the hook."""
        return self.ingress_fd if is_ingress else self.egress_fd


def figures(effort: Effort) -> Iterator[Figure]:
    """Of packets that belong to no handshake, and of handshakes."""
    with Program(TIMEOUT_NS) as program:
        yield from _worst(
            "kernel, any other packet", _other_packets(program, effort), PACKET_TARGET_NS, parts=2
        )
        yield from _worst(
            "kernel, a whole handshake", _handshakes(program, effort), HANDSHAKE_TARGET_NS, parts=1
        )
        yield from _worst("kernel, a whole handshake, cold", _lone_handshakes(program, effort), None, parts=1)

    with Program(TIMEOUT_NS, _SAMPLE_INTERVAL_NS) as program:
        if program.flow_trouble:
            raise RuntimeError(program.flow_trouble)
        # A stamped packet of a test run has a socket, and its first run shuts the door of that for all others.
        stamped = _other_packets(program, effort, "TCP out", time.monotonic_ns())
        yield from _worst("kernel, connections sampled, none due", stamped, SAMPLED_TARGET_NS, parts=2)


def _worst(
    row: str, costs: Mapping[str, Sequence[Cost]], target_ns: float | None, parts: int
) -> Iterator[Figure]:
    """Of cases whose names begin with the same words (`parts` of them), the one that costs most."""
    over = {name: [each.ours - each.empty for each in samples] for name, samples in costs.items()}
    for kind in sorted({tuple(name.split()[:parts]) for name in costs}):
        cases = {name: median(each) for name, each in over.items() if tuple(name.split()[:parts]) == kind}
        worst = max(cases, key=cases.__getitem__)
        yield Figure(
            f"{row}: {worst}",
            "ns over empty",
            over[worst],
            "ns, an empty program",
            [each.empty for each in costs[worst]],
            target_ns,
            cases,
        )


@contextmanager
def loaded(program: Program, layer: Layer) -> Iterator[Sides]:
    """Ours, and an empty one, loaded anew: where their code comes to lie makes some ns."""
    empty_fd = syscall.load_classifier("empty", EMPTY)
    pair = program.load(layer)
    try:
        yield Sides(empty_fd, pair.ingress_fd, pair.egress_fd)
    finally:
        program.pending.forget(_IFINDEX)
        program.unload(pair)
        os.close(empty_fd)


def _other_packets(
    program: Program, effort: Effort, kind: str = "", stamp_ns: int = 0
) -> dict[str, list[Cost]]:
    """Those whose names begin so."""
    costs: dict[str, list[Cost]] = {}
    for _ in range(effort.loads):
        for layer in Layer:
            with loaded(program, layer) as sides:
                for name, (is_ingress, packet) in others(layer).items():
                    if not name.startswith(kind):
                        continue
                    empty = _least_ns(sides.empty_fd, packet, effort.runs, stamp_ns)
                    ours = _least_ns(sides.of(is_ingress), packet, effort.runs, stamp_ns)
                    costs.setdefault(name, []).append(Cost(empty, ours))
    return costs


def _least_ns(program_fd: int, packet: bytes, runs: int, stamp_ns: int) -> float:
    """What a run takes, the least of several attempts: whatever disturbs makes it longer."""
    best = float("inf")
    for _ in range(_ATTEMPTS):
        began = time.perf_counter_ns()
        syscall.test_run(program_fd, packet, _IFINDEX, runs, stamp_ns)
        best = min(best, (time.perf_counter_ns() - began) / runs)
    return best


def _handshakes(program: Program, effort: Effort) -> dict[str, list[Cost]]:
    """Many under way at a time, packet after packet in one run."""
    costs: dict[str, list[Cost]] = {}
    for _ in range(effort.loads):
        for layer in Layer:
            with loaded(program, layer) as sides:
                for name, series in handshakes(layer, _PORTS).items():
                    with Relay(
                        [_padded(step) for steps in zip(*series, strict=True) for step in steps]
                    ) as relay:
                        costs.setdefault(name, []).append(_least_of_three(program, relay, sides, len(series)))
    return costs


def _padded(packet: Passing) -> Passing:
    """What an ACK lacks of a SYN's length, as a link pads what is short: its headers tell where it ends."""
    return packet._replace(data=packet.data.ljust(_LONGEST, b"\0"))


def _least_of_three(program: Program, relay: Relay, sides: Sides, count: int) -> Cost:
    """What the three packets of a handshake take, the least of several attempts."""
    empty = ours = float("inf")
    for _ in range(_ATTEMPTS):
        empty = min(empty, 3 * relay.run(sides.empty_fd, sides.empty_fd, _IFINDEX))
        ours = min(ours, 3 * relay.run(sides.egress_fd, sides.ingress_fd, _IFINDEX))
        _require(program, count)
    return Cost(empty, ours)


def _lone_handshakes(program: Program, effort: Effort) -> dict[str, list[Cost]]:
    """Each packet by a system call of its own: whatever that needs is in the caches, and we are not."""
    costs: dict[str, list[Cost]] = {}
    for _ in range(effort.loads):
        for layer in Layer:
            with loaded(program, layer) as sides:
                for name, series in handshakes(layer, _PORTS[:100]).items():
                    passed = [_pass(sides, each) for each in series]
                    _require(program, len(series))
                    costs.setdefault(name, []).append(
                        Cost(median(each.empty for each in passed), median(each.ours for each in passed))
                    )
    return costs


def _require(program: Program, count: int) -> None:
    matched = len(program.read()[0])
    if matched != count:
        raise RuntimeError(f"{matched} of {count} handshakes were matched")


def _pass(sides: Sides, handshake: Sequence[Passing]) -> Cost:
    """One handshake; what its packets took."""
    empty = ours = 0.0
    for is_ingress, packet in handshake:
        empty += syscall.test_run(sides.empty_fd, packet, _IFINDEX)[1]
        ours += syscall.test_run(sides.of(is_ingress), packet, _IFINDEX)[1]
    return Cost(empty, ours)
