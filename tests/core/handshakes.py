"""Handshakes for tests, by what matters in them."""

from __future__ import annotations

from bpf.event import Direction, Handshake, Outcome, address_bytes

S = 1_000_000_000
MS = 1_000_000


def handshake(
    address: str,
    time_ns: int,
    latency_ns: int = 0,
    *,
    outcome: Outcome = Outcome.ESTABLISHED,
    retransmits: int = 0,
    ambiguous: bool = False,
) -> Handshake:
    """An outbound handshake to port 443 of `address`; latency 0: it has none."""
    return Handshake(
        time_ns=time_ns,
        latency_ns=latency_ns,
        connect_ns=latency_ns,
        answer_ns=0,
        remote=address_bytes(address),
        local=address_bytes("10.0.2.15"),
        process=bytes(16),
        identity=0,
        cgroup=0,
        ifindex=2,
        pid=0,
        remote_port=443,
        local_port=38450,
        retransmits=retransmits,
        outcome=outcome,
        direction=Direction.OUTBOUND,
        ambiguous=int(ambiguous),
        repeated=0,
    )
