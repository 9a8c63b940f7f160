"""Numbers as they are typed, with their units, and as they are printed."""

from __future__ import annotations

import re

from tui.core.filter.keys import Measure
from tui.core.filter.nodes import Span

_NUMBER = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9}))?([^\W\d_]*|%)")
_DECIMALS = 9


class NotANumber(ValueError):
    """It does not read as a number of that measure."""


class TooGreat(ValueError):
    """It is a number, but no such figure can be."""


class Reversed(ValueError):
    """A range that ends before it begins."""


def number(text: str, measure: Measure, unit: str = "") -> int:
    """Read a number, in the unit it is kept in; `unit` is its unit if it has none of its own.

    Raises NotANumber (also for decimals finer than what is kept) or TooGreat.
    """
    whole, decimals, suffix = _parts(text)
    size = measure.units.get(suffix or unit)
    if size is None:
        raise NotANumber(text)
    value, rest = divmod(int(whole + decimals) * size, int("1" + "0" * len(decimals)))
    if rest:
        raise NotANumber(text)
    if value > measure.greatest:
        raise TooGreat(text)
    return value


def span(text: str, measure: Measure) -> Span:
    """Read a number or a range, `80-120ms` for one: a bound without a unit has the other's."""
    low, dash, high = text.partition("-")
    if not dash:
        value = number(low, measure)
        return Span(value, value)
    units = _parts(low)[2], _parts(high)[2]
    first, last = number(low, measure, units[1]), number(high, measure, units[0])
    if last < first:
        raise Reversed(f"{high}-{low}")
    return Span(first, last)


def _parts(text: str) -> tuple[str, str, str]:
    found = _NUMBER.fullmatch(text)
    if not found:
        raise NotANumber(text)
    whole, decimals, suffix = found.groups(default="")
    return whole, decimals, suffix


def number_text(value: int, measure: Measure) -> str:
    """Write it in the largest unit that is not more than it and leaves nine decimals at most."""
    smallest = measure.printed[-1]
    for suffix in measure.printed:
        size = measure.units[suffix]
        billionths, rest = divmod(value * 10**_DECIMALS, size)
        if not rest and (size <= value or suffix == smallest):
            whole, decimals = divmod(billionths, 10**_DECIMALS)
            return f"{whole}.{decimals:0{_DECIMALS}}".rstrip("0").rstrip(".") + suffix
    raise ValueError(f"{value} cannot be written")  # a smallest unit that is not at most a billion kept ones


def span_text(span: Span, measure: Measure) -> str:
    """Write a number, or a range with the unit at both ends."""
    low = number_text(span.low, measure)
    return low if span.low == span.high else f"{low}-{number_text(span.high, measure)}"
