"""Figures, and how they are told: a table for people, JSON for whatever compares runs."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_HEADERS = ("row", "median", "spread", "unit", "target", "", "reference")


@dataclass(frozen=True, slots=True)
class Figure:
    """Something measured, what it should be at most, and what it is to be seen beside."""

    row: str
    unit: str
    samples: Sequence[float]
    reference: str
    """What was measured in the same run to compare with."""
    reference_samples: Sequence[float]
    target: float | None = None
    """The most that the median should be; None: it is told only."""
    details: Mapping[str, Any] | None = None
    """More, for JSON."""

    @property
    def median(self) -> float:
        """Of the samples."""
        return statistics.median(self.samples)

    @property
    def is_met(self) -> bool | None:
        """Whether it is as it should be; None: nobody says how it should be."""
        return None if self.target is None else self.median <= self.target


def spread(samples: Sequence[float]) -> tuple[float, float]:
    """The quartiles; of fewer than four, the extremes."""
    if len(samples) < 4:
        return min(samples), max(samples)
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return low, high


def quantile(samples: Sequence[float], q: float) -> float:
    """By nearest rank."""
    return sorted(samples)[max(0, -int(-q * len(samples) // 1) - 1)]


def table(figures: Sequence[Figure]) -> str:
    """A line a figure, in columns."""
    lines = [_HEADERS, *map(_cells, figures)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(_line(cells, widths) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    adjusted = [
        cell.rjust(width) if place in (1, 4) else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(adjusted).rstrip()


def _cells(figure: Figure) -> tuple[str, ...]:
    low, high = spread(figure.samples)
    reference = ""
    if figure.reference_samples:
        reference = f"{_number(statistics.median(figure.reference_samples))} {figure.reference}"
    return (
        figure.row,
        _number(figure.median),
        f"{_number(low)} to {_number(high)}" if len(figure.samples) > 1 else "",
        figure.unit,
        "" if figure.target is None else _number(figure.target),
        {True: "met", False: "MISSED", None: ""}[figure.is_met],
        reference,
    )


def _number(value: float) -> str:
    """Three digits that mean something, and no more."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if abs(value) >= 0.1 else f"{value:.2g}"


def as_json(facts: Mapping[str, Any], figures: Sequence[Figure]) -> str:
    """Everything, with all samples."""
    told = [
        {
            "row": each.row,
            "unit": each.unit,
            "median": each.median,
            "spread": spread(each.samples),
            "target": each.target,
            "met": each.is_met,
            "reference": each.reference,
            "reference_median": statistics.median(each.reference_samples) if each.reference_samples else None,
            "samples": list(each.samples),
            "reference_samples": list(each.reference_samples),
            "details": each.details or {},
        }
        for each in figures
    ]
    return json.dumps({"machine": facts, "figures": told}, indent=1) + "\n"
