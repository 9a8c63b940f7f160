"""What a packet of a real handshake costs, by the kernel's own statistics, between two empty programs on the hook."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from bpf import syscall
from bpf.probe import Probe
from tools.bench.children import Generator
from tools.bench.connecting import connecting
from tools.bench.effort import Effort
from tools.bench.injected import injected
from tools.bench.kernel import EMPTY
from tools.bench.network import OURS, Pair
from tools.bench.report import Figure

TARGET_NS = 150.0
_RATE = 20_000
_CRAFTED_RATE = 100_000
_HOSTS = 1000
_DRAIN_S = 0.05
_FLOW_INTERVAL_S = 1.0
"""As the screen has it."""
_HOOKS = (syscall.TCX_INGRESS, syscall.TCX_EGRESS)


def figures(effort: Effort) -> Iterator[Figure]:
    """Of real handshakes, at a rate; and of crafted ones, many more."""
    real: list[Sample] = []
    crafted: list[Sample] = []
    with ExitStack() as stack:
        stack.callback(os.close, syscall.time_programs())
        pair = stack.enter_context(Pair())
        generators = (connecting(stack, pair, _HOSTS, _RATE), injected(stack, pair, _HOSTS, _CRAFTED_RATE))
        for _ in range(effort.windows):
            # Programs are loaded anew each time. The probe looks for its interface where its thread is.
            with ExitStack() as hook, pair.ours.entered():
                empty_fds = _hang_empty(hook, pair)
                probe = hook.enter_context(Probe([OURS], flow_interval_s=_FLOW_INTERVAL_S))
                probe.drain(0)
                empty_fds += _hang_empty(hook, pair)
                for generator, samples in zip(generators, (real, crafted), strict=True):
                    samples.append(_sample(probe, empty_fds, generator, effort.window_s))
    yield Figure(
        f"kernel, live, {_RATE:,} real handshakes/s",
        "ns a packet",
        [each.ours for each in real],
        "ns, an empty program",
        [each.empty for each in real],
        TARGET_NS,
        {"handshakes/s": [each.rate for each in real]},
    )
    yield Figure(
        f"kernel, live, SYN and SYN-ACK, {_CRAFTED_RATE:,} crafted handshakes/s",
        "ns over empty",
        [2 * (each.ours - each.empty) for each in crafted],
        "ns a packet, an empty program",
        [each.empty for each in crafted],
        None,
        {"handshakes/s": [each.rate for each in crafted]},
    )


class Sample(NamedTuple):
    """Of one window."""

    ours: float
    """ns a packet."""
    empty: float
    rate: float
    """Handshakes a second."""


def _sample(probe: Probe, empty_fds: Sequence[int], generator: Generator, seconds: float) -> Sample:
    """Ours, and empty programs before and behind it on the hook, over the same packets."""
    generator.start(seconds * 2)
    began = _runs(empty_fds), _own_runs(probe)
    _drain(probe, seconds)
    ended = _runs(empty_fds), _own_runs(probe)
    told = generator.stop()
    empty, ours = map(_ns_a_run, began, ended)
    return Sample(ours, empty, told["count"] / told["seconds"])


def _hang_empty(hook: ExitStack, pair: Pair) -> list[int]:
    """Hang an empty program on each side of our end, behind those that hang there; return them."""
    found = []
    for side in _HOOKS:
        program_fd = syscall.load_classifier("empty", EMPTY)
        hook.callback(os.close, program_fd)
        hook.callback(os.close, syscall.create_link(program_fd, pair.ifindex, side))
        found.append(program_fd)
    return found


def _drain(probe: Probe, seconds: float) -> None:
    """Read as the screen does."""
    for _ in range(int(seconds / _DRAIN_S)):
        probe.drain(_DRAIN_S)


def _runs(program_fds: Sequence[int]) -> tuple[int, int]:
    each = [syscall.program_runs(fd) for fd in program_fds]
    return sum(time_ns for time_ns, _ in each), sum(count for _, count in each)


def _own_runs(probe: Probe) -> tuple[int, int]:
    (account,) = probe.accounts()
    return account.run_time_ns or 0, account.run_count or 0


def _ns_a_run(began: tuple[int, int], ended: tuple[int, int]) -> float:
    return (ended[0] - began[0]) / max(1, ended[1] - began[1])
