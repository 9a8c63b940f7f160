"""What `Figures` say, from the definitions: of all latencies and handshakes themselves."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

from bpf.event import Handshake, Outcome
from tui.core.histogram import bucket_of, middle_ns, nearest_rank

Shown = dict[str, Any]


def quantile(latencies: Sequence[int], q: float, is_exact: bool) -> int | None:
    """The nearest rank, as exactly as buckets tell it."""
    if not latencies:
        return None
    rank = nearest_rank(q, len(latencies))
    true = sorted(latencies)[rank - 1]
    near = middle_ns(bucket_of(true))
    if not is_exact:
        return near
    return true if rank in (1, len(latencies)) else min(max(near, min(latencies)), max(latencies))


def jitter(latencies: Sequence[int]) -> int | None:
    """The standard deviation, rounded down."""
    n = len(latencies)
    return isqrt(n * sum(ns * ns for ns in latencies) - sum(latencies) ** 2) // n if n > 1 else None


def timed(latencies: Sequence[int], is_exact: bool) -> Shown:
    """What `Figures` say of latencies; exact extremes and jitter, or those of buckets."""
    middles = latencies if is_exact else [middle_ns(bucket_of(ns)) for ns in latencies]
    return {
        **{f"p{q}": quantile(latencies, q / 100, is_exact) for q in (50, 95, 99)},
        "latencies": len(latencies),
        "min": min(middles, default=None),
        "max": max(middles, default=None),
        "jitter": jitter(middles) if is_exact or len(set(middles)) > 1 else None,
    }


def counted(handshakes: Sequence[Handshake], is_exact: bool) -> Shown:
    """What `Figures` say of handshakes."""
    established = [each for each in handshakes if not each.outcome]
    return timed([each.latency_ns for each in established if each.latency_ns], is_exact) | {
        "count": len(established),
        "fail": len(handshakes) - len(established),
        **{each.name.lower(): sum(each == one.outcome for one in handshakes) for each in Outcome if each},
        "retx": sum(each.retransmits for each in handshakes),
    }
