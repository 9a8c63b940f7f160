"""The `--json` format: names, order and nulls are a contract; whatever a process is called, a line is valid JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.event import Direction, Flow, Handshake, Outcome, address_bytes, address_text
from bpf.source import Account
from tests.tui.played import CGROUP, Played, handshake
from tui.out.jsonl import account_line, flow_line, handshake_line

NAMES = Played()
NOON_NS = int(datetime(2026, 11, 22, 12, tzinfo=timezone.utc).timestamp()) * 10**9
"""2026-11-22T12:00:00Z"""


def u(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


ADDRESSES = st.binary(min_size=16, max_size=16) | st.binary(min_size=4, max_size=4).map(
    lambda four: bytes(10) + b"\xff\xff" + four
)
HANDSHAKES = st.builds(
    Handshake,
    time_ns=u(62),
    latency_ns=u(64),
    connect_ns=u(64),
    answer_ns=u(64),
    remote=ADDRESSES,
    local=ADDRESSES,
    identity=u(64),
    cgroup=u(64),
    ifindex=u(32),
    pid=u(32),
    remote_port=u(16),
    local_port=u(16),
    retransmits=u(16),
    outcome=st.sampled_from(Outcome).map(int),
    direction=st.sampled_from(Direction).map(int),
    ambiguous=st.integers(0, 1),
    repeated=st.integers(0, 1),
    process=st.binary(max_size=15).map(lambda name: name.ljust(16, b"\0")),
)


def parsed(line: str) -> dict[str, Any]:
    """The one object in a line, with no name twice."""
    assert line.endswith("\n") and line.count("\n") == 1
    assert line.isascii()
    pairs: list[tuple[str, Any]] = json.loads(line, object_pairs_hook=list)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_handshake_line_is_as_documented() -> None:
    one = handshake("142.250.180.3", 45_540_912, time_ns=123_456_789)
    assert handshake_line(one, NAMES, NOON_NS) == (
        '{"type":"handshake","time":"2026-11-22T12:00:00.123456789Z","interface":"eth0"'
        ',"direction":"outbound","outcome":"established"'
        ',"remote_address":"142.250.180.3","remote_port":443,"local_address":"192.0.2.1","local_port":38450'
        ',"latency_ns":45540912,"connect_ns":45540912,"answer_ns":null,"retransmits":0,"ambiguous":false'
        ',"pid":812,"process":"curl","unit":"cron.service","repeated":false}\n'
    )


def test_flow_line_is_as_documented() -> None:
    one = Flow(
        time_ns=123_456_789,
        srtt_ns=20_500_000,
        min_rtt_ns=19_000_000,
        delivery_rate_bps=0,
        bytes_acked=5001,
        bytes_received=70_000,
        segments=12,
        retransmits=1,
        remote=address_bytes("142.250.180.3"),
        local=address_bytes("192.0.2.1"),
        process=b"curl".ljust(15, b"\0"),
        cookie=4097,
        cgroup=CGROUP,
        ifindex=2,
        pid=812,
        remote_port=443,
        local_port=38450,
        direction=None,
        is_closing=False,
        opened_ns=23_456_789,
        cwnd=10,
    )
    line = flow_line(one, NAMES, NOON_NS)
    assert parsed(line)["direction"] is None
    assert line == (
        '{"type":"flow","time":"2026-11-22T12:00:00.123456789Z","interface":"eth0","direction":null'
        ',"remote_address":"142.250.180.3","remote_port":443,"local_address":"192.0.2.1","local_port":38450'
        ',"cookie":4097,"srtt_ns":20500000,"min_rtt_ns":19000000,"segments":12,"retransmits":1'
        ',"delivery_rate_bps":null,"bytes_acked":5001,"bytes_received":70000,"cwnd":10,"age_ns":100000000'
        ',"closing":false,"forwarded":false'
        ',"pid":812,"process":"curl","unit":"cron.service"}\n'
    )
    assert parsed(flow_line(one._replace(direction=Direction.INBOUND), NAMES, 0))["direction"] == "inbound"
    assert parsed(flow_line(one._replace(opened_ns=0), NAMES, 0))["age_ns"] is None


def test_of_a_forwarded_connection_only_round_trips_are_known() -> None:
    one = Flow(
        time_ns=1,
        srtt_ns=20_500_000,
        min_rtt_ns=19_000_000,
        delivery_rate_bps=0,
        bytes_acked=0,
        bytes_received=0,
        segments=0,
        retransmits=0,
        remote=address_bytes("142.250.180.3"),
        local=address_bytes("192.0.2.1"),
        process=b"",
        cookie=1 << 63,
        cgroup=0,
        ifindex=2,
        pid=0,
        remote_port=443,
        local_port=38450,
        direction=None,
        is_closing=False,
        is_forwarded=True,
    )
    line = parsed(flow_line(one, NAMES, NOON_NS))
    unknown = (
        "segments",
        "retransmits",
        "delivery_rate_bps",
        "bytes_acked",
        "bytes_received",
        "cwnd",
        "age_ns",
    )
    assert [line[name] for name in unknown] == [None] * len(unknown)
    assert (line["forwarded"], line["srtt_ns"], line["cookie"]) == (True, 20_500_000, 1 << 63)


def test_probe_line_begins_as_documented_and_holds_the_whole_account() -> None:
    account = Account(
        "eth0",
        "tcx",
        established=120,
        refused=1,
        unreachable=2,
        unanswered=3,
        ambiguous=4,
        events_lost=5,
        pending_full=6,
        syns=140,
        run_time_ns=7,
        read_ns=8,
    )
    line = account_line(account, NOON_NS)
    assert line.startswith(
        '{"type":"probe","time":"2026-11-22T12:00:00.000000008Z","interface":"eth0","attach":"tcx","established":120,"refused":1,"unreachable":2'
        ',"unanswered":3,"ambiguous":4,"events_lost":5,"pending_full":6,"syns":140'
    )
    fields = parsed(line)
    del fields["time"]
    assert {**fields, "read_ns": 8} == {"type": "probe", **asdict(account)}


def test_there_is_null_where_there_is_no_figure() -> None:
    line = parsed(handshake_line(handshake("2001:db8:1::7", direction=Direction.INBOUND), NAMES, 0))
    assert line["direction"] == "inbound"
    assert (line["remote_address"], line["local_address"]) == ("2001:db8:1::7", "2001:db8::1")
    assert (line["latency_ns"], line["connect_ns"], line["answer_ns"]) == (5_000_000, None, 20_000)
    assert (line["pid"], line["process"]) == (None, None)


def test_ambiguous_keeps_what_the_application_waited() -> None:
    line = parsed(handshake_line(handshake(ambiguous=True, retransmits=2), NAMES, 0))
    assert (line["latency_ns"], line["connect_ns"]) == (None, 5_000_000)
    assert (line["retransmits"], line["ambiguous"]) == (2, True)


@pytest.mark.parametrize("outcome", Outcome)
def test_outcome_is_named(outcome: Outcome) -> None:
    line = parsed(handshake_line(handshake(outcome=outcome), NAMES, 0))
    assert line["outcome"] == outcome.name.lower()


@pytest.mark.parametrize(
    ("wall_ns", "time"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (NOON_NS - 1, "2026-11-22T11:59:59.999999999Z"),
        (NOON_NS + 1, "2026-11-22T12:00:00.000000001Z"),
    ],
)
def test_time_is_utc_to_the_nanosecond(wall_ns: int, time: str) -> None:
    for monotonic_ns in (0, 7):
        line = handshake_line(handshake(time_ns=monotonic_ns), NAMES, wall_ns - monotonic_ns)
        assert parsed(line)["time"] == time


@pytest.mark.parametrize(
    ("process", "text"),
    [
        (b'say "hi"\\', 'say "hi"\\'),
        (b'","pid":1,"x":"', '","pid":1,"x":"'),
        (b"two\nlines\r\x1b[31m", "two\nlines\r\x1b[31m"),
        ("naïve-日本".encode(), "naïve-日本"),
        (b"cut \xe6\x97", "cut \N{REPLACEMENT CHARACTER}"),
        (b"ends here\0junk", "ends here"),
        (b"", None),
    ],
)
def test_process_name_cannot_break_the_line(process: bytes, text: str | None) -> None:
    line = parsed(handshake_line(handshake(process=process), NAMES, 0))
    assert (line["process"], line["pid"]) == (text, 812)


@pytest.mark.parametrize("interface", ['q"uote', "back\\slash", "日本", "latin1-\udce9"])
def test_interface_name_cannot_break_the_line(interface: str) -> None:
    assert parsed(handshake_line(handshake(), Played(interface=interface), 0))["interface"] == interface
    assert parsed(account_line(Account(interface, "tcx"), 0))["interface"] == interface


@given(HANDSHAKES, u(62))
def test_every_line_gives_the_values_back(one: Handshake, wall_offset_ns: int) -> None:
    line = parsed(handshake_line(one, NAMES, wall_offset_ns))
    for name in ("latency_ns", "connect_ns", "answer_ns", "pid"):
        assert line[name] == (getattr(one, name) or None)
    for name in ("remote_port", "local_port", "retransmits", "ambiguous"):
        assert line[name] == getattr(one, name)
    assert line["direction"] == Direction(one.direction).name.lower()
    assert line["outcome"] == Outcome(one.outcome).name.lower()
    for address, text in ((one.remote, line["remote_address"]), (one.local, line["local_address"])):
        assert text == address_text(address)
        assert address_bytes(text) == address
    name = one.process.partition(b"\0")[0].decode(errors="replace")
    assert line["process"] == (name or None)
    second, fraction = line["time"].rstrip("Z").split(".")
    seconds = datetime.fromisoformat(second + "+00:00").timestamp()
    assert int(seconds) * 10**9 + int(fraction) == one.time_ns + wall_offset_ns
