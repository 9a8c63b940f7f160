"""Many thousand handshakes in a file, read by tcplat and by tshark: every time is the same to the nanosecond."""

from __future__ import annotations

import filecmp
import random
import shutil
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from bpf.captures import Capture
from bpf.event import Outcome, address_text
from bpf.lab.packets import ACK, RST, SYN
from tests.bpf.containers import Pcapng, S, pcap
from tests.rounds import rounds

HANDSHAKES = rounds(20_000, 100_000)
BEGAN_NS = 1_700_000_000 * S
PATIENCE_S = 120
FIELDS = (
    "tcp.stream",
    "frame.time_epoch",
    "ip.src",
    "ipv6.src",
    "tcp.srcport",
    "ip.dst",
    "ipv6.dst",
    "tcp.dstport",
    "tcp.flags",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "tcp.analysis.ack_rtt",
)

Ends = tuple[str, int, str, int]
"""Who sent the SYN, to whom: address and port each."""


class Finding(NamedTuple):
    """What is said of a handshake. 0 ns: nothing."""

    outcome: Outcome
    latency_ns: int
    connect_ns: int


class Connection(NamedTuple):
    """Ends of one, and how it writes."""

    client: bytes
    server: bytes
    client_port: int
    server_port: int

    def frame(self, is_ours: bool, flags: int, seq: int, ack: int, stamps: tuple[int, int] | None) -> bytes:
        """An Ethernet frame; checksums are left zero, as offloading leaves them."""
        ends = (self.client, self.server) if is_ours else (self.server, self.client)
        ports = (self.client_port, self.server_port)[:: 1 if is_ours else -1]
        options = struct.pack("!HBBII", 0x0101, 8, 10, *stamps) if stamps else b""
        size = 20 + len(options)
        tcp = struct.pack("!HHIIBBHHH", *ports, seq, ack, size << 2, flags, 64000, 0, 0) + options
        if len(self.client) == 16:
            return bytes(12) + struct.pack("!HIHBB", 0x86DD, 6 << 28, size, 6, 64) + b"".join(ends) + tcp
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 1, 0, 64, 6, 0) + b"".join(ends)
        return bytes(12) + b"\x08\x00" + ip + tcp


def connections(chance: random.Random) -> Iterator[Connection]:
    for number in range(HANDSHAKES):
        server = chance.getrandbits(24).to_bytes(3, "big")
        port = 1024 + number % 60_000
        if chance.random() < 0.3:
            client = bytes.fromhex("fd000000000000000000000000000001")
            yield Connection(
                client, bytes.fromhex("20010db8") + bytes(9) + server, port, 443 + number // 60_000
            )
        else:
            yield Connection(b"\x0a\x00\x00\x01", b"\x64" + server, port, 443 + number // 60_000)


def exchange(chance: random.Random, connection: Connection, at_ns: int) -> list[tuple[int, bytes]]:
    """One handshake: most are answered, some only the second time, some refused, some never."""
    ours, theirs = chance.getrandbits(32), chance.getrandbits(32)
    after = (ours + 1) & 0xFFFFFFFF
    rtt_ns = int(chance.lognormvariate(17, 1)) + 1
    kind = chance.choices(("once", "twice", "refused", "never"), (88, 6, 3, 3))[0]
    has_stamps = chance.random() < 0.7
    sent = [(at_ns, (ours & 0xFFFFFF, 0))]
    if kind in ("twice", "never"):
        sent.append((at_ns + S + chance.randrange(S // 100), ((ours & 0xFFFFFF) + 1000, 0)))
    rows = [
        (time_ns, connection.frame(True, SYN, ours, 0, stamps if has_stamps else None))
        for time_ns, stamps in sent
    ]
    end_ns = sent[-1][0] + rtt_ns
    if kind == "refused":
        rows.append((end_ns, connection.frame(False, RST | ACK, 0, after, None)))
    elif kind != "never":
        echo = chance.choice(sent)[1][0]
        stamps = (theirs & 0xFFFFFF, echo)
        rows.append(
            (end_ns, connection.frame(False, SYN | ACK, theirs, after, stamps if has_stamps else None))
        )
        last = connection.frame(True, ACK, after, (theirs + 1) & 0xFFFFFFFF, None)
        rows.append((end_ns + chance.randrange(1, 100_000), last))
    return rows


def captured(chance: random.Random) -> list[tuple[int, bytes]]:
    """Every frame's time and bytes, in order."""
    rows: list[tuple[int, bytes]] = []
    at_ns = BEGAN_NS
    for connection in connections(chance):
        at_ns += chance.randrange(1, 1_000_000)
        rows += exchange(chance, connection, at_ns)
    rows.sort()
    # So that the last are unanswered too.
    last = Connection(b"\x0a\x00\x00\x01", b"\x64\x00\x00\x01", 1, 2)
    rows.append((rows[-1][0] + 15 * S, last.frame(True, ACK, 1, 1, None)))
    return rows


def seen_by_tcplat(path: Path) -> dict[Ends, Finding]:
    found: dict[Ends, Finding] = {}
    with path.open("rb") as file, Capture(file, path.name) as capture:
        while piece := capture.read():
            for each in piece.handshakes:
                local, remote = address_text(each.local), address_text(each.remote)
                ends = (local, each.local_port, remote, each.remote_port)
                assert ends not in found
                found[ends] = Finding(Outcome(each.outcome), each.latency_ns, each.connect_ns)
        assert not capture.trouble
    return found


class Stream:
    """What tshark printed of a connection."""

    def __init__(self, ends: Ends) -> None:
        self.ends = ends
        self.syns: list[tuple[int, str]] = []
        self.finding = Finding(Outcome.UNANSWERED, 0, 0)
        self.ack_rtt_ns = 0

    def take(self, time_ns: int, flags: int, value: str, echo: str, ack_rtt: str) -> None:
        if flags & SYN and not flags & ACK:
            self.syns.append((time_ns, value))
        elif flags & RST:
            self.finding = Finding(Outcome.REFUSED, 0, 0)
        elif flags & SYN:
            answered = [
                sent_ns for sent_ns, sent in self.syns if len(self.syns) == 1 or (sent and sent == echo)
            ]
            latency_ns = time_ns - answered[0] if answered else 0
            self.finding = Finding(Outcome.ESTABLISHED, latency_ns, time_ns - self.syns[0][0])
            self.ack_rtt_ns = nanoseconds(ack_rtt) if len(self.syns) == 1 else 0


def nanoseconds(decimal: str) -> int:
    whole, _, fraction = decimal.partition(".")
    return int(whole) * S + int(fraction.ljust(9, "0"))


def tshark(captured: Path, printed: Path) -> subprocess.Popen[bytes]:
    """Start it; it prints into a file."""
    words = ["tshark", "-n", "-r", str(captured), "-T", "fields"]
    words += [word for field in FIELDS for word in ("-e", field)]
    with printed.open("wb") as file:
        return subprocess.Popen(words, stdout=file, stderr=subprocess.DEVNULL)


def seen_by_tshark(printed: Path) -> list[Stream]:
    streams: dict[str, Stream] = {}
    for line in printed.read_text().splitlines():
        number, time, *ends, flags, value, echo, ack_rtt = line.split("\t")
        source, source_v6, source_port, destination, destination_v6, destination_port = ends
        if number not in streams:
            client, server = source or source_v6, destination or destination_v6
            streams[number] = Stream((client, int(source_port), server, int(destination_port)))
        streams[number].take(nanoseconds(time), int(flags, 16), value, echo, ack_rtt)
    return [stream for stream in streams.values() if stream.syns]


def blocks(rows: list[tuple[int, bytes]]) -> Iterator[bytes]:
    file = Pcapng()
    file.interface(1, "eth0")
    for time_ns, frame in rows:
        yield file.written
        file.written = b""
        file.enhanced(time_ns, frame)
    yield file.written


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("tshark"), reason="make setup-test installs it")
def test_every_time_is_tsharks(tmp_path: Path) -> None:
    rows = captured(random.Random(2024))
    older, newer, converted, printed = (
        tmp_path / name for name in ("pcap", "pcapng", "converted", "printed")
    )
    older.write_bytes(pcap(rows))
    newer.write_bytes(b"".join(blocks(rows)))
    with tshark(older, printed) as child:
        try:
            ours = seen_by_tcplat(older)
            assert seen_by_tcplat(newer) == ours
            # What tshark says of the one it would say of the other: as its own library reads it, it is the same.
            subprocess.run(["editcap", "-F", "nsecpcap", str(newer), str(converted)], check=True)
            assert filecmp.cmp(converted, older, shallow=False)
            assert child.wait(PATIENCE_S) == 0
        finally:
            child.kill()
    compare(ours, seen_by_tshark(printed))


def compare(ours: dict[Ends, Finding], theirs: list[Stream]) -> None:
    assert len(ours) == len(theirs) == HANDSHAKES
    assert [stream.ends for stream in theirs if ours[stream.ends] != stream.finding] == []
    analysed = [stream for stream in theirs if stream.ack_rtt_ns]
    assert len(analysed) > HANDSHAKES * 0.8
    assert [stream.ends for stream in analysed if ours[stream.ends].latency_ns != stream.ack_rtt_ns] == []
    outcomes = Counter(finding.outcome for finding in ours.values())
    print(outcomes, sum(bool(finding.latency_ns) for finding in ours.values()), "latencies")
    assert (
        min(outcomes[each] for each in (Outcome.ESTABLISHED, Outcome.REFUSED, Outcome.UNANSWERED))
        > HANDSHAKES / 100
    )
