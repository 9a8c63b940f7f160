"""The `--log` format, as the first program printed it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.event import Direction, Outcome
from bpf.source import Account
from tests.tui.played import Played, handshake
from tui.out.log import account_line, duration_text, handshake_line

UNIT_NS = {"ns": 1, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


def test_line_is_the_first_programs() -> None:
    line = handshake_line(handshake("216.58.204.67", 45_540_912), Played(), 0)
    assert line == (
        "Matched SYN/SYN-ACK, Source: 216.58.204.67, Destination: 192.0.2.1, Latency 45.540912ms\n"
    )


def test_inbound_is_matched_by_another_pair_of_segments() -> None:
    inbound = handshake("2001:db8:1:0:0::9", 1_500, direction=Direction.INBOUND)
    assert handshake_line(inbound, Played(), 0) == (
        "Matched SYN-ACK/ACK, Source: 2001:db8:1::9, Destination: 2001:db8::1, Latency 1.5µs\n"
    )


def test_ambiguous_latency_is_not_guessed() -> None:
    line = handshake_line(handshake(ambiguous=True, retransmits=1), Played(), 0)
    assert line.endswith(", Latency unknown (retransmitted)\n")


@pytest.mark.parametrize(
    ("outcome", "direction", "beginning"),
    [
        (Outcome.REFUSED, Direction.OUTBOUND, "Refused outbound SYN"),
        (Outcome.UNREACHABLE, Direction.OUTBOUND, "Unreachable outbound SYN"),
        (Outcome.UNANSWERED, Direction.INBOUND, "Unanswered inbound SYN"),
    ],
)
def test_failure_is_told_without_latency(outcome: Outcome, direction: Direction, beginning: str) -> None:
    line = handshake_line(handshake("198.18.0.1", 0, outcome=outcome, direction=direction), Played(), 0)
    assert line == f"{beginning}, Source: 198.18.0.1, Destination: 192.0.2.1\n"


def test_there_is_no_line_for_the_probe() -> None:
    assert account_line(Account("eth0", "tcx", established=3), 0) == ""


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (1, "1ns"),
        (999, "999ns"),
        (1_000, "1µs"),
        (820_000, "820µs"),
        (999_999, "999.999µs"),
        (1_000_000, "1ms"),
        (45_540_912, "45.540912ms"),
        (999_999_999, "999.999999ms"),
        (1_000_000_000, "1s"),
        (1_500_000_000, "1.5s"),
        (61_000_000_001, "61.000000001s"),
    ],
)
def test_duration(duration_ns: int, text: str) -> None:
    assert duration_text(duration_ns) == text


@given(st.integers(1, 10**13))
def test_duration_loses_nothing(duration_ns: int) -> None:
    text = duration_text(duration_ns)
    number = text.rstrip("nµms")
    whole, _, fraction = number.partition(".")
    unit_ns = UNIT_NS[text[len(number) :]]
    assert int(whole) * unit_ns + int((fraction or "0").ljust(9, "0")) * unit_ns // 10**9 == duration_ns
