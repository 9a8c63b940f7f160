"""The probe on a real device with known hosts behind it: every figure within its bounds, nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute

from bpf import syscall
from bpf.attach import AttachMode
from bpf.errors import NoSuchInterface
from bpf.event import Direction, Handshake, Outcome
from bpf.lab import Behaviour, Client, Host, Lab
from bpf.probe import Probe
from tests.end_to_end.attachments import attachments
from tests.end_to_end.watching import assert_within_bounds, endpoints, of, watching

pytestmark = pytest.mark.kernel

MODES = [AttachMode.TCX, AttachMode.CLSACT]
mode = pytest.mark.parametrize("mode", MODES, ids=[each.value for each in MODES])

RETURN_NEXT = bytes.fromhex("b7000000ffffffff9500000000000000")
"""r0 = -1; exit: a program of somebody else's that lets everything pass."""
INGRESS = 0xFFFFFFF2
V4 = "198.18.0."
V6 = "2001:db8:1::"


@pytest.fixture(autouse=True)
def nothing_stays_attached(lab: Lab) -> Iterator[None]:
    yield
    assert attachments(lab) == []


def established(handshakes: list[Handshake]) -> list[Handshake]:
    return [each for each in handshakes if each.outcome == Outcome.ESTABLISHED]


@mode
def test_every_latency_of_23_connections_is_within_its_bounds(lab: Lab, mode: AttachMode) -> None:
    hosts = [
        Host(f"{prefix}{number}", delay_s=number * 0.004) for number in range(1, 12) for prefix in (V4, V6)
    ] + [Host(f"{V4}200", delay_s=0)]
    lab.add(*hosts)
    with watching(lab, mode) as watch:
        connections = lab.connect_many([(host.address, 443) for host in hosts])
        handshakes = watch.take(23)
        account = watch.account
    assert len(handshakes) == len(connections) == 23
    for connection in connections:
        handshake = of(handshakes, connection)
        assert (handshake.direction, handshake.outcome) == (Direction.OUTBOUND, Outcome.ESTABLISHED)
        assert handshake.retransmits == 0
        assert_within_bounds(handshake, connection, lab.exchange_of(connection))
    assert (account.attach, account.established, account.events_lost) == (mode.value, 23, 0)


@mode
def test_inbound_connections_are_told_apart_and_within_bounds(lab: Lab, mode: AttachMode) -> None:
    lab.add(Host(f"{V4}1", delay_s=0.005))
    with watching(lab, mode) as watch:
        ports = {}
        for address, server in ((f"{V4}77", server_at(lab.ipv4)), (f"{V6}77", server_at(lab.ipv6))):
            with server:
                port = server.getsockname()[1]
                began_ns = time.monotonic_ns()
                remote_port = lab.connect_to_us(Client(address, ack_delay_s=0.03), port)
                accepted, _ = server.accept()
                ports[address] = (port, remote_port, time.monotonic_ns() - began_ns)
                accepted.close()
        connection = lab.connect(f"{V4}1")
        handshakes = watch.take(3)
    by_direction = {direction: [h for h in handshakes if h.direction == direction] for direction in Direction}
    assert of(by_direction[Direction.OUTBOUND], connection)
    for handshake in by_direction[Direction.INBOUND]:
        address, remote_port, local_port = endpoints(handshake)
        port, from_port, accepted_ns = ports.pop(address)
        exchange = lab.exchange(address, remote_port, local_port)
        assert (local_port, remote_port) == (port, from_port)
        assert exchange.latency_floor_ns is not None
        assert exchange.answer_ceiling_ns is not None
        assert exchange.latency_floor_ns <= handshake.latency_ns <= accepted_ns
        assert 0 < handshake.answer_ns <= exchange.answer_ceiling_ns
        assert handshake.connect_ns == 0
    assert ports == {}


def server_at(address: str) -> socket.socket:
    """A listening socket in the thread's network namespace."""
    return socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)


def test_lost_first_syn_gives_no_guessed_latency(lab: Lab) -> None:
    lab.add(*(Host(f"{prefix}9", delay_s=0.01, lost_syns=1, timestamps=False) for prefix in (V4, V6)))
    with watching(lab) as watch:
        connections = lab.connect_many([(f"{prefix}9", 443) for prefix in (V4, V6)])
        handshakes = watch.take(2)
        assert watch.account.ambiguous == 2
    for connection in connections:
        handshake = of(handshakes, connection)
        assert (handshake.retransmits, handshake.ambiguous, handshake.latency_ns) == (1, 1, 0)
        floor_ns = lab.exchange_of(connection).connect_floor_ns
        assert floor_ns is not None
        assert 1_000_000_000 < floor_ns <= handshake.connect_ns <= connection.duration_ns


def test_what_never_completes_is_told_by_its_outcome(lab: Lab) -> None:
    fates = {
        "1": (Behaviour.REFUSES, Outcome.REFUSED),
        "2": (Behaviour.UNREACHABLE, Outcome.UNREACHABLE),
        "3": (Behaviour.SILENT, Outcome.UNANSWERED),
    }
    lab.add(*(Host(prefix + last, behaviour=fates[last][0]) for last in fates for prefix in (V4, V6)))
    with watching(lab, timeout_s=1.5) as watch:
        connections = lab.connect_many(
            [(prefix + last, 443) for last in fates for prefix in (V4, V6)], timeout_s=1.2
        )
        handshakes = watch.take(6)
        account = watch.account
    for connection in connections:
        handshake = of(handshakes, connection)
        assert handshake.outcome == fates[connection.address[-1]][1]
        assert (handshake.latency_ns, handshake.direction) == (0, Direction.OUTBOUND)
    assert (account.refused, account.unreachable, account.unanswered, account.established) == (2, 2, 2, 0)


def test_junk_of_any_length_from_the_wire(lab: Lab) -> None:
    lab.add(Host(f"{V4}1"))
    with watching(lab) as watch:
        for length in range(14 if lab.layer == "ethernet" else 1, 80):
            for first in (0x45, 0x60, 0xFF, 0x00):
                header = (
                    bytes(12) + (b"\x08\x00" if first == 0x45 else b"\x86\xdd")
                    if lab.layer == "ethernet"
                    else b""
                )
                try:
                    lab.inject((header + bytes([first]) * length)[: max(length, 14)])
                except OSError:  # The device itself refuses what is shorter than its header, or no IP at all.
                    continue
        lab.connect(f"{V4}1")
        assert len(watch.take(1)) == 1


@mode
def test_another_interface_can_be_watched_without_a_restart(lab: Lab, mode: AttachMode) -> None:
    lab.add(Host(f"{V4}1"))
    with watching(lab, mode) as watch:
        lab.connect(f"{V4}1")
        watch.take(1)
        watch.probe.watch(["lo"])
        lab.connect(f"{V4}1")
        with server_at("127.0.0.1") as server, socket.create_connection(server.getsockname()):
            handshakes = watch.take(3)
        assert [endpoints(each)[0] for each in handshakes[1:]] == ["127.0.0.1"] * 2
        assert {each.direction for each in handshakes[1:]} == {Direction.OUTBOUND, Direction.INBOUND}
        assert watch.account.established == 2
        with pytest.raises(NoSuchInterface, match=r"no interface 'nosuch'; choose one of: lo, lab0"):
            watch.probe.watch(["nosuch"])
        assert watch.probe.selection == ("lo",)
        watch.probe.watch([lab.device])
        lab.connect(f"{V4}1")
        assert endpoints(watch.take(4)[-1])[0] == f"{V4}1"


def test_what_the_interface_before_left_behind_is_not_shown(lab: Lab) -> None:
    lab.add(Host(f"{V4}1"))
    with watching(lab) as watch:
        lab.connect(f"{V4}1")
        watch.probe.watch(["lo"])
        with server_at("127.0.0.1") as server, socket.create_connection(server.getsockname()):
            handshakes = watch.take(2)
    assert {endpoints(each)[0] for each in handshakes} == {"127.0.0.1"}


@mode
def test_interface_that_goes_and_returns(lab: Lab, mode: AttachMode) -> None:
    lab.add(Host(f"{V4}1"))
    with watching(lab, mode) as watch:
        lab.connect(f"{V4}1")
        watch.take(1)
        lab.unplug()
        watch.until(lambda _: watch.account.is_gone)
        assert watch.account.established == 1
        lab.plug()
        watch.until(lambda _: not watch.account.is_gone)
        lab.connect(f"{V4}1")
        watch.take(2)
        assert watch.account.established == 1


def run_probe_in_child(lab: Lab, mode: AttachMode) -> subprocess.Popen[str]:
    """Start a tcplat of its own in the lab, attached when this returns."""
    command = [sys.executable, "-m", "tui", lab.device, "--json", "--attach", mode.value]
    child = subprocess.Popen(
        lab.command(*command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert child.stdout
    assert '"type":"probe"' in child.stdout.readline()
    return child


@mode
def test_killed_run_leaves_nothing_or_is_taken_over(lab: Lab, mode: AttachMode) -> None:
    child = run_probe_in_child(lab, mode)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert len(attachments(lab)) == (0 if mode is AttachMode.TCX else 3)
    with watching(lab, mode):
        assert len(attachments(lab)) == (2 if mode is AttachMode.TCX else 3)
    assert attachments(lab) == []


@mode
def test_two_at_a_time_do_not_disturb_each_other(lab: Lab, mode: AttachMode) -> None:
    lab.add(Host(f"{V4}1"))
    with watching(lab, mode) as first:
        with watching(lab, mode) as second:
            lab.connect(f"{V4}1")
            assert len(first.take(1)) == len(second.take(1)) == 1
        lab.connect(f"{V4}1")
        assert len(first.take(2)) == 2
        with watching(lab, mode) as third:
            lab.connect(f"{V4}1")
            assert len(third.take(1)) == 1


def test_another_tools_clsact_is_left_as_it_was(lab: Lab) -> None:
    subprocess.run(lab.command("tc", "qdisc", "add", "dev", lab.device, "clsact"), check=True)
    theirs_fd = syscall.load_classifier("theirs", RETURN_NEXT)
    with lab.entered(), IPRoute() as netlink:
        netlink.tc(
            "add-filter", "bpf", lab.ifindex, fd=theirs_fd, name="theirs", parent=INGRESS, direct_action=True
        )
    os.close(theirs_fd)
    before = attachments(lab)
    assert len(before) == 2
    lab.add(Host(f"{V4}1"))
    with watching(lab, AttachMode.CLSACT) as watch:
        lab.connect(f"{V4}1")
        assert len(watch.take(1)) == 1
    child = run_probe_in_child(lab, AttachMode.CLSACT)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    with watching(lab, AttachMode.CLSACT):
        pass
    assert attachments(lab) == before
    subprocess.run(lab.command("tc", "qdisc", "del", "dev", lab.device, "clsact"), check=True)


def test_a_program_behind_ours_still_sees_every_packet(lab: Lab) -> None:
    lab.add(Host(f"{V4}1"))
    with watching(lab) as first, watching(lab) as second:
        lab.connect(f"{V4}1")
        assert len(first.take(1)) == len(second.take(1)) == 1


def test_nothing_is_opened_for_an_interface_that_does_not_exist(lab: Lab) -> None:
    with lab.entered(), pytest.raises(NoSuchInterface, match="for example: tcplat lab0"), Probe(["lab1"]):
        pass
