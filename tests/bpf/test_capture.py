"""Captures: in whatever file they lie, the same packets give the same handshakes as the matcher told directly."""

from __future__ import annotations

import io

import pytest

from bpf.captures import Capture, is_capture
from bpf.errors import TcplatError
from bpf.event import Direction, Outcome
from bpf.lab.packets import ACK, SYN, Tcp
from bpf.source import Account
from tests.bpf import containers
from tests.bpf.containers import FRAMINGS, INBOUND, OUTBOUND, Framing, Pcapng, S, frames, ng, pcap
from tests.bpf.passing import (
    BEGAN_NS,
    LOCAL,
    MS,
    answered,
    both_ways_series,
    come,
    comparable,
    inbound,
    matched,
    out,
    outbound_series,
)
from tests.bpf.playing import accounts, handshakes, play

MAGICS = (containers.MICROSECOND_MAGIC, containers.NANOSECOND_MAGIC, containers.MODIFIED_MAGIC)
EXPECTED = matched(both_ways_series())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS)
def test_every_link_layer_in_every_container(framing: Framing, order: str) -> None:
    series = both_ways_series()
    written = [
        pcap(frames(series, framing), order=order, magic=magic, link_type=framing.link_type)
        for magic in MAGICS
    ]
    written += [ng(series, framing, order), ng(series, framing, order, resolution=6)]
    for data in written:
        assert is_capture(data[:64])
        pieces, capture = play(data, () if framing.has_direction else LOCAL)
        assert comparable(handshakes(pieces)) == EXPECTED
        assert not capture.trouble
        (account,) = accounts(pieces)
        assert account.attach == "capture"
        assert account.packets == len(series)
        name = (
            "if3"
            if framing.link_type == containers.COOKED_V2
            else "capture"
            if data[0] in b"\xa1\xd4\x4d\x34"
            else "if0"
        )
        assert capture.interfaces == (name,)
        assert {capture.name_of(each.ifindex) for each in handshakes(pieces)} == {name}
        assert capture.unit_of(5) == ""


@pytest.mark.parametrize("link_type", [228, 229])
def test_ip_of_one_version(link_type: int) -> None:
    is_v6 = link_type == 229
    series = answered(0, 1001, 20 * MS, is_v6)
    pieces, _ = play(pcap(frames(series, FRAMINGS["raw"]), link_type=link_type))
    assert comparable(handshakes(pieces)) == matched(series)


def test_frame_check_sequence_bits_are_not_the_link_type() -> None:
    series = answered(0, 1001, 20 * MS)
    pieces, _ = play(pcap(frames(series, FRAMINGS["ethernet"]), link_type=0x2400_0001))
    assert comparable(handshakes(pieces)) == matched(series)


def test_every_kind_of_packet_block() -> None:
    for order in "<>":
        file = Pcapng(order)
        file.interface(101)
        file.block(0x0BAD, bytes(40))
        syn, answer, last = answered(0, 1001, 20 * MS)
        file.enhanced(syn.time_ns, syn.data)
        file.block(5, bytes(12))
        file.obsolete(answer.time_ns, answer.data)
        file.enhanced(last.time_ns, last.data)
        file.simple(out(0, Tcp(1002, 443, SYN, 5)).data)
        file.simple(come(0, Tcp(443, 1002, SYN | ACK, 9, 6)).data)
        pieces, capture = play(file.written)
        timed, untimed = handshakes(pieces)
        assert [timed] == matched([syn, answer, last])
        assert (untimed.outcome, untimed.latency_ns) == (Outcome.ESTABLISHED, 0)
        assert capture.trouble == "2 packets have no time"


def test_snap_length_of_simple_packets() -> None:
    file = Pcapng()
    file.interface(101, snap_bytes=16)
    file.block(3, (60).to_bytes(4, "little") + answered(0, 1001, MS)[0].data[:16])
    pieces, _ = play(file.written)
    assert accounts(pieces)[0].truncated == 1


def test_cut_packets_are_counted() -> None:
    series = answered(0, 1001, 20 * MS)
    cut = [(each.time_ns, each.data[:30]) for each in series]
    pieces, capture = play(pcap(cut, link_type=101))
    assert not handshakes(pieces)
    assert accounts(pieces)[0].truncated == 3
    assert not capture.trouble


def test_sections_and_interfaces_of_their_own() -> None:
    file = Pcapng("<")
    file.interface(1, "eth0")
    file.interface(101, "wg0", resolution=6)
    syn, answer, _ = answered(0, 1001, 20 * MS)
    for each in (syn, answer):
        file.enhanced(each.time_ns, FRAMINGS["ethernet"].frame(each), 0)
        file.enhanced(each.time_ns // 1000 + 7, each.data, 1)
    file.section(">")
    file.interface(113, "eth0", resolution=0x80 | 30)
    for each in answered(S, 1002, 20 * MS):
        file.enhanced((each.time_ns << 30) // S + 1, FRAMINGS["cooked"].frame(each), 0)
    file.enhanced(0, syn.data, 1)
    pieces, capture = play(file.written)
    assert capture.interfaces == ("eth0", "wg0")
    seen = [(capture.name_of(each.ifindex), each.local_port, each.repeated) for each in handshakes(pieces)]
    assert seen == [("eth0", 1001, 0), ("wg0", 1001, 1), ("eth0", 1002, 0)]
    assert abs(handshakes(pieces)[2].latency_ns - 20 * MS) <= 1
    assert [(each.interface, each.established) for each in accounts(pieces)] == [("eth0", 2), ("wg0", 1)]
    assert capture.trouble == "1 packets are of interfaces that are not described"


def test_cooked_frames_name_their_interface() -> None:
    syn, answer, _ = answered(0, 1001, 20 * MS)
    order = [(syn, 0, 5), (syn, 4, 2), (answer, 0, 2), (answer, 4, 5)]
    rows = [
        (each.time_ns + at, containers.cooked_v2(each.data, kind, index))
        for at, (each, kind, index) in enumerate(order)
    ]
    named = Pcapng()
    named.interface(containers.COOKED_V2, "any")
    for row in rows:
        named.enhanced(*row)
    for data in (pcap(rows, link_type=containers.COOKED_V2), named.written):
        pieces, capture = play(data)
        assert capture.interfaces == ("if5", "if2")
        assert [capture.name_of(each.ifindex) for each in handshakes(pieces)] == ["if2"]
        assert [(each.interface, each.syns) for each in accounts(pieces)] == [("if5", 1), ("if2", 1)]


def test_what_the_capture_says_of_a_packets_way_goes_before_addresses() -> None:
    series = inbound(0, 2001, 40 * MS)
    file = Pcapng()
    file.interface(101)
    for number, each in enumerate(series):
        write = file.obsolete if number % 2 else file.enhanced
        write(each.time_ns, each.data, flags=INBOUND if each.is_ingress else OUTBOUND)
    for local in ((), LOCAL):
        assert comparable(handshakes(play(file.written, local)[0])) == matched(series)
    turned = [(each.time_ns, containers.cooked(each.data, 4 if each.is_ingress else 0)) for each in series]
    (event,) = handshakes(play(pcap(turned, link_type=113))[0])
    assert (event.direction, event.latency_ns) == (Direction.OUTBOUND, 2000)


@pytest.mark.parametrize("framing", [FRAMINGS["ethernet"], FRAMINGS["raw"]], ids=["ethernet", "raw"])
def test_without_any_sign_who_sends_the_syn_is_us(framing: Framing) -> None:
    series = sorted([*inbound(0, 2001, 40 * MS), *answered(5 * MS, 1001, 20 * MS), *outbound_series()[9:]])
    data = pcap(frames(series, framing), link_type=framing.link_type)
    everywhere = tuple(type(LOCAL[0])("0.0.0.0/0") for _ in range(1))
    for local in ((), everywhere):
        found = handshakes(play(data, local)[0])
        assert {each.direction for each in found} == {Direction.OUTBOUND}
        assert sum(each.outcome == Outcome.REFUSED for each in found) == 1
        assert sum(each.outcome == Outcome.UNREACHABLE for each in found) == 1
        theirs = next(each for each in found if each.remote_port == 22)
        assert theirs.latency_ns == 2000


def test_loopback_devices_in_cooked_captures_show_each_packet_once_as_if_it_came_in() -> None:
    series = answered(0, 1001, 20 * MS)
    device = containers.LOOPBACK_DEVICE
    for link_type, rows in (
        (113, [(each.time_ns, containers.cooked(each.data, 0, device)) for each in series]),
        (276, [(each.time_ns, containers.cooked_v2(each.data, 0, 1, device)) for each in series]),
    ):
        assert comparable(handshakes(play(pcap(rows, link_type=link_type), ())[0])) == matched(series)


def test_nothing_but_a_header() -> None:
    pieces, capture = play(pcap([]))
    assert handshakes(pieces) == []
    assert accounts(pieces) == [Account("capture", "capture")]
    assert capture.interfaces == ("capture",)
    pieces, capture = play(Pcapng().written)
    assert (pieces, capture.interfaces, capture.trouble) == ([], (), "")


def test_a_link_type_nobody_reads() -> None:
    file = Pcapng()
    file.interface(105, "wlan0")
    series = answered(0, 1001, MS)
    file.enhanced(BEGAN_NS, bytes(50))
    for data in (pcap([], link_type=105), pcap([(0, bytes(50))], link_type=105), file.written):
        with pytest.raises(TcplatError, match=r"^x is of link type 105 \(IEEE 802.11\), which is not read; "):
            Capture(io.BytesIO(data), "x").__enter__()
    file = Pcapng()
    file.interface(105, "wlan0")
    file.interface(101, "tun0")
    for each in series:
        file.enhanced(each.time_ns, each.data, 0)
        file.enhanced(each.time_ns, each.data, 1)
    pieces, capture = play(file.written)
    assert len(handshakes(pieces)) == 1
    assert capture.trouble == "3 packets of link type 105 (IEEE 802.11) are not read"
    wlan, tun = accounts(pieces)
    assert (wlan.attach, wlan.trouble) == ("", "link type 105 (IEEE 802.11) is not read")
    assert tun.established == 1


@pytest.mark.parametrize("data", [b"", b"\xa1", b"hello, world, hello, world", pcap([], version=3)])
def test_no_capture_at_all(data: bytes) -> None:
    stream = io.BytesIO(data)
    with pytest.raises(TcplatError, match=r"^x [^\n]*$"):
        Capture(stream, "x").__enter__()
    assert stream.closed


def test_names_are_text() -> None:
    file = Pcapng()
    file.interface(101, "a\x1b[1m" + "b" * 200)
    _, capture = play(file.written)
    assert capture.interfaces == ("a?[1m" + "b" * 59,)


def test_more_interfaces_than_anybody_has() -> None:
    rows = [(BEGAN_NS, containers.cooked_v2(bytes(20), 0, index)) for index in range(1500)]
    _, capture = play(pcap(rows, link_type=276))
    assert capture.interfaces == (*(f"if{index}" for index in range(1000)), "others")
    file = Pcapng()
    for _ in range(1500):
        file.interface(101)
    before = len(file.written)
    file.interface(101)
    block = file.written[before:]
    file.enhanced(BEGAN_NS, b"", index=1499)
    _, capture = play(file.written)
    assert capture.interfaces == (*(f"if{index}" for index in range(1000)), "others")
    assert capture.trouble == ""
    file.written += block * 65_536
    _, capture = play(file.written)
    assert capture.trouble == "damaged after packet 1: more than 65,536 interfaces"
