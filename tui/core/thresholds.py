"""Thresholds: from where on a latency is worth a warning, or bad."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Thresholds:
    """None: there is no such threshold."""

    warn_ns: float | None = None
    bad_ns: float | None = None

    def level_of(self, latency_ns: float | None) -> str:
        """`bad`, `warn`, or nothing."""
        if latency_ns is None:
            return ""
        if self.bad_ns is not None and latency_ns >= self.bad_ns:
            return "bad"
        return "warn" if self.warn_ns is not None and latency_ns >= self.warn_ns else ""


NO_THRESHOLDS = Thresholds()
