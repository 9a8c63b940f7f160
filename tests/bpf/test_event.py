"""Records of both kinds, decoded from the bytes that lie in the ring."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

import bpf
from bpf.event import (
    RECORD,
    Direction,
    Flow,
    Handshake,
    Records,
    address_bytes,
    decode,
    values_of,
)

REMOTE, LOCAL = address_bytes("142.250.180.3"), address_bytes("2001:db8::15")
HANDSHAKE = RECORD.pack(1, 2, 3, 0, REMOTE, LOCAL, b"a name of 15 b.", 5, 6, 7, 8, 443, 38450, 1, 0, 1, 0, 0)
CLOSING, FORWARDED, FLOW = 0x04, 0x08, 0x80
TICK_NS = 1 << 26


def flow_record(kind: int, process: bytes = b"a name of 15 b.") -> bytes:
    """As `struct flow` of handshake.bpf.c lies in the ring."""
    head = struct.pack("=QQQQ16s16s15sB", 9, 1 << 40, 1 << 41, 77, REMOTE, LOCAL, process, kind)
    return head + struct.pack("=QIIIIIIIHHII", 6, 7, 812, 20_500, 19_000, 1000, 3, 80_000, 443, 38450, 31, 10)


def test_records_are_of_one_size_and_c_asserts_the_same() -> None:
    assert len(flow_record(FLOW)) == len(HANDSHAKE) == RECORD.size
    source = (Path(bpf.__file__).parent / "handshake.bpf.c").read_text()
    assert re.search(rf"sizeof\(struct event\) == {RECORD.size},", source)
    assert "sizeof(struct flow) == sizeof(struct event)" in source


def test_a_batch_is_split_in_order() -> None:
    handshakes, flows = decode(flow_record(FLOW) + HANDSHAKE + flow_record(FLOW | CLOSING | 1) + HANDSHAKE)
    assert [type(each) for each in handshakes] == [Handshake, Handshake]
    assert handshakes[0] == decode(HANDSHAKE)[0][0]
    assert handshakes[0].process == b"a name of 15 b.\0"
    assert [flow.is_closing for flow in flows] == [False, True]
    assert [flow.direction for flow in flows] == [Direction.OUTBOUND, Direction.INBOUND]
    assert decode(flow_record(FLOW | 2))[1][0].direction is None
    assert decode(flow_record(FLOW | FORWARDED | 2))[1][0].is_forwarded


def test_records_are_a_sequence_of_handshakes_and_never_change() -> None:
    one = decode(HANDSHAKE)[0][0]
    handshakes = [one._replace(time_ns=1 << 63, ifindex=number, cgroup=number << 40) for number in range(5)]
    records = Records.of(handshakes)
    assert (list(records), len(records), records[-1], records[1:3]) == (
        handshakes,
        5,
        handshakes[-1],
        handshakes[1:3],
    )
    assert records[::-2] == handshakes[::-2]
    with pytest.raises(IndexError):
        records[5]
    for name in ("time_ns", "ifindex", "cgroup", "remote_port", "direction"):
        assert values_of(records, name) == values_of(handshakes, name)
    assert records.chosen([1, 0, 0, 1, 0]) == [handshakes[0], handshakes[3]]
    marked = records.marked("repeated", [False, True, False, False, True])
    assert [each.repeated for each in marked] == [0, 1, 0, 0, 1]
    assert records == handshakes


def test_a_sample_has_what_the_program_wrote() -> None:
    (flow,) = decode(flow_record(FLOW))[1]
    assert flow == Flow(
        time_ns=9,
        srtt_ns=20_500_000,
        min_rtt_ns=19_000_000,
        delivery_rate_bps=80_000_000,
        bytes_acked=1 << 40,
        bytes_received=1 << 41,
        segments=1000,
        retransmits=3,
        remote=REMOTE,
        local=LOCAL,
        process=b"a name of 15 b.",
        cookie=77,
        cgroup=6,
        ifindex=7,
        pid=812,
        remote_port=443,
        local_port=38450,
        direction=Direction.OUTBOUND,
        is_closing=False,
        opened_ns=31 * TICK_NS,
        cwnd=10,
        is_forwarded=False,
    )
