"""Handshakes made up: of many hosts, whose latencies spread around their own medians."""

from __future__ import annotations

import random
from collections.abc import Iterator

from bpf.event import Handshake

_ZERO = dict.fromkeys(Handshake._fields, 0)
_MAPPED = bytes(10) + b"\xff\xff"
_MEDIANS = 50
INTERVAL_NS = 20_000
"""Between two of them: 50,000 a second."""


class NoLabels:
    """`Labels` that know nothing."""

    def host(self, remote: bytes) -> str:
        """No name."""
        return ""

    def service(self, port: int) -> str:
        """No name."""
        return ""

    def interface(self, ifindex: int) -> str:
        """No name."""
        return ""

    def unit(self, cgroup: int) -> str:
        """No name."""
        return ""


LABELS = NoLabels()


def handshake(chance: random.Random, host: int, time_ns: int) -> Handshake:
    """An outbound handshake of a host."""
    latency_ns = int(chance.lognormvariate(14 + host % _MEDIANS / 10, 0.3))
    made = {
        "time_ns": time_ns,
        "latency_ns": latency_ns,
        "connect_ns": latency_ns,
        "remote": _MAPPED + (0x0A000000 + host).to_bytes(4, "big"),
        "local": bytes(16),
        "process": bytes(16),
        "ifindex": 2,
        "remote_port": 443,
        "local_port": 40_000,
    }
    return Handshake(**{**_ZERO, **made})  # type: ignore[arg-type]


def spread(chance: random.Random, hosts: int, count: int, from_ns: int) -> Iterator[Handshake]:
    """So many, of evenly drawn hosts."""
    for number in range(count):
        yield handshake(chance, chance.randrange(hosts), from_ns + number * INTERVAL_NS)
