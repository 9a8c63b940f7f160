"""Baselines: how much a quantile has changed since a mark, and whether there are enough handshakes to say so."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, sqrt

from tui.core.figures import Figures

_DEVIATIONS = 1.96
"""Of the normal distribution: 95 of 100 lie within."""


@dataclass(frozen=True, slots=True)
class Change:
    """Of a quantile of the latency."""

    ns: int
    """What it is now less what it was."""
    is_carried: bool
    """Whether chance is an unlikely reason: the two 95% confidence intervals do not touch."""


def change(before: Figures, since: Figures, q: float) -> Change | None:
    """How the quantile `q` of handshakes since a mark differs from that before; None: one of the two has none."""
    was_ns, is_ns = before.quantile_ns(q), since.quantile_ns(q)
    if was_ns is None or is_ns is None:
        return None
    was, now = interval_ns(before, q), interval_ns(since, q)
    is_carried = bool(was and now and (was[1] < now[0] or now[1] < was[0]))
    return Change(is_ns - was_ns, is_carried)


def interval_ns(figures: Figures, q: float) -> tuple[int, int] | None:
    """Between which latencies the true quantile lies, with a confidence of 95%; None: there are too few to say.

    By order statistics, which need no assumption about the distribution: how many of n latencies lie below the true
    quantile is binomial, here taken as normal (H. A. David, Order Statistics, on distribution-free intervals).
    """
    n = figures.latencies
    spread = _DEVIATIONS * sqrt(n * q * (1 - q))
    low, high = floor(n * q - spread), ceil(n * q + spread) + 1
    if low < 1 or high > n:
        return None
    return figures.rank_ns(low), figures.rank_ns(high)
