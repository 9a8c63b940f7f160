"""Handshakes and samples for tests, by what matters in them, and what their numbers stand for."""

from __future__ import annotations

from bpf.event import Direction, Flow, Handshake, Outcome, address_bytes

S = 1_000_000_000
MS = 1_000_000
OTHER_PORT = 38450


def handshake(
    address: str,
    time_ns: int,
    latency_ns: int = 0,
    *,
    outcome: Outcome = Outcome.ESTABLISHED,
    retransmits: int = 0,
    ambiguous: bool = False,
    connect_ns: int | None = None,
    port: int = 443,
    process: str = "",
    pid: int = 0,
    cgroup: int = 0,
    direction: Direction = Direction.OUTBOUND,
    ifindex: int = 2,
) -> Handshake:
    """A handshake with `address`, outbound to its port 443; latency 0: it has none. `port`: the one connected to."""
    is_outbound = direction == Direction.OUTBOUND
    return Handshake(
        time_ns=time_ns,
        latency_ns=latency_ns,
        connect_ns=(latency_ns if connect_ns is None else connect_ns) if is_outbound else 0,
        answer_ns=0,
        remote=address_bytes(address),
        local=address_bytes("10.0.2.15"),
        process=process.encode().ljust(16, b"\0"),
        identity=0,
        cgroup=cgroup,
        ifindex=ifindex,
        pid=pid,
        remote_port=port if is_outbound else OTHER_PORT,
        local_port=OTHER_PORT if is_outbound else port,
        retransmits=retransmits,
        outcome=outcome,
        direction=direction,
        ambiguous=int(ambiguous),
        repeated=0,
    )


def flow(
    address: str,
    time_ns: int,
    srtt_ns: int,
    *,
    cookie: int = 1,
    min_rtt_ns: int | None = None,
    segments: int = 0,
    retransmits: int = 0,
    opened_ns: int = 0,
    closing: bool = False,
    port: int = 443,
    other_port: int = OTHER_PORT,
    process: str = "",
    pid: int = 0,
    cgroup: int = 0,
    direction: Direction | None = Direction.OUTBOUND,
    ifindex: int = 2,
) -> Flow:
    """A sample of a connection with `address`. `port`: the one connected to; direction None: theirs is."""
    is_outbound = direction != Direction.INBOUND
    return Flow(
        time_ns=time_ns,
        srtt_ns=srtt_ns,
        min_rtt_ns=srtt_ns if min_rtt_ns is None else min_rtt_ns,
        delivery_rate_bps=0,
        bytes_acked=0,
        bytes_received=0,
        segments=segments,
        retransmits=retransmits,
        remote=address_bytes(address),
        local=address_bytes("10.0.2.15"),
        process=process.encode().ljust(15, b"\0"),
        cookie=cookie,
        cgroup=cgroup,
        ifindex=ifindex,
        pid=pid,
        remote_port=port if is_outbound else other_port,
        local_port=other_port if is_outbound else port,
        direction=direction,
        is_closing=closing,
        opened_ns=opened_ns,
    )


class FakeLabels:
    """`Labels` that know a little."""

    def __init__(self, hosts: dict[str, str] | None = None) -> None:
        self._hosts = {address_bytes(address): name for address, name in (hosts or {}).items()}

    def host(self, remote: bytes) -> str:
        return self._hosts.get(remote, "")

    def service(self, port: int) -> str:
        return {22: "ssh", 443: "https"}.get(port, "")

    def interface(self, ifindex: int) -> str:
        return {2: "eth0", 3: "wg0"}.get(ifindex, "")

    def unit(self, cgroup: int) -> str:
        return {7: "nginx.service"}.get(cgroup, "")
