"""The test network itself: hosts behave as they were told to, the bounds hold, and nothing is left behind."""

from __future__ import annotations

import errno
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bpf.event import Direction
from bpf.lab import Behaviour, Client, Connection, Exchange, Host, Lab, Unreachable
from bpf.lab.device import Layer

pytestmark = pytest.mark.kernel

LAYERS: tuple[Layer, ...] = ("ethernet", "ip")
FAMILIES = ("198.18.0.{}", "2001:db8:1::{}")
MS = 1_000_000


@pytest.fixture(params=LAYERS)
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with Lab(request.param) as lab:
        yield lab


@pytest.fixture(params=FAMILIES, ids=("ipv4", "ipv6"))
def host(request: pytest.FixtureRequest) -> Host:
    return Host(request.param.format(9))


def listen(lab: Lab, address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with lab.entered():
        listener = socket.create_server((lab.ipv6 if ":" in address else lab.ipv4, 0), family=family)
    listener.settimeout(5)
    return listener


def assert_bounds(exchange: Exchange, connection: Connection, delay_s: float) -> None:
    floor_ns = exchange.latency_floor_ns
    assert floor_ns is not None
    assert delay_s * 1e9 <= floor_ns <= connection.duration_ns
    assert connection.began_ns <= exchange.syn_ns[0] < exchange.answer_ns[0] <= connection.ended_ns


def test_host_answers_after_its_delay(lab: Lab, host: Host) -> None:
    lab.add(replace(host, delay_s=0.02))
    connection = lab.connect(host.address, 443)
    exchange = lab.exchange_of(connection)
    assert connection.error == 0
    assert_bounds(exchange, connection, 0.02)
    assert exchange.direction is Direction.OUTBOUND
    assert exchange.local == (lab.ipv6 if ":" in host.address else lab.ipv4)
    assert (exchange.lost, exchange.refused, exchange.ack_ns) == (0, False, None)
    assert exchange.connect_floor_ns == exchange.latency_floor_ns


def test_host_refuses(lab: Lab, host: Host) -> None:
    lab.add(replace(host, delay_s=0.01, behaviour=Behaviour.REFUSES))
    connection = lab.connect(host.address)
    assert connection.error == errno.ECONNREFUSED
    assert_bounds(lab.exchange_of(connection), connection, 0.01)
    assert lab.exchange_of(connection).refused


ERRORS = {
    Unreachable.NET: (errno.ENETUNREACH, errno.ENETUNREACH),
    Unreachable.HOST: (errno.EHOSTUNREACH, errno.EHOSTUNREACH),
    Unreachable.PORT: (errno.ECONNREFUSED, errno.ECONNREFUSED),
    Unreachable.PROHIBITED: (errno.EHOSTUNREACH, errno.EACCES),
}
"""What a client sees over IPv4 and IPv6."""


def test_unreachable_host_gives_its_errno(lab: Lab, host: Host) -> None:
    for why, errors in ERRORS.items():
        lab.add(replace(host, delay_s=0.005, behaviour=Behaviour.UNREACHABLE, unreachable=why))
        connection = lab.connect(host.address)
        assert connection.error == errors[":" in host.address]
        assert_bounds(lab.exchange_of(connection), connection, 0.005)


def test_unknown_host_is_silent(lab: Lab, host: Host) -> None:
    connection = lab.connect(host.address, timeout_s=0.05)
    assert connection.error == errno.ETIMEDOUT
    assert connection.duration_ns >= 50 * MS
    exchange = lab.exchange_of(connection)
    assert len(exchange.syn_ns) == 1
    assert exchange.latency_floor_ns is None


def test_lost_and_late_answers() -> None:
    """The kernel repeats a SYN after one second: all that depends on it, at once."""
    hosts = [Host("198.18.0.1", 0.02, lost_syns=1), Host("2001:db8:1::1", lost_syns=1, timestamps=False)]
    late = Host("198.18.0.2", 1.1)
    with Lab("ethernet", [*hosts, late]) as lab:
        *lost, waited = lab.connect_many([(one.address, 443) for one in (*hosts, late)])
        for one, connection in zip(hosts, lost, strict=True):
            exchange = lab.exchange_of(connection)
            assert (connection.error, exchange.lost, len(exchange.syn_ns)) == (0, 1, 2)
            assert connection.duration_ns > 1_000 * MS
            assert exchange.latency_floor_ns is not None
            assert one.delay_s * 1e9 <= exchange.latency_floor_ns < 500 * MS
            assert exchange.connect_floor_ns is not None
            assert 900 * MS < exchange.connect_floor_ns <= connection.duration_ns
        assert_bounds(lab.exchange_of(waited), waited, 1.1)
        assert len(lab.exchange_of(waited).syn_ns) == 2


def test_delays_take_turns(lab: Lab) -> None:
    lab.add(Host("198.18.0.1", delays_s=(0.001, 0.03)))
    for delay_s in (0.001, 0.03, 0.001):
        connection = lab.connect("198.18.0.1")
        assert_bounds(lab.exchange_of(connection), connection, delay_s)


def test_many_hosts_need_no_table() -> None:
    targets = [(f"198.18.{i // 250}.{i % 250}", 443) for i in range(2_000)]
    with Lab("ethernet", default=lambda address: Host(address, 0.001)) as lab:
        connections = lab.connect_many(targets, reset=True)
        assert [(one.address, one.port) for one in connections] == targets
        assert {one.error for one in connections} == {0}
        exchanges = lab.exchanges()
        assert len(exchanges) == len(targets)
        for one in connections:
            assert_bounds(lab.exchange_of(one), one, 0.001)


def test_ports_used_again_are_another_exchange(lab: Lab) -> None:
    lab.add(Host("198.18.0.1"))
    both = [lab.connect("198.18.0.1", 443, local_port=4_000, reset=True) for _ in range(2)]
    assert [(one.error, one.local_port) for one in both] == [(0, 4_000)] * 2
    first, second = lab.exchanges()
    assert_bounds(first, both[0], 0)
    assert_bounds(second, both[1], 0)
    assert lab.exchange_of(both[0]) == second


def test_record_is_bounded() -> None:
    with Lab("ip", default=Host, keep=2) as lab:
        connections = lab.connect_many([(f"198.18.0.{i}", 443) for i in range(1, 5)], at_once=1)
        assert [one.remote for one in lab.exchanges()] == ["198.18.0.3", "198.18.0.4"]
        with pytest.raises(LookupError):
            lab.exchange_of(connections[0])


def test_data_is_acknowledged_and_close_answered(lab: Lab, host: Host) -> None:
    lab.add(host)
    with lab.entered():
        client = socket.create_connection((host.address, 443), timeout=5)
    with client:
        client.sendall(bytes(200_000))
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def test_client_connects_to_us(lab: Lab, host: Host) -> None:
    with listen(lab, host.address) as listener:
        port = listener.getsockname()[1]
        remote_port = lab.connect_to_us(Client(host.address, ack_delay_s=0.02), port)
        accepted, peer = listener.accept()
        now_ns = time.monotonic_ns()
        accepted.close()
    assert peer[:2] == (host.address, remote_port)
    exchange = lab.exchange(host.address, remote_port, port)
    assert exchange.direction is Direction.INBOUND
    assert exchange.ack_ns is not None
    assert exchange.latency_floor_ns is not None
    assert exchange.answer_ceiling_ns is not None
    assert 20 * MS <= exchange.latency_floor_ns <= now_ns - exchange.syn_ns[0]
    assert exchange.syn_ns[0] <= exchange.answer_ns[0] < exchange.ack_ns <= now_ns
    assert 0 < exchange.answer_ceiling_ns < 1_000 * MS


def test_client_is_refused(lab: Lab, host: Host) -> None:
    remote_port = lab.connect_to_us(Client(host.address), 9)
    (exchange,) = lab.wait_until(lambda exchanges: exchanges[0].refused)
    assert (exchange.remote_port, exchange.ack_ns) == (remote_port, None)


def test_clients_that_lose_repeat_or_never_acknowledge() -> None:
    """The kernel repeats a SYN-ACK after one second: all that depends on it, at once."""
    loses = Client("198.18.0.1", lost_syn_acks=1)
    mute = Client("2001:db8:1::2", acks=False)
    repeats = Client("198.18.0.3", ack_delay_s=0.1, repeated_syns_s=(0.03,), timestamps=False)
    with Lab("ethernet") as lab, listen(lab, "198.18.0.0") as ipv4, listen(lab, "2001:db8::") as ipv6:
        for client in (loses, mute, repeats):
            lab.connect_to_us(client, (ipv6 if ":" in client.address else ipv4).getsockname()[1])
        assert [ipv4.accept()[1][0] for _ in range(2)] == [repeats.address, loses.address]
        lost, unfinished, repeated = lab.wait_until(lambda seen: len(seen[1].answer_ns) == 2)
    assert (lost.lost, len(lost.answer_ns)) == (1, 2)
    assert lost.latency_floor_ns is not None
    assert lost.latency_floor_ns < 500 * MS
    assert unfinished.ack_ns is None
    assert (len(repeated.syn_ns), len(repeated.answer_ns)) == (2, 2)
    assert repeated.latency_floor_ns is not None
    assert repeated.latency_floor_ns >= 100 * MS


def test_interface_goes_and_comes_back(lab: Lab) -> None:
    lab.add(Host("198.18.0.1"))
    lab.unplug()
    assert lab.connect("198.18.0.1").error == errno.ENETUNREACH
    lab.plug()
    assert lab.connect("198.18.0.1").error == 0


def test_interface_deleted_or_taken_down_by_others(lab: Lab) -> None:
    lab.add(Host("198.18.0.1", 0.02))
    down = lab.command("ip", "link", "set", lab.device, "down")
    subprocess.run(down, check=True)
    assert lab.connect_to_us(Client("198.18.0.1"), 9)
    subprocess.run(lab.command("ip", "link", "delete", lab.device), check=True)
    assert lab.connect("198.18.0.1").error == errno.ENETUNREACH
    lab.unplug()
    lab.plug()
    assert lab.connect("198.18.0.1").error == 0


def test_wait_until_gives_up_and_reports_errors(lab: Lab) -> None:
    with pytest.raises(TimeoutError):
        lab.wait_until(bool, timeout_s=0.01)
    with pytest.raises(IndexError):
        lab.wait_until(lambda exchanges: exchanges[0].refused)


def test_command_and_sysctl_reach_the_namespace(lab: Lab) -> None:
    lab.set_sysctl("ipv4/tcp_timestamps", 0)
    outside = Path("/proc/sys/net/ipv4/tcp_timestamps").read_text()
    show = "cat /proc/sys/net/ipv4/tcp_timestamps; ip -oneline link show lab0"
    read = lab.command("sh", "-c", show)
    inside = subprocess.run(read, check=True, capture_output=True, text=True).stdout.splitlines()
    assert inside[0] == "0"
    assert inside[1].startswith(f"{lab.ifindex}: lab0:")
    assert outside.strip() != "0"


def left_behind() -> tuple[str, int, list[str]]:
    """Return this thread's namespace, and the threads and descriptors there are."""
    descriptors = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return (
        str(Path("/proc/thread-self/ns/net").readlink()),
        threading.active_count(),
        sorted(descriptors),
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_nothing_is_left_behind(layer: Layer) -> None:
    before = left_behind()
    with Lab(layer, default=Host) as lab:
        lab.connect("198.18.0.1")
        lab.connect_to_us(Client("198.18.0.2", ack_delay_s=60), 9)
        assert left_behind() != before
    assert left_behind() == before

    with pytest.raises(ZeroDivisionError), Lab(layer) as lab, lab.entered():
        _ = 1 / 0
    assert left_behind() == before


def test_failing_responder_is_reported_and_leaves_nothing() -> None:
    before = left_behind()

    def fail(frame: bytes) -> None:
        raise ZeroDivisionError

    lab = Lab("ip", sent=fail)
    lab.__enter__()
    lab.connect("198.18.0.1", timeout_s=0.05)
    with pytest.raises(RuntimeError):
        lab.exchanges()
    with pytest.raises(ZeroDivisionError):
        lab.__exit__(None, None, None)
    assert left_behind() == before


def test_labs_live_side_by_side() -> None:
    with Lab("ip", [Host("198.18.0.1")]) as one, Lab("ethernet") as other:
        assert one.path != other.path
        assert one.connect("198.18.0.1").error == 0
        assert other.connect("198.18.0.1", timeout_s=0.05).error == errno.ETIMEDOUT
