"""Figures as text of a known greatest width, three significant digits, in Unicode or in ASCII."""

from __future__ import annotations

from dataclasses import dataclass

from tui.core.baseline import Change

NONE = "-"
"""What stands where there is no figure."""

DURATION_WIDTH = 6
COUNT_WIDTH = 5
CHANGE_WIDTH = DURATION_WIDTH + 2
FAILURES_WIDTH = COUNT_WIDTH + 1
_DAY_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters that a terminal without UTF-8 cannot show."""

    micro: str
    ellipsis: str
    levels: dict[int, str]
    """A `str.translate` table: level 0..8 to one character."""
    failure: str
    """Stands before a number of failures, so that it cannot be taken for a figure of latency."""
    sort_marks: tuple[str, str]
    """Beside the title of the sort column: ascending, descending."""


UNICODE = Glyphs("µs", "…", dict(enumerate(" ▁▂▃▄▅▆▇█")), "✗", ("▲", "▼"))
ASCII = Glyphs("us", "~", dict(enumerate(" .:-=+*#@")), "!", ("^", "v"))


def duration_text(ns: int | None, glyphs: Glyphs = UNICODE) -> str:
    """At most 6 characters: "820µs", "4.21ms", "12.0s", then whole seconds, then ">1day"."""
    if ns is None:
        return NONE
    if ns < 1000:
        return f"{ns}ns"
    for size, unit in ((1000, glyphs.micro), (1_000_000, "ms"), (1_000_000_000, "s")):
        digits = _three_digits(ns, size)
        if digits:
            return f"{digits}{unit}"
    return f"{(ns + 500_000_000) // 1_000_000_000}s" if ns < _DAY_NS else ">1day"


def count_text(count: int) -> str:
    """At most 5 characters: "1,234" below 10,000, then "12.3k", "4.56M" and so on."""
    if count < 10_000:
        return f"{count:,}"
    for power, unit in enumerate("kMGTPE", 1):
        digits = _three_digits(count, 1000**power)
        if digits:
            return digits + unit
    return ">999E"


def failures_text(failures: int, glyphs: Glyphs = UNICODE) -> str:
    """At most 6 characters: "✗12"; nothing where there are none, so that those which have some stand out."""
    return glyphs.failure + count_text(failures) if failures else ""


def rate_text(per_second: float) -> str:
    """At most 5 characters: "0", "0.25", "12.5", "125", "1,250", "12.5k"; tiny ones are "<0.01", never "0.00"."""
    if per_second <= 0:
        return "0"
    if per_second < 0.005:
        return "<0.01"
    return _three_digits(round(per_second * 1e6), 1_000_000) or count_text(round(per_second))


def change_text(change: Change | None, glyphs: Glyphs = UNICODE) -> str:
    """At most 8 characters: "+4.21ms"; "~+4.21ms" if the counts do not carry it."""
    if change is None:
        return NONE
    sign = "+" if change.ns >= 0 else "-"
    return f"{'' if change.is_carried else '~'}{sign}{duration_text(abs(change.ns), glyphs)}"


def factor_text(factor: float | None, *, is_marked: bool = False) -> str:
    """At most 6 characters: "1.00x", "12.5x!" if it is marked; never above 999."""
    if factor is None:
        return NONE
    return f"{rate_text(min(factor, 999))}x{'!' if is_marked else ''}"


def percent_text(percent: float | None) -> str:
    """At most 6 characters: "0%", "<0.01%", "12.5%"."""
    return NONE if percent is None else f"{rate_text(percent)}%"


def age_text(ns: int | None) -> str:
    """At most 4 characters: "5s", "12m", "3h", "9d"."""
    if ns is None:
        return NONE
    seconds = ns // 1_000_000_000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{min(seconds // size, 999)}{unit}"
    return f"{seconds}s"


def bytes_text(per_second: float) -> str:
    """At most 6 characters: "0 B", "812 B", "4.21kB", "12.0MB"."""
    if round(per_second) < 1000:
        return f"{round(per_second)} B"
    for power, unit in enumerate(("kB", "MB", "GB", "TB"), 1):
        digits = _three_digits(round(per_second), 1000**power)
        if digits:
            return digits + unit
    return ">999TB"


def levels_text(levels: bytes, glyphs: Glyphs = UNICODE) -> str:
    """A sparkline: one character a slice."""
    return levels.decode("latin-1").translate(glyphs.levels)


def shorten_middle(text: str, width: int, glyphs: Glyphs = UNICODE) -> str:
    """Cut `text` to `width` by leaving out its middle: both ends of an address tell hosts apart."""
    if len(text) <= width:
        return text
    head = width // 2
    return text[:head] + glyphs.ellipsis + text[len(text) - (width - head - 1) :]


def _three_digits(value: int, size: int) -> str | None:
    """`value / size` (>= 0) with three significant digits, or None if that rounds to 1000 or more.

    In whole numbers, rounding half up: so 9.996 becomes "10.0", not "10.00", and 999.6 the next unit's "1.00".
    """
    hundredths = (value * 100 + size // 2) // size
    if hundredths < 1000:
        return f"{hundredths // 100}.{hundredths % 100:02}"
    tenths = (value * 10 + size // 2) // size
    if tenths < 1000:
        return f"{tenths // 10}.{tenths % 10}"
    whole = (value + size // 2) // size
    return str(whole) if whole < 1000 else None
