"""Measure reading captures: `PYTHONPATH=. python tools/bench_read.py [PACKETS]`. Prints, judges nothing.

Packets are a mix: connections to 1,000 hosts, of which some are refused or never answered, and 40 segments in each,
pure ACKs and data, 256 bytes of each packet captured. Each figure is of a process of its own: packets a second on one
core, through the matcher and into the table of hosts, and the most memory it ever held.
"""

from __future__ import annotations

import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bpf.captures import Capture
from tools.bench.handshakes import LABELS
from tui.core.rows import Rows

PACKETS = 1_000_000
LONGER = 4
HOSTS = 1000
SEGMENTS = 40
SNAP_BYTES = 256
S = 1_000_000_000
SYN, RST, ACK = 0x02, 0x04, 0x10
OURS = b"\x0a\x00\x00\x01"

Frame = tuple[int, int, bytes]
"""When, how long it was, and what was captured of it."""


def frame(is_ours: bool, remote: bytes, port: int, flags: int, seq: int, ack: int, data_bytes: int) -> bytes:
    """An Ethernet frame with timestamps, as far as it is captured."""
    ends, ports = ((OURS, remote), (port, 443)) if is_ours else ((remote, OURS), (443, port))
    tcp = struct.pack("!HHIIBBHHH", *ports, seq, ack, 0x80, flags, 500, 0, 0)
    options = struct.pack("!HBBII", 0x0101, 8, 10, seq, ack)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 52 + data_bytes, 1, 0, 64, 6, 0) + b"".join(ends)
    head = bytes(12) + b"\x08\x00" + ip + tcp + options
    return head + bytes(min(data_bytes, SNAP_BYTES - len(head)))


def connection(chance: random.Random, number: int) -> Iterator[tuple[int, bytes]]:
    """How long each frame was, and the frame."""
    remote = b"\x64" + (number * 7919 % HOSTS).to_bytes(3, "big")
    port, seq, ack = 1024 + number % 60_000, chance.getrandbits(31), chance.getrandbits(31)

    def sent(is_ours: bool, flags: int, seq: int, ack: int, data_bytes: int = 0) -> tuple[int, bytes]:
        return 66 + data_bytes, frame(is_ours, remote, port, flags, seq, ack, data_bytes)

    yield sent(True, SYN, seq, 0)
    if number % 50 == 0:
        return
    if number % 50 == 1:
        yield sent(False, RST | ACK, 0, seq + 1)
        return
    yield sent(False, SYN | ACK, ack, seq + 1)
    for segment in range(SEGMENTS):
        if segment % 2:
            yield sent(False, ACK, ack + 1 + segment * 1448, seq + 1, 1448)
        else:
            yield sent(True, ACK, seq + 1, ack + 1 + segment * 1448)


def mixed(packets: int) -> Iterator[Frame]:
    """100,000 packets a second, deterministic."""
    chance = random.Random(1)
    time_ns, left, number = 1_700_000_000 * S, packets, 0
    while left:
        for size, data in connection(chance, number):
            time_ns += chance.randrange(20_000)
            yield time_ns, size, data
            left -= 1
            if not left:
                return
        number += 1


def pcap(frames: Iterator[Frame]) -> Iterator[bytes]:
    """Nanosecond stamps."""
    yield struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, SNAP_BYTES, 1)
    for time_ns, size, data in frames:
        yield struct.pack("<IIII", *divmod(time_ns, S), len(data), size) + data


def pcapng(frames: Iterator[Frame]) -> Iterator[bytes]:
    """Nanosecond stamps; no options, as dumpcap writes them."""
    yield struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    options = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)
    yield struct.pack("<IIHHI", 1, 20 + len(options), 1, 0, SNAP_BYTES) + options
    yield struct.pack("<I", 20 + len(options))
    for time_ns, size, data in frames:
        padding = bytes(-len(data) % 4)
        total = 32 + len(data) + len(padding)
        head = struct.pack("<IIIIIII", 6, total, 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(data), size)
        yield head + data + padding + struct.pack("<I", total)


def read(path: str) -> None:
    """Read a capture as fast as can be; print how fast that was, and the most memory held."""
    model = Rows(0, LABELS)
    handshakes = packets = reached_ns = 0
    began = time.perf_counter()
    with open(path, "rb") as file, Capture(file, path) as capture:
        while piece := capture.read():
            handshakes += len(piece.handshakes)
            model.ingest(piece.handshakes)
            packets = sum(account.packets for account in piece.accounts) or packets
            reached_ns = piece.time_ns
    model.refresh(reached_ns)
    took_s = time.perf_counter() - began
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{packets:10,} packets {handshakes:8,} handshakes {took_s:6.2f} s {packets / took_s:9,.0f} packets/s"
        f" {peak_mib:6.1f} MiB",
        flush=True,
    )


def main(arguments: Sequence[str]) -> None:
    """Write captures, read each."""
    if arguments[:1] == ["--read"]:
        read(arguments[1])
        return
    packets = int(arguments[0]) if arguments else PACKETS
    kinds: Sequence[Callable[[Iterator[Frame]], Iterator[bytes]]] = (pcap, pcapng)
    print(f"Python {sys.version.split()[0]}")
    for kind in kinds:
        for count in (packets // 10, packets, packets * LONGER):
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / kind.__name__
                with path.open("wb") as file:
                    file.writelines(kind(mixed(count)))
                print(f"{kind.__name__:7} {path.stat().st_size / 1e6:6.0f} MB ", end="", flush=True)
                subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
