"""How handshakes end on a real device: which SYN was answered, by whom it was refused, who called connect()."""

from __future__ import annotations

import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bpf.event import Direction, Outcome
from bpf.lab import Behaviour, Client, Connection, Exchange, Host, Lab, Unreachable
from bpf.source import Account
from tests.end_to_end.watching import of, watching

pytestmark = pytest.mark.kernel

V4 = "198.18.0."
V6 = "2001:db8:1::"
BOTH = (V4, V6)


def assert_every_syn_is_accounted_for(account: Account) -> None:
    ended = account.established + account.refused + account.unreachable + account.unanswered - account.late
    given_up = account.superseded + account.unresolved + account.pending_full
    assert account.syns == ended + given_up + account.pending
    assert account.packets > 0


def latency_bounds_ns(connection: Connection, exchange: Exchange, answered: int) -> tuple[int, int]:
    """Least and most of the answer to the SYN of number `answered`."""
    answer_ns = exchange.answer_ns[0]
    return answer_ns - exchange.syn_ns[answered], connection.ended_ns - exchange.syn_ns[
        answered
    ] + SYN_TO_READ_NS


SYN_TO_READ_NS = 100_000_000
"""A SYN is read this long after it was sent at the very most; here a second lies between any two."""


def test_timestamps_tell_that_the_second_syn_was_answered(lab: Lab) -> None:
    lab.add(*(Host(f"{prefix}1", delay_s=0.02, lost_syns=1) for prefix in BOTH))
    with watching(lab) as watch:
        connections = lab.connect_many([(f"{prefix}1", 443) for prefix in BOTH])
        handshakes = watch.take(2)
        account = watch.account
    for connection in connections:
        handshake = of(handshakes, connection)
        least_ns, most_ns = latency_bounds_ns(connection, lab.exchange_of(connection), answered=1)
        assert least_ns <= handshake.latency_ns <= most_ns
        assert (handshake.retransmits, handshake.ambiguous) == (1, 0)
        assert handshake.connect_ns > 1_000_000_000
    assert (account.ambiguous, account.syn_retransmits, account.syns) == (0, 2, 2)
    assert_every_syn_is_accounted_for(account)


@pytest.mark.parametrize("timestamps", [True, False], ids=["timestamps", "no timestamps"])
def test_late_answer_to_the_first_syn_after_a_second_one_was_sent(lab: Lab, timestamps: bool) -> None:
    lab.add(*(Host(f"{prefix}2", delay_s=1.2, timestamps=timestamps) for prefix in BOTH))
    with watching(lab) as watch:
        connections = lab.connect_many([(f"{prefix}2", 443) for prefix in BOTH])
        handshakes = watch.take(2)
        account = watch.account
    for connection in connections:
        handshake = of(handshakes, connection)
        exchange = lab.exchange_of(connection)
        assert handshake.retransmits == 1
        assert handshake.ambiguous == (not timestamps)
        if timestamps:
            least_ns, _ = latency_bounds_ns(connection, exchange, answered=0)
            assert least_ns <= handshake.latency_ns == handshake.connect_ns <= connection.duration_ns
        else:
            assert handshake.latency_ns == 0
    assert account.ambiguous == (0 if timestamps else 2)
    assert_every_syn_is_accounted_for(account)


@pytest.mark.parametrize("timestamps", [True, False], ids=["timestamps", "no timestamps"])
def test_lost_syn_ack_of_ours(lab: Lab, timestamps: bool) -> None:
    with watching(lab) as watch, socket.create_server((lab.ipv4, 0)) as server:
        client = Client(f"{V4}7", ack_delay_s=0.02, lost_syn_acks=1, timestamps=timestamps)
        port = server.getsockname()[1]
        remote_port = lab.connect_to_us(client, port)
        server.accept()[0].close()
        (handshake,) = watch.take(1)
        account = watch.account
    exchange = lab.exchange(client.address, remote_port, port)
    assert (handshake.direction, handshake.retransmits) == (Direction.INBOUND, 1)
    assert handshake.ambiguous == (not timestamps)
    if timestamps:
        assert exchange.latency_floor_ns is not None
        assert exchange.latency_floor_ns <= handshake.latency_ns < 1_000_000_000
    else:
        assert handshake.latency_ns == 0
    assert_every_syn_is_accounted_for(account)


@pytest.mark.parametrize("why", list(Unreachable), ids=lambda why: why.name.lower())
def test_icmp_errors_end_a_connection(lab: Lab, why: Unreachable) -> None:
    lab.add(*(Host(f"{prefix}3", behaviour=Behaviour.UNREACHABLE, unreachable=why) for prefix in BOTH))
    with watching(lab) as watch:
        connections = lab.connect_many([(f"{prefix}3", 443) for prefix in BOTH])
        handshakes = watch.take(2)
        account = watch.account
    for connection in connections:
        assert of(handshakes, connection).outcome == Outcome.UNREACHABLE
    assert account.unreachable == 2
    assert_every_syn_is_accounted_for(account)


def test_port_that_nobody_listens_on_here(lab: Lab) -> None:
    with watching(lab) as watch:
        lab.connect_to_us(Client(f"{V4}8"), 9)
        lab.connect_to_us(Client(f"{V6}8"), 9)
        handshakes = watch.take(2)
        account = watch.account
    assert {(each.direction, each.outcome) for each in handshakes} == {(Direction.INBOUND, Outcome.REFUSED)}
    assert_every_syn_is_accounted_for(account)


def test_client_that_never_acknowledges(lab: Lab) -> None:
    with watching(lab, timeout_s=1.5) as watch, socket.create_server((lab.ipv4, 0)) as server:
        lab.set_sysctl("ipv4/tcp_synack_retries", 1)
        lab.connect_to_us(Client(f"{V4}8", acks=False), server.getsockname()[1])
        (handshake,) = watch.take(1, timeout_s=8)
        account = watch.account
    assert (handshake.direction, handshake.outcome) == (Direction.INBOUND, Outcome.UNANSWERED)
    assert handshake.retransmits == 1
    assert_every_syn_is_accounted_for(account)


def test_answer_after_the_timeout_is_reported_and_accounted_for(lab: Lab) -> None:
    lab.add(Host(f"{V4}4", delay_s=0.1, lost_syns=2))
    with watching(lab, timeout_s=1.5) as watch, ThreadPoolExecutor() as aside:
        connecting = aside.submit(lab.connect, f"{V4}4", timeout_s=6)
        unanswered, established = watch.take(2, timeout_s=8)
        connection = connecting.result()
        account = watch.account
    assert (unanswered.outcome, established.outcome) == (Outcome.UNANSWERED, Outcome.ESTABLISHED)
    assert established.retransmits == 2
    assert 1_500_000_000 < established.connect_ns <= connection.duration_ns
    assert (account.unanswered, account.late, account.established) == (1, 1, 1)
    assert_every_syn_is_accounted_for(account)


def test_process_that_called_connect(lab: Lab) -> None:
    lab.add(Host(f"{V4}5"), Host(f"{V6}5"), Host(f"{V4}6", behaviour=Behaviour.SILENT))
    with watching(lab, timeout_s=1.5) as watch:
        mine = lab.connect_many([(f"{V4}5", 443), (f"{V6}5", 443), (f"{V4}6", 443)], timeout_s=0.5)
        curl = subprocess.Popen(
            lab.command("curl", "--silent", "--max-time", "0.3", f"http://{V4}5:80/"),
            stdout=subprocess.DEVNULL,
        )
        curl.wait()
        handshakes = watch.take(4)
        assert watch.account.trouble == ""
    for connection in mine:
        handshake = of(handshakes, connection)
        assert handshake.pid == os.getpid()
        assert handshake.process.rstrip(b"\0").decode() == Path("/proc/self/comm").read_text().strip()
        assert handshake.cgroup
    (theirs,) = [each for each in handshakes if each.remote_port == 80]
    assert theirs.process.rstrip(b"\0") == b"curl"
    assert theirs.pid == curl.pid


def test_process_of_a_connection_from_outside_is_not_guessed(lab: Lab) -> None:
    with watching(lab) as watch, socket.create_server((lab.ipv4, 0)) as server:
        lab.connect_to_us(Client(f"{V4}7"), server.getsockname()[1])
        server.accept()[0].close()
        (handshake,) = watch.take(1)
    assert (handshake.pid, handshake.process, handshake.cgroup) == (0, bytes(16), 0)


def test_cost_of_the_program_is_known_while_the_kernel_keeps_statistics(lab: Lab) -> None:
    switch = Path("/proc/sys/kernel/bpf_stats_enabled")
    before = switch.read_text()
    lab.add(Host(f"{V4}1"))
    with watching(lab) as watch:
        assert watch.account.run_time_ns is None or before.strip() == "1"
        try:
            switch.write_text("1")
            lab.connect(f"{V4}1")
            watch.take(1)
            account = watch.account
        finally:
            switch.write_text(before)
    assert account.run_count and account.run_time_ns
    assert 3 <= account.run_count <= account.packets
    assert account.run_time_ns / account.run_count < 100_000
