"""The `--log` format: a line a handshake, as a person greps it. Source is the host that answered, or should have."""

from __future__ import annotations

from functools import lru_cache

from bpf.event import Direction, Flow, Handshake, Outcome, address_text
from bpf.source import Account, Names

_MATCHED = ("SYN/SYN-ACK", "SYN-ACK/ACK")
"""By direction."""
_ESTABLISHED = int(Outcome.ESTABLISHED)
_FAILED = {
    Outcome.REFUSED: "Refused",
    Outcome.UNREACHABLE: "Unreachable",
    Outcome.UNANSWERED: "Unanswered",
}
_address = lru_cache(maxsize=65536)(address_text)

_UNITS = (("s", 9, 10**9), ("ms", 6, 10**6), ("µs", 3, 10**3))
"""With so many digits after the point, and so many nanoseconds."""


def handshake_line(handshake: Handshake, names: Names, wall_offset_ns: int) -> str:
    """Write a handshake; interface and time are not part of this format."""
    del names, wall_offset_ns
    source, destination = _address(handshake.remote), _address(handshake.local)
    if handshake.outcome != _ESTABLISHED:
        what = _FAILED[Outcome(handshake.outcome)]
        direction = Direction(handshake.direction).name.lower()
        return f"{what} {direction} SYN, Source: {source}, Destination: {destination}\n"
    latency = duration_text(handshake.latency_ns) if handshake.latency_ns else "unknown (retransmitted)"
    what = _MATCHED[handshake.direction]
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
    for unit, digits, unit_ns in _UNITS:
        if duration_ns >= unit_ns:
            whole, rest = divmod(duration_ns, unit_ns)
            fraction = f"{rest:0{digits}d}".rstrip("0")
            return f"{whole}.{fraction}{unit}" if fraction else f"{whole}{unit}"
    return f"{duration_ns}ns"
