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
    slice_bits, budget = 27, 10
    monkeypatch.setattr(program, "slice_budget", lambda samples_per_s: budget)
    with Lab("ethernet", [Host(V4)]) as lab, watching(lab, flow_interval_s=60) as watch:
        ended_ns: list[int] = []
        until_ns = time.monotonic_ns() + (8 << slice_bits)
        while time.monotonic_ns() < until_ns:
            with connected(lab) as each:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            ended_ns.append(time.monotonic_ns())
        watch.drain(0.1)
    asked = Counter(ended >> slice_bits for ended in ended_ns)
    # Whole slices, and not the first: what asks in one is told by the one before.
    whole = sorted(asked)[2:-1]
    assert min(asked[each] for each in whole) > 8 * budget, "too few to be many"
    sampled = {
        each: [flow.time_ns for flow in watch.flows if flow.time_ns >> slice_bits == each] for each in whole
    }
    assert all(len(times) <= budget for times in sampled.values())
    assert sum(map(len, sampled.values())) > 0.5 * budget * len(whole)
    # Those who end early in a slice do not take it all.
    late = [time_ns for times in sampled.values() for time_ns in times if time_ns >> slice_bits - 1 & 1]
    assert len(late) > 0.2 * budget * len(whole)


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
