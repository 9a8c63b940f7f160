"""Running the real probe inside a lab's namespace, from the test's own thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bpf.attach import AttachMode
from bpf.event import Flow, Handshake, address_text
from bpf.lab import Connection, Exchange, Lab
from bpf.probe import Probe
from bpf.source import Account


@dataclass
class Watch:
    """A probe on the lab's device, and what it has reported."""

    probe: Probe
    handshakes: list[Handshake] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)

    def until(self, wanted: Callable[[list[Handshake]], bool], timeout_s: float = 5.0) -> list[Handshake]:
        """Drain until `wanted` holds of all that was reported; raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while not wanted(self.handshakes):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the probe reported only {self.handshakes}")
            self.drain()
        return self.handshakes

    def drain(self, wait_s: float = 0.02) -> Sequence[Flow]:
        """Take what there is; return the samples among it."""
        batch = self.probe.drain(wait_s)
        self.handshakes += batch.handshakes
        self.flows += batch.flows
        return batch.flows

    @property
    def account(self) -> Account:
        """The account of the one interface watched."""
        (account,) = self.probe.accounts()
        return account

    def take(self, count: int, timeout_s: float = 5.0) -> list[Handshake]:
        """Drain until there are `count` handshakes, and a little longer, so that one too many shows."""
        self.until(lambda handshakes: len(handshakes) >= count, timeout_s)
        self.drain()
        return self.handshakes


@contextmanager
def watching(
    lab: Lab,
    mode: AttachMode = AttachMode.AUTO,
    timeout_s: float = 10.0,
    selection: Sequence[str] = (),
    flow_interval_s: float = 0.0,
) -> Iterator[Watch]:
    """Attach to the lab's device (or what is selected) for as long as the `with` lasts."""
    with (
        lab.entered(),
        Probe(selection or [lab.device], mode, timeout_s, flow_interval_s=flow_interval_s) as probe,
    ):
        yield Watch(probe)


def endpoints(handshake: Handshake) -> tuple[str, int, int]:
    """Remote address, remote port, local port."""
    return address_text(handshake.remote), handshake.remote_port, handshake.local_port


def of(handshakes: list[Handshake], connection: Connection) -> Handshake:
    """The one handshake of a connection of ours."""
    (found,) = [
        each
        for each in handshakes
        if endpoints(each) == (connection.address, connection.port, connection.local_port)
    ]
    return found


def assert_within_bounds(handshake: Handshake, connection: Connection, exchange: Exchange) -> None:
    """What the remote host knows it took at least, and the application at most."""
    floor_ns = exchange.latency_floor_ns
    assert floor_ns is not None
    assert floor_ns <= handshake.latency_ns <= connection.duration_ns
    assert handshake.connect_ns == handshake.latency_ns
    assert connection.began_ns <= handshake.time_ns <= connection.ended_ns
