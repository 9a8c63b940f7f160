"""Who is in the demonstration: a web server's neighbours, and the Internet as it sees it.

All addresses are from the prefixes kept for documentation and benchmarks (RFC 5737, RFC 2544, RFC 3849).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from bpf.demo.scene import Call, Caller, Pool, Scene, Server, Spell, Visit
from bpf.lab.hosts import Behaviour, Client, Host, Unreachable

_DELAYS = 40
_SLOW_ONES = 1


def _around(seed: str, *medians_ms: float, spread: float = 0.1) -> tuple[float, ...]:
    """Draw delays around each of the medians (paths), always the same for a seed; a few are three times as long."""
    chance = random.Random(seed)
    delays_s = [chance.choice(medians_ms) / 1e3 * chance.lognormvariate(0, spread) for _ in range(_DELAYS)]
    delays_s[:_SLOW_ONES] = [3 * delay_s for delay_s in delays_s[:_SLOW_ONES]]
    chance.shuffle(delays_s)
    return tuple(delays_s)


def _hosts(delays_ms: Mapping[str, float], spread: float) -> Sequence[Host]:
    return [
        Host(address, delays_s=_around(address, median_ms, spread=spread), data_delay_s=median_ms / 1e3)
        for address, median_ms in delays_ms.items()
    ]


NEAR_MS = {
    "192.0.2.10": 0.4,
    "192.0.2.11": 0.2,
    "192.0.2.12": 0.25,
    "192.0.2.31": 0.5,
    "192.0.2.32": 0.6,
    "192.0.2.33": 0.7,
    "192.0.2.53": 0.3,
    "2001:db8::21": 0.9,
    "2001:db8::53": 0.4,
    "2001:db8::61": 1.0,
}
"""In the same rack: median delays in milliseconds."""

REGIONAL_MS = {
    "198.51.100.20": 4,
    "198.51.100.90": 11,
    "203.0.113.53": 18,
    "2001:db8:51::20": 9,
    "2001:db8:51::64": 6,
}
"""In the next data centre."""

FAR_MS = {
    "198.18.7.4": 72,
    "198.18.90.12": 120,
    "198.19.21.8": 180,
    "198.19.200.3": 240,
    "203.0.113.5": 21,
    "203.0.113.25": 47,
    "203.0.113.80": 36,
    "203.0.113.144": 58,
    "2001:db8:a::80": 28,
    "2001:db8:20::443": 95,
    "2001:db8:c0de::1": 160,
    "2001:db8:feed::9": 210,
}
"""On the Internet."""

TWO_PATHS = Host("198.51.100.7", delays_s=_around("198.51.100.7", 12, 85, spread=0.04), data_delay_s=0.012)
LOSSY = Host("2001:db8:51::90", 0.014, lost_syns=1, loses_every=3, data_delay_s=0.014, loses_data_every=25)
LOSSY_WITHOUT_TIMESTAMPS = Host("198.19.5.5", 0.065, lost_syns=1, loses_every=2, timestamps=False)
REFUSING = (
    Host("192.0.2.60", 0.0005, Behaviour.REFUSES),
    Host("198.51.100.40", 0.005, Behaviour.REFUSES),
    Host("2001:db8:51::40", 0.008, Behaviour.REFUSES),
)
UNREACHABLE = (
    Host("192.0.2.61", 0.001, Behaviour.UNREACHABLE, unreachable=Unreachable.HOST),
    Host("2001:db8:dead::1", 0.032, Behaviour.UNREACHABLE, unreachable=Unreachable.PROHIBITED),
)
SILENT = (
    Host("198.51.100.66", behaviour=Behaviour.SILENT),
    Host("2001:db8:f::f", behaviour=Behaviour.SILENT),
)
TIRED = Host("192.0.2.33", delays_s=_around("tired", 160, spread=0.3), data_delay_s=0.16)
"""One of the near, while it is slow."""

CALLERS = (
    Caller(
        "gunicorn",
        (
            Call("192.0.2.10", 5432, 0.25),
            Call("192.0.2.11", 6379, 0.15),
            Call("192.0.2.12", 11211, 0.4),
            Call("198.51.100.7", 443, 0.6),
            Call("2001:db8::21", 8080, 0.5),
            Call("203.0.113.25", 587, 9),
        ),
        (
            Pool("192.0.2.10", 5432, 8, 0.5),
            Pool("192.0.2.11", 6379, 4, 0.4),
            Pool("198.51.100.7", 443, 2, 1),
            Pool("2001:db8::21", 8080, 3, 1),
        ),
    ),
    Caller(
        "nginx",
        (
            Call("192.0.2.31", 8080, 0.25),
            Call("192.0.2.32", 8080, 0.25),
            Call("192.0.2.33", 8080, 0.4),
            Call("2001:db8:51::64", 8443, 1.2),
        ),
        (
            Pool("192.0.2.31", 8080, 3, 0.5),
            Pool("192.0.2.32", 8080, 3, 0.5),
            Pool("192.0.2.33", 8080, 3, 0.5),
            Pool("2001:db8:51::64", 8443, 2, 1),
        ),
    ),
    Caller(
        "curl",
        (
            Call("198.18.7.4", 443, 3),
            Call("198.18.90.12", 443, 4),
            Call("198.19.21.8", 443, 5),
            Call("198.19.200.3", 443, 5),
            Call("203.0.113.5", 443, 2),
            Call("203.0.113.80", 80, 3),
            Call("203.0.113.144", 443, 4),
            Call("2001:db8:a::80", 443, 2.5),
            Call("2001:db8:20::443", 443, 3),
            Call("2001:db8:c0de::1", 443, 6),
            Call("2001:db8:feed::9", 443, 20),
        ),
    ),
    Caller(
        "prometheus",
        (
            Call("192.0.2.10", 9100, 5),
            Call("192.0.2.11", 9100, 5),
            Call("192.0.2.31", 9100, 5),
            Call("192.0.2.32", 9100, 5),
            Call("192.0.2.33", 9100, 5),
            Call("192.0.2.60", 9100, 3),
            Call("192.0.2.61", 9100, 4),
            Call("2001:db8::61", 9100, 5),
        ),
    ),
    Caller(
        "postgres",
        (Call("198.51.100.20", 5432, 3), Call("2001:db8:51::20", 5432, 4)),
        (Pool("198.51.100.20", 5432, 1, 0.3), Pool("2001:db8:51::20", 5432, 1, 0.3)),
    ),
    Caller(
        "backup",
        (Call("198.51.100.90", 22, 6), Call("2001:db8:51::90", 873, 1.2), Call("198.19.5.5", 443, 2.5)),
        (Pool("2001:db8:51::90", 873, 1, 0.2), Pool("198.19.21.8", 443, 1, 2)),
    ),
    Caller(
        "systemd-resolve",
        (Call("192.0.2.53", 53, 1), Call("2001:db8::53", 53, 1.5), Call("203.0.113.53", 53, 4)),
    ),
    Caller("php-fpm", (Call("198.51.100.40", 3306, 2.5), Call("2001:db8:51::40", 3306, 4))),
    Caller("apt", (Call("2001:db8:dead::1", 80, 7), Call("2001:db8:f::f", 80, 15))),
    Caller("ssh", (Call("198.51.100.66", 22, 8),)),
)

SERVERS = (Server("nginx", (80, 443)), Server("postgres", (5432,)), Server("sshd", (22,)))

CLOSED_PORT = 23

VISITS = (
    Visit(Client("192.0.2.77"), 443, 0.5, _around("192.0.2.77", 0.3)),
    Visit(Client("192.0.2.78"), 5432, 1, _around("192.0.2.78", 0.6)),
    Visit(Client("198.51.100.150"), 22, 5, _around("198.51.100.150", 9)),
    Visit(Client("203.0.113.130"), 443, 1, _around("203.0.113.130", 35)),
    Visit(Client("198.18.40.4"), 443, 2, _around("198.18.40.4", 190)),
    Visit(Client("2001:db8:cafe::5"), 443, 1.5, _around("2001:db8:cafe::5", 80)),
    Visit(Client("2001:db8:1:2::9"), 80, 3, _around("2001:db8:1:2::9", 140, spread=0.2)),
    Visit(Client("198.19.3.3", 0.055, lost_syn_acks=1), 443, 6),
    Visit(Client("198.19.66.6", acks=False), 80, 12),
    Visit(Client("203.0.113.66", 0.1), CLOSED_PORT, 4),
)

SCENE = Scene(
    hosts=(
        *_hosts(NEAR_MS, spread=0.15),
        *_hosts(REGIONAL_MS, spread=0.05),
        *_hosts(FAR_MS, spread=0.08),
        *(TWO_PATHS, LOSSY, LOSSY_WITHOUT_TIMESTAMPS, *REFUSING, *UNREACHABLE, *SILENT),
    ),
    callers=CALLERS,
    servers=SERVERS,
    visits=VISITS,
    spells=(Spell(TIRED, first_s=40, lasts_s=60, every_s=160),),
)
