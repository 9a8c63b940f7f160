"""Very many open connections: each has its turn, and nothing is left of any."""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from bpf import program, syscall
from bpf.lab import Behaviour, Host, Lab
from tests.bpf.kernel_maps import is_in_kernel, map_named
from tests.bpf.socket_storages import socket_storages
from tests.end_to_end.open_connections import PATIENCE_S, V4, connected, settle
from tests.end_to_end.watching import watching

pytestmark = pytest.mark.kernel

INTERVAL_S = 0.1
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
HALF_SLICE_BITS = 26
"""The program's budget is for twice that: 2^27 ns."""


@contextmanager
def many(lab: Lab, address: str, count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(connected(lab, address)) for _ in range(count)]


def test_closing_resetting_and_abandoning_leave_nothing() -> None:
    silent = "198.18.0.2"
    count = 3334  # Of each, 10,000 in all.
    with Lab("ethernet", [Host(V4), Host(silent)]) as lab, watching(lab, flow_interval_s=60) as watch:
        sockets_fd = map_named("tcplat_sockets").fd
        with many(lab, V4, count) as closed, many(lab, V4, count) as reset, many(lab, silent, count) as left:
            until = time.monotonic() + PATIENCE_S
            while (
                socket_storages(sockets_fd) < 1000
            ):  # Of those that are a second old, and found their door open.
                assert time.monotonic() < until
                for each in (*closed, *reset, *left):
                    each.send(b"x")
                watch.drain(0.05)
            for each in reset:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            lab.add(Host(silent, data=Behaviour.SILENT))
            for each in left:
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300)
                each.send(b"x")
            until = time.monotonic() + PATIENCE_S
            while any(each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 for each in left[-1:]):
                assert time.monotonic() < until
                watch.drain()
        until = time.monotonic() + PATIENCE_S
        while left_behind := socket_storages(sockets_fd):
            assert time.monotonic() < until, left_behind
            watch.drain(0.05)
        watch.drain(0.1)
        account = watch.account
        # The program's own tables hold nothing of a connection that is open.
        tables = watch.probe._program.pending
        assert [list(table.entries()) for table in (tables._outbound, tables._inbound)] == [[], []]
        assert list(syscall.entries(tables._reported_fd, 40, 4)) == []
    closing = [flow for flow in watch.flows if flow.is_closing]
    assert len({flow.cookie for flow in closing}) == len(closing)
    assert len(closing) + account.samples_thinned >= 2 * count
    assert account.established == 3 * count


def test_too_many_are_thinned_and_each_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    slice_s, budget, count = 0.134, 20, 200
    monkeypatch.setattr(program, "slice_budget", lambda samples_per_s: budget)
    with (
        Lab("ethernet", [Host(V4)]) as lab,
        watching(lab, flow_interval_s=0.3) as watch,
        many(lab, V4, count) as connections,
    ):
        began = time.monotonic()
        sampled: set[int] = set()
        while len(sampled) < count * 0.95:
            assert time.monotonic() < began + PATIENCE_S, len(sampled)
            for connection in connections:
                connection.send(b"x")
            sampled |= {flow.cookie for flow in watch.drain(0.02)}
        account = watch.account
        slices = (time.monotonic() - began) / slice_s + 2
    assert account.samples <= budget * slices
    assert account.samples_thinned > 0


def test_of_many_that_end_all_along_a_slice_some_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = 10
    monkeypatch.setattr(program, "slice_budget", lambda samples_per_s: budget)
    with Lab("ethernet", [Host(V4)]) as lab, watching(lab, flow_interval_s=60) as watch:
        ended: Counter[int] = Counter()
        began = time.monotonic()
        while len(slices := steady(ended, 8 * budget)) < 6:
            assert time.monotonic() < began + PATIENCE_S, "never many at the same pace"
            with connected(lab) as each:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            ended[time.monotonic_ns() >> HALF_SLICE_BITS] += 1
        watch.drain(0.1)
    sampled = Counter(flow.time_ns >> HALF_SLICE_BITS for flow in watch.flows)
    early, late = (sum(sampled[2 * each + half] for each in slices) for half in (0, 1))
    assert all(sampled[2 * each] + sampled[2 * each + 1] <= budget for each in slices)
    assert early + late > 0.5 * budget * len(slices)
    # Those who end early in a slice do not take it all.
    assert late > 0.2 * budget * len(slices)


def steady(ended: Counter[int], many: int) -> list[int]:
    """Whole slices, of those with so many, in each half of which about as many ended as in those of the one before.

    What asks in a slice is told by the one before: where a machine is slower or quicker, lots are rightly few or many.
    """
    latest = max(ended, default=0) >> 1
    return [
        each
        for each in range((min(ended, default=0) >> 1) + 2, latest)
        if min(halves := [ended[half] for half in range(2 * each - 2, 2 * each + 2)]) > many / 2
        and max(halves) < 1.3 * min(halves)
    ]


def test_every_storage_goes_with_the_probe() -> None:
    with Lab("ethernet", [Host(V4)]) as lab, connected(lab) as connection:
        with watching(lab, flow_interval_s=INTERVAL_S):
            connection.send(b"x")
            settle(connection)
            sockets = map_named("tcplat_sockets")
            assert socket_storages(sockets.fd) == 1
            assert is_in_kernel(sockets.number)
        until = time.monotonic() + PATIENCE_S
        while is_in_kernel(sockets.number):
            assert time.monotonic() < until
            time.sleep(0.01)
        connection.send(b"x")
