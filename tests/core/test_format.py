"""Figures as text: never too wide, never rounded wrongly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.event import printable
from tui.core.baseline import Change
from tui.core.format import (
    ASCII,
    CHANGE_WIDTH,
    COUNT_WIDTH,
    DURATION_WIDTH,
    FAILURES_WIDTH,
    UNICODE,
    Glyphs,
    age_text,
    bytes_text,
    change_text,
    count_text,
    duration_text,
    failures_text,
    levels_text,
    rate_text,
    shorten_middle,
)

SIZES = {"ns": 1, "us": 1000, "ms": 10**6, "s": 10**9}
POWERS = {unit: 1000**power for power, unit in enumerate("kMGTPE", 1)}
ANY_SIZE = st.integers(0, 2**64 - 1) | st.integers(0, 63).flatmap(lambda bits: st.integers(0, 2**bits))


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (None, "-"),
        (0, "0ns"),
        (999, "999ns"),
        (1000, "1.00µs"),
        (820_000, "820µs"),
        (4_210_000, "4.21ms"),
        (9_994_999, "9.99ms"),
        (9_995_000, "10.0ms"),
        (45_540_912, "45.5ms"),
        (999_499, "999µs"),
        (999_600, "1.00ms"),
        (1_230_000_000, "1.23s"),
        (12_000_000_000, "12.0s"),
        (999_500_000_000, "1000s"),
        (86_399_000_000_000, "86399s"),
        (86_400_000_000_000, ">1day"),
    ],
)
def test_durations(ns: int | None, text: str) -> None:
    assert duration_text(ns) == text


def test_durations_in_ascii() -> None:
    assert duration_text(820_000, ASCII) == "820us"


@given(ANY_SIZE, st.sampled_from([UNICODE, ASCII]))
def test_a_duration_has_room_and_says_what_it_is(ns: int, glyphs: Glyphs) -> None:
    text = duration_text(ns, glyphs)
    assert len(text) <= DURATION_WIDTH
    if text != ">1day":
        digits = text.rstrip("nµums")
        unit = text[len(digits) :].replace("µ", "u")
        assert abs(Fraction(digits) * SIZES[unit] - ns) * 2 <= last_digit(digits) * SIZES[unit]
        assert digits.startswith("0") is (ns == 0)


@given(ANY_SIZE)
def test_a_count_has_room_and_says_what_it_is(count: int) -> None:
    text = count_text(count)
    assert len(text) <= COUNT_WIDTH
    size = POWERS.get(text[-1], 1)
    digits = text.rstrip("kMGTPE").replace(",", "")
    assert abs(Fraction(digits) * size - count) * 2 <= last_digit(digits) * size


def last_digit(digits: str) -> Fraction:
    """What one more in the last digit is worth."""
    return Fraction(1, 10 ** len(digits.partition(".")[2]))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (1234, "1,234"),
        (9999, "9,999"),
        (10_000, "10.0k"),
        (12_345, "12.3k"),
        (999_499, "999k"),
        (999_500, "1.00M"),
        (4_560_000, "4.56M"),
        (10**21, ">999E"),
    ],
)
def test_counts(count: int, text: str) -> None:
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (0, "0"),
        (0.001, "<0.01"),
        (1 / 60, "0.02"),
        (0.2, "0.20"),
        (9.996, "10.0"),
        (125.4, "125"),
        (999.6, "1,000"),
        (1250.4, "1,250"),
        (12_500, "12.5k"),
    ],
)
def test_rates(per_second: float, text: str) -> None:
    assert rate_text(per_second) == text


@given(st.floats(0, 1e15))
def test_a_rate_has_room_and_is_zero_only_when_it_is(per_second: float) -> None:
    text = rate_text(per_second)
    assert len(text) <= COUNT_WIDTH
    assert (text.strip("0.") == "") is (per_second == 0)


def test_levels() -> None:
    assert levels_text(bytes(range(9))) == " ▁▂▃▄▅▆▇█"
    assert levels_text(bytes(range(9)), ASCII) == " .:-=+*#@"


def test_ascii_is_ascii() -> None:
    assert (ASCII.micro + ASCII.ellipsis + "".join(ASCII.levels.values())).isascii()


@given(st.text("0123456789abcdef:", max_size=45), st.integers(3, 45))
def test_shortening_keeps_both_ends(text: str, width: int) -> None:
    short = shorten_middle(text, width)
    assert len(short) == min(len(text), width)
    head, _, tail = short.partition("…")
    assert text.startswith(head)
    assert text.endswith(tail)


def test_shortened_address() -> None:
    assert shorten_middle("2001:db8:1234:5678:9abc:def0:1234:5678", 16) == "2001:db8…34:5678"


@given(ANY_SIZE, st.sampled_from([UNICODE, ASCII]))
def test_failures_have_room_and_cannot_be_taken_for_a_latency(failures: int, glyphs: Glyphs) -> None:
    text = failures_text(failures, glyphs)
    assert len(text) <= FAILURES_WIDTH
    assert text == (glyphs.failure + count_text(failures) if failures else "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.999, "0s"),
        (59.9, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (86_399, "23h"),
        (86_400, "1d"),
        (86_400 * 5000, "999d"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert age_text(int(seconds * 10**9)) == text


@given(ANY_SIZE)
def test_an_age_has_room_and_is_rounded_down(ns: int) -> None:
    text = age_text(ns)
    assert len(text) <= 4
    size = {"s": 1, "m": 60, "h": 3600, "d": 86_400}[text[-1]] * 10**9
    assert int(text[:-1]) * size <= ns
    assert ns < (int(text[:-1]) + 1) * size or text == "999d"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (None, "-"),
        (Change(4_210_000, True), "+4.21ms"),
        (Change(-4_210_000, True), "-4.21ms"),
        (Change(820_000, False), "~+820µs"),
        (Change(0, False), "~+0ns"),
    ],
)
def test_changes(change: Change | None, text: str) -> None:
    assert change_text(change) == text


@given(st.integers(-(2**64), 2**64), st.booleans(), st.sampled_from([UNICODE, ASCII]))
def test_a_change_has_room(ns: int, is_carried: bool, glyphs: Glyphs) -> None:
    text = change_text(Change(ns, is_carried), glyphs)
    assert len(text) <= CHANGE_WIDTH
    assert text.startswith("~") is not is_carried
    assert text.lstrip("~+-") == duration_text(abs(ns), glyphs)


@pytest.mark.parametrize(
    ("per_second", "text"),
    [
        (0, "0 B"),
        (0.4, "0 B"),
        (812, "812 B"),
        (999.4, "999 B"),
        (999.6, "1.00kB"),
        (4210, "4.21kB"),
        (12_000_000, "12.0MB"),
        (999_999_999, "1.00GB"),
        (10**18, ">999TB"),
    ],
)
def test_bytes(per_second: float, text: str) -> None:
    assert bytes_text(per_second) == text


@given(st.floats(0, 1e20))
def test_bytes_have_room(per_second: float) -> None:
    assert len(bytes_text(per_second)) <= 6


def test_what_a_terminal_could_take_for_a_command_is_not_printed() -> None:
    assert printable("\x1b[2Jcurl\n\u202e") == "?[2Jcurl??"
    assert printable("nginx: worker – ü") == "nginx: worker – ü"
