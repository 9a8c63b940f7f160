"""Samples of open connections: what TCP itself says of each, at that very moment; and nothing is left of them."""

from __future__ import annotations

import errno
import itertools
import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from bpf import maps, syscall
from bpf.event import Direction, Flow, address_text
from bpf.lab import Behaviour, Client, Host, Lab
from tests.bpf.kernel_maps import map_named
from tests.bpf.socket_storages import socket_storages
from tests.end_to_end.open_connections import PATIENCE_S, V4, TcpInfo, connected, settle
from tests.end_to_end.watching import Watch, watching

pytestmark = pytest.mark.kernel

V6 = "2001:db8:1::1"
INTERVAL_S = 0.1
TICK_NS = 1 << 26
"""What opening times are rounded down to."""


def exchanges(watch: Watch, connection: socket.socket, count: int) -> Iterator[tuple[TcpInfo, Flow]]:
    """Send one segment at a time until there were so many samples; each with what TCP said before it left."""
    until = time.monotonic() + PATIENCE_S
    while count:
        assert time.monotonic() < until
        info = settle(connection)
        connection.send(b"x" * 100)
        settle(connection)
        for flow in watch.drain(0):
            yield info, flow
            count -= 1


def rtt_of_ss(lab: Lab, port: int) -> float:
    """What `ss -tin` says, in ms."""
    words = lab.command("ss", "-tinH", f"sport = :{port}")
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"\brtt:([0-9.]+)/", said)
    assert found, said
    return float(found[1])


@pytest.mark.parametrize("address", [V4, V6])
def test_a_sample_is_what_tcp_says_while_the_delay_changes(lab: Lab, address: str) -> None:
    lab.add(Host(address, data_delay_s=0.004))
    with watching(lab, flow_interval_s=INTERVAL_S) as watch, connected(lab, address) as connection:
        port = connection.getsockname()[1]
        for delay_s in (0.004, 0.012):
            lab.add(Host(address, data_delay_s=delay_s))
            for _ in range(40):
                connection.send(b"x")
                settle(connection)
            watch.drain(0)
            ((info, flow),) = exchanges(watch, connection, 1)
            assert flow.srtt_ns == info.rtt_us * 1000
            assert delay_s * 1e9 <= flow.srtt_ns <= delay_s * 1e9 + 20e6
            # What ss tells is the same figure, one segment later.
            assert settle(connection).rtt_us * 1000 == pytest.approx(rtt_of_ss(lab, port) * 1e6, abs=1000)
            assert flow.min_rtt_ns == info.min_rtt_us * 1000
            assert flow.segments == info.data_segs_out + 1
            assert flow.cwnd == info.cwnd
            assert (flow.bytes_acked, flow.bytes_received) == (info.bytes_acked, 0)
            assert flow.delivery_rate_bps == pytest.approx(info.delivery_rate * 8, abs=8000)
            assert (address_text(flow.remote), flow.remote_port, flow.local_port) == (address, 443, port)
            assert (flow.direction, flow.is_closing) == (Direction.OUTBOUND, False)
            assert (flow.pid, flow.ifindex) == (os.getpid(), lab.ifindex)
            cookie = connection.getsockopt(socket.SOL_SOCKET, 57, 8)  # SO_COOKIE
            assert flow.cookie == int.from_bytes(cookie, "little")


def test_retransmissions_are_those_that_tcp_counts() -> None:
    with (
        Lab("ethernet", [Host(V4, loses_data_every=3)]) as lab,
        watching(lab, flow_interval_s=INTERVAL_S) as watch,
    ):
        with connected(lab) as connection:
            seen = [(info.total_retrans, flow.retransmits) for info, flow in exchanges(watch, connection, 4)]
            last = settle(connection)
        wait_for(watch, lambda: watch.flows[-1].is_closing)
    # A sample may be taken as the segment leaves for the second time.
    assert all(before <= ours <= before + 1 for before, ours in seen)
    assert watch.flows[-1].retransmits == last.total_retrans > 0


def test_samples_are_an_interval_apart_and_the_last_says_so() -> None:
    with Lab("ethernet", [Host(V4)]) as lab, watching(lab, flow_interval_s=0.2) as watch:
        with connected(lab) as connection:
            began = time.monotonic()
            while time.monotonic() < began + 1.0:
                connection.send(b"x")
                watch.drain(0.005)
        wait_for(watch, lambda: watch.flows[-1].is_closing)
        account = watch.account
    times = [flow.time_ns for flow in watch.flows[:-1]]
    assert 3 <= len(times) <= 5
    assert all(later - earlier >= 0.2e9 for earlier, later in itertools.pairwise(times))
    assert [flow.is_closing for flow in watch.flows] == [False] * len(times) + [True]
    assert (account.samples, account.samples_thinned, account.samples_lost) == (len(watch.flows), 0, 0)
    assert account.flow_trouble == ""


def wait_for(watch: Watch, wanted: object) -> None:
    assert callable(wanted)
    until = time.monotonic() + PATIENCE_S
    while not (watch.flows and wanted()):
        assert time.monotonic() < until, watch.flows
        watch.drain()


def test_nothing_is_sampled_unless_asked_for() -> None:
    with Lab("ethernet", [Host(V4)]) as lab, watching(lab) as watch, connected(lab) as connection:
        for _ in range(5):
            connection.send(b"x")
            watch.drain(0.01)
        assert (watch.flows, watch.account.samples) == ([], 0)


def test_who_opened_a_connection_is_known_if_that_was_seen() -> None:
    with Lab("ethernet", [Host(V4)]) as lab:
        with lab.entered():
            listener = socket.create_server(("", 80))
        with listener, connected(lab) as before:
            before.send(b"there before us")
            settle(before)
            with watching(lab, flow_interval_s=INTERVAL_S) as watch:
                theirs = lab.connect_to_us(Client("198.18.0.9"), 80)
                accepted = listener.accept()[0]
                accepted_ns = time.monotonic_ns()
                with accepted:
                    before.send(b"x")
                    wait_for(watch, lambda: len(watch.flows) == 1)
                    for _ in exchanges(watch, accepted, 1):
                        pass
    old, inbound = watch.flows[0], watch.flows[-1]
    assert (old.direction, old.pid, old.process) == (None, 0, bytes(15))
    assert (old.remote_port, old.bytes_acked, old.opened_ns) == (443, 16, 0)
    assert (inbound.direction, inbound.remote_port, inbound.local_port) == (Direction.INBOUND, theirs, 80)
    assert accepted_ns - TICK_NS <= inbound.opened_ns <= accepted_ns + PATIENCE_S * 1e9


def test_a_connection_is_as_old_as_its_syn() -> None:
    with Lab("ethernet", [Host(V4, delay_s=0.3)]) as lab, watching(lab, flow_interval_s=INTERVAL_S) as watch:
        began_ns = time.monotonic_ns()
        with connected(lab) as connection:
            opened = {flow.opened_ns for _, flow in exchanges(watch, connection, 3)}
    assert len(opened) == 1
    assert began_ns - TICK_NS <= opened.pop() <= began_ns + 0.1e9


def test_a_connection_of_theirs_is_as_old_as_our_answer(lab: Lab) -> None:
    """Also if its first segment passes unseen, behind a door that another connection has shut."""
    with lab.entered():
        listener = socket.create_server(("", 80))
    with listener, watching(lab, flow_interval_s=INTERVAL_S) as watch:
        lab.connect_to_us(Client("198.18.0.9"), 80)
        accepted = listener.accept()[0]
        accepted_ns = time.monotonic_ns()
        with accepted:
            shut_all_doors()
            accepted.send(b"x")
            settle(accepted)
            time.sleep(0.3)
            ((_, flow),) = exchanges(watch, accepted, 1)
    assert flow.direction == Direction.INBOUND
    assert accepted_ns - TICK_NS - 0.1e9 <= flow.opened_ns <= accepted_ns


def shut_all_doors() -> None:
    """As the program does after a look at a connection: for two ticks."""
    doors = map_named("tcplat_doors")
    tick = (time.monotonic_ns() // TICK_NS + 2) % (1 << 16)
    syscall.update(doors.fd, bytes(4), struct.pack("=H", tick) * (doors.value_bytes // 2))


def test_an_idle_connection_that_was_there_before_us_has_no_age() -> None:
    with Lab("ethernet", [Host(V4)]) as lab:
        with lab.entered():
            listener = socket.create_server(("", 80))
        with listener, connected(lab) as ours:
            lab.connect_to_us(Client("198.18.0.9"), 80)
            with listener.accept()[0] as theirs:
                theirs.send(b"x")
                settle(theirs)
                with watching(lab, flow_interval_s=INTERVAL_S) as watch:
                    for each in (ours, theirs):
                        for _ in exchanges(watch, each, 1):
                            pass
    assert [flow.opened_ns for flow in watch.flows] == [0, 0]


def test_a_reset_of_theirs_is_the_last_sample() -> None:
    with (
        Lab("ip", [Host(V4)]) as lab,
        watching(lab, flow_interval_s=INTERVAL_S) as watch,
        connected(lab) as connection,
    ):
        for _ in exchanges(watch, connection, 1):  # It is known since it is an interval old.
            pass
        lab.add(Host(V4, data=Behaviour.REFUSES))
        connection.send(b"x")
        wait_for(watch, lambda: watch.flows[-1].is_closing)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET
    assert [flow.is_closing for flow in watch.flows].count(True) == 1


@pytest.mark.parametrize("is_reset", [False, True], ids=["closed", "reset"])
def test_one_that_ends_young_is_sampled_then_and_nothing_is_kept_of_it(lab: Lab, is_reset: bool) -> None:
    lab.add(Host(V4, data_delay_s=0.02))
    with watching(lab, flow_interval_s=60) as watch:
        sockets = map_named("tcplat_sockets")
        began_ns = time.monotonic_ns()
        with connected(lab) as connection:
            cookie = int.from_bytes(connection.getsockopt(socket.SOL_SOCKET, 57, 8), "little")
            connection.send(b"x")
            info = settle(connection)
            assert socket_storages(sockets.fd) == 0
            if is_reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_for(watch, lambda: True)
        assert socket_storages(sockets.fd) == 0
    (flow,) = watch.flows
    assert (flow.is_closing, flow.srtt_ns, flow.cookie) == (True, info.rtt_us * 1000, cookie)
    assert (flow.direction, flow.pid) == (Direction.OUTBOUND, os.getpid())
    assert began_ns - TICK_NS <= flow.opened_ns <= flow.time_ns


@pytest.mark.parametrize("address", [V4, V6])
def test_a_connection_that_was_refused_was_never_open(lab: Lab, address: str) -> None:
    lab.add(Host(address, behaviour=Behaviour.REFUSES))
    with watching(lab, flow_interval_s=INTERVAL_S) as watch:
        with pytest.raises(ConnectionRefusedError):
            connected(lab, address)
        watch.take(1)
        assert (watch.flows, watch.account.samples) == ([], 0)


@pytest.mark.parametrize("refused", ["map", "helper"])
def test_without_the_helpers_the_rest_works(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if refused == "map":
        monkeypatch.setattr(maps, "SK_STORAGE", 200)
    else:
        monkeypatch.setattr(syscall, "load_classifier", without_helper(syscall.load_classifier))
    with Lab("ethernet", [Host(V4)]) as lab, watching(lab, flow_interval_s=INTERVAL_S) as watch:
        with connected(lab) as connection:
            connection.send(b"x")
            settle(connection)
            (handshake,) = watch.take(1)
        account = watch.account
    assert handshake.latency_ns > 0
    assert account.flow_trouble.startswith("open connections are not sampled: the kernel (")
    assert (watch.flows, account.samples, account.established, account.trouble) == ([], 0, 1, "")


def without_helper(load: Callable[[str, bytes], int]) -> Callable[[str, bytes], int]:
    """Load as a kernel does that does not know bpf_sk_storage_get (107)."""
    call, unknown = (struct.pack("=BBhi", 0x85, 0, 0, number) for number in (107, 100_000))
    return lambda name, instructions: load(name, instructions.replace(call, unknown))
