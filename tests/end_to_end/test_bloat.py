"""A sender that fills a slow queue: its round trips grow with the queue and shrink with it, and ss says the same."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from bpf.event import Flow
from bpf.lab.device import keep_quiet
from bpf.lab.namespace import Namespace, inside
from bpf.probe import Probe
from tests.end_to_end.open_connections import PATIENCE_S, tcp_info

pytestmark = pytest.mark.kernel

CLIENT, SERVER, PORT = "10.1.0.1", "10.2.0.1", 9
ROUTER = ("10.1.0.254", "10.2.0.254")
QUEUE = "qdisc add dev outside root tbf rate 20mbit burst 20kb limit 250kb"
"""A queue of 100 ms, in the router: a host does not let a connection fill its own."""
INTERVAL_S = 0.1
DOOR_S = 0.15
"""How long a connection may not be looked at after a look."""
ROOM_S = 0.02
"""From one thing to the next, so that they are apart."""
ENOUGH = 5
"""So many moments at least at which both were asked."""
FACTOR = 10
"""How much longer round trips are with the queue than without, at least."""


class Reading(NamedTuple):
    """A smoothed round-trip time, and how much had been acknowledged by then: both change together, nearly always."""

    bytes_acked: int
    rtt_ns: float


@dataclass
class Sender:
    """A connection over the queue, and what is known of it."""

    client: Namespace
    connection: socket.socket
    probe: Probe
    flows: list[Flow] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    """What TCP itself says, about every millisecond."""
    said: list[Reading] = field(default_factory=list)
    """What ss said."""

    def sends(self, until_s: float) -> None:
        """Send as much as goes until then, sampled meanwhile; ask ss at times."""
        while time.monotonic() < until_s:
            try:
                while self.connection.send(bytes(65_536)):
                    pass
            except BlockingIOError:
                self.drain(0.001)

    def sends_singly(self, times: int) -> None:
        """Little at a time, each acknowledged before the next: no queue."""
        for _ in range(times):
            self.connection.send(b"x" * 100)
            self.settles()

    def settles(self) -> None:
        """Wait until everything sent has been acknowledged."""
        until = time.monotonic() + PATIENCE_S
        while tcp_info(self.connection).unacked:
            assert time.monotonic() < until
            self.drain(0.001)

    def drain(self, wait_s: float = 0.0) -> None:
        info = tcp_info(self.connection)
        self.readings.append(Reading(info.bytes_acked, info.rtt_us * 1000))
        self.flows += self.probe.drain(wait_s).flows

    def assert_are_as_read(self, found: Iterable[Reading]) -> None:
        """Of those that TCP itself was asked at the same moment, each is what it said, give or take 5% or 100 us."""
        read: dict[int, list[float]] = {}
        for bytes_acked, rtt_ns in self.readings:
            read.setdefault(bytes_acked, []).append(rtt_ns)
        seen = [each for each in found if each.bytes_acked in read]
        assert len(seen) >= ENOUGH
        for bytes_acked, rtt_ns in seen:
            least, most = min(read[bytes_acked]), max(read[bytes_acked])
            assert min(least * 0.95, least - 100e3) <= rtt_ns <= max(most * 1.05, most + 100e3)

    def ask_ss(self) -> None:
        """What `ss -ti` says at this moment."""
        words = inside(self.client.path, "ss", "-tinH", f"dport = :{PORT}")
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        rtt, acked = re.search(r"\brtt:([0-9.]+)/", said), re.search(r"\bbytes_acked:([0-9]+)", said)
        assert rtt and acked, said
        self.said.append(Reading(int(acked[1]), float(rtt[1]) * 1e6))


@contextmanager
def asking(sender: Sender) -> Iterator[None]:
    """Ask ss again and again, in a thread of its own."""
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(0.1):
            sender.ask_ss()

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.fixture
def sender() -> Iterator[Sender]:
    with ExitStack() as stack:
        client, router, server = (Namespace() for _ in range(3))
        for namespace in (client, router, server):
            stack.callback(namespace.close)
            keep_quiet(namespace)
        router.set_sysctl("ipv4/ip_forward", 1)
        router.configure(
            [
                f"link add inside type veth peer name eth0 netns {client.path}",
                f"link add outside type veth peer name eth0 netns {server.path}",
            ]
        )
        ends = ((client, "eth0", CLIENT), (router, "inside", ROUTER[0]), (router, "outside", ROUTER[1]))
        for namespace, name, address in (*ends, (server, "eth0", SERVER)):
            namespace.configure([f"addr add {address}/24 dev {name}", f"link set {name} up"])
        for namespace, gateway in ((client, ROUTER[0]), (server, ROUTER[1])):
            namespace.configure([f"route add default via {gateway}"])
        subprocess.run(inside(router.path, "tc", *QUEUE.split()), check=True)
        with server.entered():
            listener = stack.enter_context(socket.create_server(("", PORT)))
        stack.enter_context(client.entered())
        probe = stack.enter_context(Probe(["eth0"], flow_interval_s=INTERVAL_S))
        connection = stack.enter_context(socket.create_connection((SERVER, PORT), timeout=PATIENCE_S))
        threading.Thread(target=swallow, args=(listener,), daemon=True).start()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setblocking(False)
        yield Sender(client, connection, probe)


def swallow(listener: socket.socket) -> None:
    with listener.accept()[0] as accepted:
        while accepted.recv(1 << 20):
            pass


def test_a_queue_is_seen_as_it_fills_and_as_it_empties(sender: Sender) -> None:
    sender.drain(ROOM_S)
    sender.sends_singly(20)
    time.sleep(INTERVAL_S + DOOR_S)
    sender.sends_singly(1)
    sender.drain(ROOM_S)
    idle = sender.flows[-1]
    with asking(sender):
        sender.sends(until_s=time.monotonic() + 2.0)
    full = max(sender.flows, key=lambda flow: flow.srtt_ns)
    assert full.srtt_ns > FACTOR * idle.srtt_ns
    assert full.srtt_ns > FACTOR * full.min_rtt_ns
    sender.settles()
    until = time.monotonic() + PATIENCE_S
    while sender.flows[-1].srtt_ns >= full.srtt_ns / FACTOR:
        assert time.monotonic() < until, sender.flows[-1]
        sender.sends_singly(1)
        sender.drain(0.001)
    time.sleep(ROOM_S)
    sender.drain()
    sender.assert_are_as_read(Reading(flow.bytes_acked, flow.srtt_ns) for flow in sender.flows)
    sender.assert_are_as_read(sender.said)
