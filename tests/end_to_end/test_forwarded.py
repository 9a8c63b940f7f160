"""Connections that pass through: a client, a router that is watched, a server, and cables of known lengths."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bpf import syscall
from bpf.event import Flow, address_text
from bpf.lab.device import keep_quiet
from bpf.lab.namespace import Namespace, inside
from bpf.probe import Probe
from tests.end_to_end.cable import Cable
from tests.end_to_end.commands import lines_of, streaming, tcplat
from tests.end_to_end.echoes import Echoes, smoothed
from tests.end_to_end.open_connections import PATIENCE_S, settle

pytestmark = pytest.mark.kernel

CLIENT, SERVER, PORT = "10.1.0.1", "10.2.0.1", 7
ROUTER = ("10.1.0.254", "10.2.0.254")
INTERVAL_S = 0.05
LEAST_TOLERANCE_NS = 3e6
"""What both hosts and the thread that plays a cable take beside, at their best."""
TOLERANCE_NS = 15e6
"""... on a busy machine, smoothed. A figure that takes in a retransmission, 200 ms, would add 25."""
CAPTURE_TOLERANCE_NS = 200e3
"""Between the hook and where the kernel stamps what is captured."""


@dataclass
class Network:
    """Client - cable - router - cable - server, which sends back what it gets."""

    client: Namespace
    router: Namespace
    server: Namespace
    near: Cable
    far: Cable
    stack: ExitStack

    def command(self, *words: str) -> list[str]:
        """The command line that runs `words` in the router."""
        return inside(self.router.path, *words)

    def connected(self) -> socket.socket:
        """Open a connection from the client to the server."""
        with self.client.entered():
            connection = socket.create_connection((SERVER, PORT), timeout=PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.stack.enter_context(connection)


@pytest.fixture
def network() -> Iterator[Network]:
    with ExitStack() as stack:
        client, router, server = (Namespace() for _ in range(3))
        for namespace in (client, router, server):
            stack.callback(namespace.close)
            keep_quiet(namespace)
            namespace.configure(["link set lo up"])
        router.set_sysctl("ipv4/ip_forward", 1)
        near = Cable((client, "eth0", f"{CLIENT}/24"), (router, "inside", f"{ROUTER[0]}/24"), delay_s=0.005)
        stack.callback(near.close)
        far = Cable((router, "outside", f"{ROUTER[1]}/24"), (server, "eth0", f"{SERVER}/24"), delay_s=0.02)
        stack.callback(far.close)
        for namespace, gateway in ((client, ROUTER[0]), (server, ROUTER[1])):
            namespace.configure([f"route add default via {gateway}"])
        with server.entered():
            listener = stack.enter_context(socket.create_server(("", PORT)))
        threading.Thread(target=echo_all, args=(listener,), daemon=True).start()
        yield Network(client, router, server, near, far, stack)
        listener.shutdown(socket.SHUT_RDWR)


def echo_all(listener: socket.socket) -> None:
    while True:
        try:
            connection = listener.accept()[0]
        except OSError:
            return
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


def echo(connection: socket.socket) -> None:
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while data := connection.recv(65_536):
                connection.sendall(data)
        except OSError:
            return


@dataclass
class Watched:
    probe: Probe
    flows: list[Flow] = field(default_factory=list)

    def drain(self, wait_s: float = 0.0) -> None:
        self.flows += self.probe.drain(wait_s).flows

    def of(self, address: str) -> list[Flow]:
        """The samples of round trips to that host."""
        return [flow for flow in self.flows if address_text(flow.remote) == address]


@contextmanager
def watched(network: Network, interface: str = "outside", *, is_forwarding: bool = True) -> Iterator[Watched]:
    with (
        network.router.entered(),
        Probe([interface], flow_interval_s=INTERVAL_S, is_forwarding=is_forwarding) as probe,
    ):
        yield Watched(probe)


def exchange(watch: Watched, connection: socket.socket, times: int) -> None:
    """Ask, and wait for the answer: each is acknowledged by what follows, at once.

    Nothing else runs meanwhile, as the hosts and the cables are threads beside this one.
    """
    for _ in range(times):
        connection.sendall(b"x" * 100)
        assert connection.recv(65_536)
    watch.drain()


def assert_near(rtt_ns: float, delay_s: float, tolerance_ns: float = TOLERANCE_NS) -> None:
    assert delay_s * 1e9 <= rtt_ns + 1000
    assert rtt_ns <= delay_s * 1e9 + tolerance_ns


def test_each_half_is_as_long_as_its_cable(network: Network) -> None:
    with watched(network) as watch, closing(Echoes("outside")) as capture:
        connection = network.connected()
        exchange(watch, connection, 10)
        echoes = capture.read()
    for host, cable in ((SERVER, network.far), (CLIENT, network.near)):
        samples = watch.of(host)
        assert len(samples) >= 2
        for flow in samples:
            assert_near(flow.srtt_ns, 2 * cable.delay_s)
            captured_ns = smoothed(echoes, host, flow.time_ns + int(CAPTURE_TOLERANCE_NS))
            assert flow.srtt_ns == pytest.approx(captured_ns, abs=CAPTURE_TOLERANCE_NS)
        assert_near(samples[-1].min_rtt_ns, 2 * cable.delay_s, LEAST_TOLERANCE_NS)
        assert len({flow.cookie for flow in samples}) == 1
    assert {flow.cookie for flow in watch.of(SERVER)} != {flow.cookie for flow in watch.of(CLIENT)}


def test_a_delay_that_changes_is_followed(network: Network) -> None:
    times = 20
    with watched(network) as watch:
        connection = network.connected()
        exchange(watch, connection, 5)
        network.far.delay_s = 0.05
        exchange(watch, connection, times)
    last = watch.of(SERVER)[-1]
    # Each figure brings it an eighth of the way; that of the last answer may not be sampled.
    rest_ns = (0.1 - 0.04) * 1e9 * (7 / 8) ** (times - 1)
    assert_near(last.srtt_ns + rest_ns, 0.1)
    assert_near(last.min_rtt_ns, 0.04, LEAST_TOLERANCE_NS)
    assert_near(watch.of(CLIENT)[-1].srtt_ns, 0.01)


def test_what_is_lost_and_sent_again_gives_no_wrong_figure(network: Network) -> None:
    with watched(network) as watch:
        connection = network.connected()
        exchange(watch, connection, 5)
        network.far.loses_every[0] = 3
        exchange(watch, connection, 12)
    assert network.far.lost >= 4
    for host, cable in ((SERVER, network.far), (CLIENT, network.near)):
        for flow in watch.of(host):
            assert_near(flow.srtt_ns, 2 * cable.delay_s)


def test_an_answer_that_is_lost_leaves_the_least_alone(network: Network) -> None:
    with watched(network) as watch:
        connection = network.connected()
        network.far.loses_every[1] = 3
        exchange(watch, connection, 12)
    assert network.far.lost >= 4
    # The echo that comes with it, sent again, is late; so it is for the client's own TCP.
    assert_near(watch.of(SERVER)[-1].min_rtt_ns, 0.04, LEAST_TOLERANCE_NS)
    assert_near(watch.of(CLIENT)[-1].srtt_ns, 0.01)


@pytest.mark.parametrize("host", ["client", "server"])
def test_without_timestamps_there_is_no_figure(network: Network, host: str) -> None:
    getattr(network, host).set_sysctl("ipv4/tcp_timestamps", 0)
    with watched(network) as watch:
        exchange(watch, network.connected(), 5)
    assert watch.flows == []


def test_off_by_default(network: Network) -> None:
    with watched(network, is_forwarding=False) as watch:
        exchange(watch, network.connected(), 5)
    assert watch.flows == []


def test_connections_of_our_own_are_not_forwarded(network: Network) -> None:
    with network.router.entered():
        listener = network.stack.enter_context(socket.create_server(("", 80)))
    with watched(network) as watch:
        with network.router.entered():
            ours = network.stack.enter_context(socket.create_connection((SERVER, PORT), timeout=PATIENCE_S))
        with network.server.entered():
            theirs = network.stack.enter_context(
                socket.create_connection((ROUTER[1], 80), timeout=PATIENCE_S)
            )
        accepted = network.stack.enter_context(listener.accept()[0])
        exchange(watch, ours, 5)
        for _ in range(5):
            accepted.sendall(b"x")
            theirs.recv(1)
            theirs.sendall(b"x")
            accepted.recv(1)
            settle(accepted)
            watch.drain()
    assert {flow.is_forwarded for flow in watch.flows} == {False}
    assert len({flow.cookie for flow in watch.flows}) == 2


def test_a_connection_that_closes_has_a_last_sample(network: Network) -> None:
    with watched(network) as watch:
        connection = network.connected()
        exchange(watch, connection, 5)
        connection.close()
        until = time.monotonic() + PATIENCE_S
        while len([flow for flow in watch.flows if flow.is_closing]) < 2:
            assert time.monotonic() < until
            watch.drain(0.01)
        assert watch.probe.accounts()[0].samples == len(watch.flows)
    assert [flow.is_closing for flow in watch.of(SERVER)].count(True) == 1
    assert [flow.is_closing for flow in watch.of(CLIENT)].count(True) == 1


def test_where_the_kernel_refuses_it_the_rest_works(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = syscall.load_classifier
    refused: list[str] = []

    def refuse(name: str, instructions: bytes) -> int:
        if not refused and name == "tcplat_in":
            refused.append(name)
            raise OSError(22, "Invalid argument; unknown func")
        return load(name, instructions)

    monkeypatch.setattr(syscall, "load_classifier", refuse)
    with watched(network) as watch:
        with network.router.entered():
            ours = network.stack.enter_context(socket.create_connection((SERVER, PORT), timeout=PATIENCE_S))
        exchange(watch, ours, 5)
        exchange(watch, network.connected(), 5)
        (account,) = watch.probe.accounts()
    assert account.flow_trouble == (
        f"forwarded connections are not sampled: the kernel ({os.uname().release}) says "
        "Invalid argument; unknown func"
    )
    assert {flow.is_forwarded for flow in watch.flows} == {False}
    assert account.established == 2


def test_the_command_says_it_in_json_and_in_a_recording(network: Network, tmp_path: Path) -> None:
    path = tmp_path / "forwarded.jsonl"
    arguments = ("outside", "--json", "--forwarded", "--flow-interval", "0.05", "--record", str(path))
    with streaming(network, *arguments, "--count", "2") as child:
        connection = network.connected()
        for _ in range(5):
            connection.sendall(b"x")
            connection.recv(1)
        network.connected()
        assert child.stdout
        json_lines = child.stdout.read()
    flows = [line for line in lines_of(json_lines) if line["type"] == "flow"]
    assert {flow["remote_address"] for flow in flows} == {CLIENT, SERVER}
    assert all(flow["forwarded"] and flow["segments"] is flow["pid"] is None for flow in flows)
    assert path.read_text().partition("\n")[2] == json_lines
    replay = subprocess.run(tcplat("--read", str(path), "--json"), capture_output=True, text=True, check=True)
    assert replay.stdout == json_lines
