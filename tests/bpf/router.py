"""A router between two devices, watched at the outer one, and segments that pass it one by one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from bpf.event import Flow
from bpf.interfaces import Layer
from bpf.lab import packets
from bpf.lab.device import keep_quiet
from bpf.lab.namespace import Namespace
from bpf.lab.packets import Tcp
from bpf.probe import Probe
from tests.bpf.peers import ACK, ADDRESSES, Peers
from tests.bpf.tap import open_tap

WORD = 0xFFFFFFFF
INTERVAL_S = 1e-6
"""Each figure is sampled."""
_NO_OPERATION, _TIMESTAMPS = 1, 8
_INSIDE = [f"{ADDRESSES[4][0]}/32", f"{ADDRESSES[6][0]}/128"]
_OUTSIDE = [f"{ADDRESSES[4][1]}/32", f"{ADDRESSES[6][1]}/128"]
_SLACK_NS = 2_000
"""Figures are in microseconds."""


@dataclass(frozen=True)
class Router:
    """Forwards between two devices; what it sends out of either is dropped on the floor."""

    probe: Probe
    layer: Layer
    inside_fd: int
    outside_fd: int

    def forwards(self, packet: bytes, *, is_ingress: bool) -> None:
        """Let a packet pass the outer interface: from outside in, or from inside out."""
        frame = packets.ethernet(packet) if self.layer is Layer.ETHERNET else packet
        os.write(self.outside_fd if is_ingress else self.inside_fd, frame)


@contextmanager
def routing(layer: Layer, *, is_forwarding: bool = True, interval_s: float = INTERVAL_S) -> Iterator[Router]:
    with ExitStack() as stack:
        namespace = Namespace()
        stack.callback(namespace.close)
        keep_quiet(namespace)
        for family, name in (("ipv4", "ip_forward"), ("ipv6", "conf/all/forwarding")):
            namespace.set_sysctl(f"{family}/{name}", 1)
        fds = []
        for name, routes in (("inside", _INSIDE), ("outside", _OUTSIDE)):
            fds.append(open_tap(namespace, layer, name, routes, []))
            stack.callback(os.close, fds[-1])
        stack.enter_context(namespace.entered())
        probe = Probe(["outside"], flow_interval_s=interval_s, is_forwarding=is_forwarding)
        yield Router(stack.enter_context(probe), layer, *fds)


@dataclass
class Passed:
    """Segments of one connection through it, and when they passed."""

    router: Router
    peers: Peers
    seen_ns: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Of each that has a name: right before it passed, right after."""

    def out(self, value: int, echo: int, seq: int, **segment: object) -> None:
        """From the inner host, with a TSval and a TSecr."""
        peers = self.peers
        tcp = (peers.local_port, peers.remote_port)
        self._pass(False, peers.local, peers.remote, tcp, (value, echo), seq, **segment)  # type: ignore[arg-type]

    def back(self, value: int, echo: int, seq: int, **segment: object) -> None:
        """From the outer host."""
        peers = self.peers
        tcp = (peers.remote_port, peers.local_port)
        self._pass(True, peers.remote, peers.local, tcp, (value, echo), seq, **segment)  # type: ignore[arg-type]

    def _pass(
        self,
        is_ingress: bool,
        source: str,
        destination: str,
        ports: tuple[int, int],
        stamps: tuple[int, int],
        seq: int,
        *,
        payload: int = 0,
        flags: int = ACK,
        name: str = "",
    ) -> None:
        tcp = Tcp(*ports, flags, seq & WORD, 1, options=timestamps(*stamps), payload=bytes(payload))
        packet = packets.ip(source, destination, tcp)
        before_ns = time.monotonic_ns()
        self.router.forwards(packet, is_ingress=is_ingress)
        self.seen_ns[name] = (before_ns, time.monotonic_ns())

    def flows(self) -> list[Flow]:
        """What was sampled since the last time."""
        return list(self.router.probe.drain(0).flows)

    def assert_between(self, rtt_ns: int, first: str, last: str) -> None:
        """No shorter and no longer than what lies between the two."""
        (earliest, after_first), (before_last, latest) = self.seen_ns[first], self.seen_ns[last]
        assert before_last - after_first - _SLACK_NS <= rtt_ns <= latest - earliest + _SLACK_NS


def timestamps(value: int, echo: int) -> bytes:
    """The option as every system sends it."""
    pair = (value & WORD).to_bytes(4, "big") + (echo & WORD).to_bytes(4, "big")
    return bytes([_NO_OPERATION, _NO_OPERATION, _TIMESTAMPS, 10]) + pair
