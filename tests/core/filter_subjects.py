"""What filters are tried on: rows as plain values, and a dozen of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from bpf.event import address_bytes
from tests.core.handshakes import MS, S


@dataclass(frozen=True)
class Row:
    """A `Subject` that says what it is given."""

    address: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    label: dict[str, tuple[str, ...]] = field(default_factory=dict)
    number: dict[str, frozenset[int]] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)

    def texts(self) -> Collection[str]:
        searched = [self.label.get(each, ()) for each in ("service", "proc")]
        return (*self.address, *self.host, *(text for texts in searched for text in texts))

    def addresses(self) -> Collection[bytes]:
        return tuple(map(address_bytes, self.address))

    def labels(self, id_: str) -> Collection[str]:
        return (*self.address, *self.host) if id_ == "host" else self.label.get(id_, ())

    def numbers(self, id_: str) -> frozenset[int]:
        return self.number.get(id_, frozenset())

    def figure(self, id_: str) -> float | None:
        return self.figures.get(id_)


def _row(
    address: str,
    host: str = "",
    ports: tuple[int, ...] = (),
    dirs: tuple[str, ...] = ("out",),
    **more: str | float,
) -> Row:
    texts = {id_.rstrip("_"): (each,) for id_, each in more.items() if isinstance(each, str)}
    figures = {id_: each for id_, each in more.items() if isinstance(each, int | float)}
    pids = {int(figures.pop("pid"))} if "pid" in figures else set()
    return Row(
        address=(address,),
        host=(host,) if host else (),
        label={"dir": dirs, **texts},
        number={"port": frozenset(ports), "pid": frozenset(pids)},
        figures=figures,
    )


ROWS: dict[str, Row] = {
    "web": _row(
        "142.250.180.3",
        "www.example.org",
        (443, 80),
        service="https",
        proc="curl",
        pid=812,
        p95=12 * MS,
        count=100,
    ),
    "slow": _row(
        "203.0.113.9", "slow.example.net", (443,), proc="Curl-Main", p95=90 * MS, count=20, max=2 * S
    ),
    "few": _row("203.0.113.10", ports=(8443,), p95=81 * MS, count=19),
    "lan": _row(
        "10.1.2.3", "sql", (5432,), proc="postgres", unit="api.service", p95=500_000, count=5000, rate=2.5
    ),
    "vpn": _row("10.200.0.1", "gw", (22,), dirs=("in",), p95=85 * MS, count=30, if_="wg0"),
    "both": _row("198.51.100.7", "peer", (53, 179), dirs=("in", "out"), retx=3, count=1, if_="eth0"),
    "six": _row("2001:db8::1", "six.example.org", (443,), p95=80 * MS, count=20, if_="eth0"),
    "six10": _row("2001:db8::10", ports=(80,), count=2, p50=1500, min=900),
    "link": _row("fe80::1", ports=(179,), dirs=("in",), if_="eth01"),
    "dead": _row("192.0.2.1", 'a "b" (c)', (9,), fail=4, refused=4, count=0, age=90 * S),
    "silent": _row("192.0.2.2", "or", (9,), fail=2, unanswered=1, unreachable=1, count=0, age=10 * S),
    "none": Row(),
}


def matching(names: str) -> set[str]:
    """Names of rows; "all" and "-" for the others: `- web` is all but that."""
    words = names.split()
    if words[:1] == ["all"]:
        return set(ROWS)
    return set(ROWS) - set(words[1:]) if words[:1] == ["-"] else set(words)
