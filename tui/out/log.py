"""The `--log` format: a line a handshake, as a person greps it. Source is the host that answered, or should have."""

from __future__ import annotations

from bpf.event import Direction, Flow, Handshake, Outcome, address_text
from bpf.source import Account, Names

_MATCHED = {Direction.OUTBOUND: "SYN/SYN-ACK", Direction.INBOUND: "SYN-ACK/ACK"}
_FAILED = {
    Outcome.REFUSED: "Refused",
    Outcome.UNREACHABLE: "Unreachable",
    Outcome.UNANSWERED: "Unanswered",
}


def handshake_line(handshake: Handshake, names: Names, wall_offset_ns: int) -> str:
    """Write a handshake; interface and time are not part of this format."""
    del names, wall_offset_ns
    source, destination = address_text(handshake.remote), address_text(handshake.local)
    if handshake.outcome != Outcome.ESTABLISHED:
        what = _FAILED[Outcome(handshake.outcome)]
        direction = Direction(handshake.direction).name.lower()
        return f"{what} {direction} SYN, Source: {source}, Destination: {destination}\n"
    latency = duration_text(handshake.latency_ns) if handshake.latency_ns else "unknown (retransmitted)"
    what = _MATCHED[Direction(handshake.direction)]
    return f"Matched {what}, Source: {source}, Destination: {destination}, Latency {latency}\n"


def flow_line(flow: Flow, names: Names, wall_offset_ns: int) -> str:
    """Write nothing: this format has handshakes only."""
    del flow, names, wall_offset_ns
    return ""


def account_line(account: Account, wall_offset_ns: int) -> str:
    """Write nothing: this format has handshakes only."""
    del account, wall_offset_ns
    return ""


def duration_text(duration_ns: int) -> str:
    """Write a duration to the nanosecond in the largest unit that keeps it above 1: `45.540912ms`, `820µs`, `1.5s`."""
    for unit, digits in (("s", 9), ("ms", 6), ("µs", 3)):
        if duration_ns >= 10**digits:
            whole, rest = divmod(duration_ns, 10**digits)
            fraction = f"{rest:0{digits}d}".rstrip("0")
            return f"{whole}.{fraction}{unit}" if fraction else f"{whole}{unit}"
    return f"{duration_ns}ns"
