"""Recordings: what is written is read back to the byte, and what is damaged is skipped and said."""

from __future__ import annotations

import errno
import io
import json
import os
import threading
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.errors import UnreadableFile
from bpf.event import Direction, Flow, Handshake, Outcome
from bpf.recording import VERSION, Recording
from bpf.source import Account
from bpf.tape import Piece
from tui.out.jsonl import account_line, flow_line, handshake_line, header_line, lost_line

NOON_NS = 1_795_348_800_000_000_000


class Names:
    """Names for a few numbers."""

    def __init__(self, interface: str = "eth0", unit: str = "cron.service") -> None:
        self.interface, self.unit = interface, unit

    def name_of(self, ifindex: int) -> str:
        return self.interface

    def unit_of(self, cgroup: int) -> str:
        return self.unit if cgroup else ""


def read(text: str | bytes) -> tuple[list[Piece], Recording]:
    data = text if isinstance(text, bytes) else text.encode()
    with Recording(io.BufferedReader(io.BytesIO(data)), "it") as recording:
        pieces = []
        while piece := recording.read():
            pieces.append(piece)
        return pieces, recording


def rewritten(text: str | bytes) -> str:
    """Read lines, and write them again."""
    pieces, recording = read(text)
    lines = []
    for piece in pieces:
        lines += [handshake_line(each, recording, 0) for each in piece.handshakes]
        lines += [flow_line(each, recording, 0) for each in piece.flows]
        lines += [account_line(each, 0) for each in piece.accounts]
    return "".join(lines)


_u64, _u32, _u16 = (st.integers(0, 2**bits - 1) for bits in (64, 32, 16))
_addresses = st.one_of(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=4, max_size=4).map(lambda v4: bytes(10) + b"\xff\xff" + v4),
)
handshakes = st.builds(
    Handshake,
    time_ns=st.integers(0, 2**40),
    latency_ns=_u64,
    connect_ns=_u64,
    answer_ns=_u64,
    remote=_addresses,
    local=_addresses,
    process=st.binary(max_size=16).map(lambda name: name.ljust(16, b"\0")),
    identity=_u64,
    cgroup=st.integers(0, 1),
    ifindex=st.just(2),
    pid=_u32,
    remote_port=_u16,
    local_port=_u16,
    retransmits=_u16,
    outcome=st.sampled_from(Outcome),
    direction=st.sampled_from(Direction),
    ambiguous=st.integers(0, 1),
    repeated=st.integers(0, 1),
)


def _flow(age_ns: int, **fields: Any) -> Flow:
    return Flow(opened_ns=max(0, fields["time_ns"] - age_ns), **fields)


flows = st.builds(
    _flow,
    age_ns=st.integers(0, 2**41),
    time_ns=st.integers(0, 2**40),
    srtt_ns=_u64,
    min_rtt_ns=_u64,
    delivery_rate_bps=_u64,
    bytes_acked=_u64,
    bytes_received=_u64,
    segments=_u32,
    retransmits=_u32,
    remote=_addresses,
    local=_addresses,
    process=st.binary(max_size=15).map(lambda name: name.ljust(15, b"\0")),
    cookie=_u64,
    cgroup=st.integers(0, 1),
    ifindex=st.just(2),
    pid=_u32,
    remote_port=_u16,
    local_port=_u16,
    direction=st.none() | st.sampled_from(Direction),
    is_closing=st.booleans(),
    cwnd=_u32,
    is_forwarded=st.booleans(),
)
_counts = {each.name: _u32 for each in fields(Account) if each.type == "int"}
accounts = st.builds(
    Account,
    interface=st.text(min_size=1),
    attach=st.sampled_from(["tcx", "clsact", ""]),
    run_time_ns=st.none() | _u64,
    run_count=st.none() | _u64,
    is_gone=st.booleans(),
    trouble=st.text(),
    **_counts,
)


@given(
    st.lists(handshakes | flows | accounts), st.text(min_size=1), st.text(min_size=1), st.integers(0, 2**62)
)
def test_what_is_written_is_read_back_to_the_byte(
    entries: list[Handshake | Flow | Account], interface: str, unit: str, wall_offset_ns: int
) -> None:
    names = Names(interface, unit)
    text = "".join(
        handshake_line(each, names, wall_offset_ns)
        if isinstance(each, Handshake)
        else flow_line(each, names, wall_offset_ns)
        if isinstance(each, Flow)
        else account_line(each, wall_offset_ns)
        for each in entries
    )
    assert rewritten(text) == text


def one(**changes: Any) -> dict[str, Any]:
    """A handshake's line as an object, changed."""
    line: dict[str, Any] = json.loads(handshake_line(HANDSHAKE, Names(), NOON_NS))
    return {**line, **changes}


HANDSHAKE = Handshake(
    1,
    5,
    5,
    0,
    bytes(10) + b"\xff\xff\x01\x02\x03\x04",
    bytes(16),
    b"curl",
    0,
    1,
    2,
    812,
    443,
    38450,
    0,
    0,
    0,
    0,
    0,
)
GOOD = handshake_line(HANDSHAKE, Names(), NOON_NS)
DAMAGED: list[Any] = [
    "not json",
    '{"type":"handshake"}',
    "[]",
    "3",
    "{}",
    '{"type":[]}',
    "\x00\x01",
    "[" * 100_000,
    "1" * 100_000,
    one(latency_ns=-1),
    one(latency_ns=1.5),
    one(latency_ns=True),
    one(latency_ns=10**30),
    one(latency_ns="5"),
    one(remote_port=65536),
    one(remote_address="1.2.3"),
    one(remote_address=7),
    one(outcome="lost"),
    one(outcome=[]),
    one(direction=None),
    one(ambiguous=1),
    one(process=5),
    one(unit="u" * 1025),
    one(remote_address="fe80::1%" + "u" * 100),
    one(time="yesterday"),
    one(time="2026-11-22T12:00:00Z"),
    one(time="2026-13-22T12:00:00.123456789Z"),
    one(time="1926-11-22T12:00:00.123456789Z"),
    one(time="2026-11-22T12:00:00.12345678²Z"),
    one(time=None),
    one(time="9999-12-31T23:59:59.999999999Z"),
    one(time=[*"0" * 19, ".", *"1" * 9, "Z"]),
    {"type": "probe", "time": "2026-11-22T12:00:00.123456789Z"},
    {
        "type": "probe",
        "time": "2026-11-22T12:00:00.123456789Z",
        "interface": "e",
        "attach": "tcx",
        "syns": "x",
    },
    {"type": "probe", "time": "2026-11-22T12:00:00.123456789Z", "interface": "e", "attach": None},
    {"type": "lost", "handshakes": "many"},
    {"type": "recording", "version": "one"},
]


@pytest.mark.parametrize("line", DAMAGED, ids=[str(each)[:40] for each in range(len(DAMAGED))])
def test_damaged_line_is_skipped_counted_and_said(line: Any) -> None:
    text = line if isinstance(line, str) else json.dumps(line)
    pieces, recording = read(GOOD + text + "\n" + GOOD)
    assert sum(len(piece.handshakes) for piece in pieces) == 2
    assert recording.trouble == "1 damaged line skipped"


def test_line_longer_than_any_is_damage_and_takes_no_memory() -> None:
    _, recording = read(GOOD + "x" * (5 << 20) + "\n" + GOOD)
    assert recording.trouble == "1 damaged line skipped"


def test_more_names_than_anybody_has_are_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bpf.recording._NAMES_MAX", 3)
    lines = [json.dumps(one(unit=str(number))) + "\n" for number in range(5)]
    pieces, recording = read("".join(lines + lines[:3]))
    assert sum(len(piece.handshakes) for piece in pieces) == 6
    assert recording.trouble == "2 damaged lines skipped"


def test_every_cut_gives_the_lines_before_it() -> None:
    text = (header_line(NOON_NS, "tcplat 1", "box") + GOOD * 3).encode()
    for length in range(len(text)):
        pieces, recording = read(text[:length])
        count = sum(len(piece.handshakes) for piece in pieces)
        whole = text[:length].count(b'handshake"')
        assert count in (whole, whole - 1)
        is_torn = (
            length and text[length - 1 : length + 1] not in (b"}\n",) and not text[:length].endswith(b"\n")
        )
        assert recording.trouble == ("the last line is torn" if is_torn else ""), length


def test_header_of_a_newer_format_is_told_in_one_line() -> None:
    header = json.loads(header_line(NOON_NS, "tcplat 9.1", "box"))
    with pytest.raises(
        UnreadableFile, match=rf"it was recorded by a newer tcplat 9\.1; .* format {VERSION}, not 2"
    ):
        read(json.dumps({**header, "version": VERSION + 1}) + "\n" + GOOD)


def test_what_a_file_says_of_itself_does_not_steer_the_terminal() -> None:
    header = json.loads(header_line(NOON_NS, "\x1b[2J\nroot#", "box"))
    with pytest.raises(UnreadableFile) as raised:
        read(json.dumps({**header, "version": VERSION + 1}) + "\n")
    assert str(raised.value).startswith("it was recorded by a newer ?[2J?root#; ")


def test_what_a_later_version_adds_is_passed_over() -> None:
    pieces, recording = read(
        json.dumps({"type": "weather", "rain": True}) + "\n" + json.dumps(one(colour="blue")) + "\n"
    )
    assert (len(pieces), recording.trouble) == (1, "")


OLD_FLOW = """{"type":"flow","time":"2026-11-22T12:00:03.000000000Z","interface":"eth0","direction":null,\
"remote_address":"142.250.180.3","remote_port":443,"local_address":"10.0.2.15","local_port":38450,"cookie":4097,\
"srtt_ns":46120000,"min_rtt_ns":44875000,"segments":12,"retransmits":1,"delivery_rate_bps":8124000,\
"bytes_acked":5001,"bytes_received":70000,"closing":false,"pid":812,"process":"curl","unit":"session-3.scope"}
"""


def test_samples_recorded_before_ages_and_windows_were_are_read() -> None:
    pieces, recording = read(OLD_FLOW)
    (flow,) = pieces[0].flows
    assert (flow.srtt_ns, flow.segments, flow.bytes_acked) == (46_120_000, 12, 5001)
    assert (flow.opened_ns, flow.cwnd, flow.is_forwarded) == (0, 0, False)
    assert recording.trouble == ""


@pytest.mark.parametrize("wrong", [{"age_ns": -1}, {"age_ns": 1 << 62}, {"cwnd": 1 << 32}, {"forwarded": 1}])
def test_a_damaged_sample_is_skipped(wrong: dict[str, object]) -> None:
    pieces, recording = read(json.dumps({**json.loads(OLD_FLOW), **wrong}) + "\n")
    assert (pieces, recording.trouble) == ([], "1 damaged line skipped")


def test_losses_are_said() -> None:
    _, recording = read(GOOD + lost_line(NOON_NS, 1200) + lost_line(NOON_NS, 34))
    assert recording.trouble == "1,234 handshakes missing that the disk did not take"


def test_pieces_end_with_accounts_and_time_does_not_go_back() -> None:
    account = account_line(Account("eth0", "tcx", read_ns=5), NOON_NS)
    earlier = handshake_line(HANDSHAKE._replace(time_ns=0), Names(), NOON_NS)
    pieces, recording = read(account + account + GOOD + earlier + account + GOOD)
    assert [(len(piece.handshakes), len(piece.accounts)) for piece in pieces] == [(0, 2), (2, 1), (1, 0)]
    times = [piece.time_ns for piece in pieces]
    assert times == sorted(times) == [NOON_NS + 5] * 3
    assert recording.interfaces == ("eth0",)


def test_pipe_yields_what_is_there() -> None:
    reader, writer = os.pipe()
    with Recording(open(reader, "rb"), "stdin") as recording:
        os.write(writer, GOOD.encode() + b'{"type":"hand')
        piece = recording.read()
        assert piece and len(piece.handshakes) == 1

        def write_rest() -> None:
            os.write(writer, GOOD[13:].encode())
            os.close(writer)

        rest = threading.Timer(0.05, write_rest)
        rest.start()
        piece = recording.read()
        assert piece and len(piece.handshakes) == 1
        assert recording.read() is None
        rest.join()


class Failing(io.RawIOBase):
    """A disk or a connection that fails after some lines."""

    def __init__(self) -> None:
        self._left = [GOOD.encode(), GOOD[:50].encode()]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            raise OSError(errno.EIO, "Input/output error")
        data = self._left.pop(0)
        buffer[: len(data)] = data
        return len(data)


def test_what_was_readable_before_an_error_is_there_and_the_error_is_said() -> None:
    with Recording(io.BufferedReader(Failing()), "it") as recording:
        assert recording.read()
        assert recording.read() is None
        assert recording.trouble == "cannot be read any further: input/output error"
