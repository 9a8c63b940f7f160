"""Put mutated packets through the kernel program and the reference matcher; whatever they disagree on is a bug.

`make fuzz ARGS="5000000 --seed 7"`, as root. Prints the seed and the rate; on a disagreement the fewest packets found
that show it, and exits with 1.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from bpf.errors import TcplatError
from bpf.interfaces import Layer
from bpf.packet import IP, SHORTEST_BYTES, ethernet
from bpf.program import Program
from tests.bpf.both import TIMEOUT_NS, Both, Disagreement
from tests.bpf.shapes import shapes

BATCH = 500
LONGEST_BYTES = 1500
NOTABLE = bytes((0, 1, 2, 4, 6, 8, 0x10, 0x11, 0x12, 0x3C, 0x45, 0x60, 0x7F, 0x80, 0xFF))


class Packet(NamedTuple):
    """Bytes that pass an interface."""

    is_ingress: bool
    data: bytes

    def __str__(self) -> str:
        return f"{'in ' if self.is_ingress else 'out'} {self.data.hex()}"


class Finding(NamedTuple):
    """What the two disagree on."""

    layer: Layer
    packets: Sequence[Packet]
    disagreement: Disagreement


Mutation = Callable[[random.Random, bytes, bytes], bytes]


def _place(chance: random.Random, data: bytes) -> int:
    return int(chance.random() * len(data))


def _flip_bit(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    at = _place(chance, data)
    return data[:at] + bytes((data[at] ^ 1 << chance.getrandbits(3),)) + data[at + 1 :]


def _set_byte(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    at = _place(chance, data)
    return data[:at] + chance.choice(NOTABLE).to_bytes(1, "big") + data[at + 1 :]


def _set_word(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    """Lengths, ports, fragment offsets, EtherTypes are 16 bits wide and lie at even offsets."""
    at = _place(chance, data) & ~1
    return data[:at] + chance.getrandbits(chance.choice((4, 8, 16))).to_bytes(2, "big") + data[at + 2 :]


def _cut(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    return data[: _place(chance, data)]


def _drop(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    at = _place(chance, data)
    return data[:at] + data[at + 1 + chance.getrandbits(3) :]


def _insert(chance: random.Random, data: bytes, _other: bytes) -> bytes:
    at = _place(chance, data)
    return data[:at] + chance.randbytes(1 + chance.getrandbits(4)) + data[at:]


def _splice(chance: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: _place(chance, data)] + other[_place(chance, other) :]


def _overlay(chance: random.Random, data: bytes, other: bytes) -> bytes:
    """The other's head, or a part of it, in the same place."""
    begin, end = sorted((_place(chance, data), _place(chance, data)))
    return data[:begin] + other[begin:end] + data[end:]


MUTATIONS: Sequence[Mutation] = (
    _flip_bit, _flip_bit, _set_byte, _set_byte, _set_word, _cut, _drop, _insert, _splice, _overlay
)  # fmt: skip


def templates(layer: Layer) -> list[Packet]:
    """The shapes of a layer; without a link header also those that have one, less that."""
    every = shapes()
    found = [Packet(shape.is_ingress, shape.data) for shape in every if shape.layer is layer]
    if layer is Layer.IP:
        frames = (shape for shape in every if shape.layer is Layer.ETHERNET)
        found += [
            Packet(shape.is_ingress, shape.data[SHORTEST_BYTES:])
            for shape in frames
            if ethernet(shape.data)[0] in IP and len(shape.data) >= 2 * SHORTEST_BYTES
        ]
    return found


def mutated(chance: random.Random, known: Sequence[Packet]) -> Packet:
    """One packet; every third as it is, so that handshakes get on."""
    is_ingress, data = chance.choice(known)
    for _ in range(chance.choice((0, 1, 2, 0, 1, 4))):
        data = chance.choice(MUTATIONS)(chance, data, chance.choice(known).data)
        if len(data) < SHORTEST_BYTES:
            data += chance.randbytes(SHORTEST_BYTES - len(data))
    return Packet(is_ingress ^ (chance.random() < 0.1), data[:LONGEST_BYTES])


def disagreement(both: Both, packets: Sequence[Packet]) -> Disagreement | None:
    """Put the packets through both, from empty tables."""
    both.clear()
    try:
        for is_ingress, data in packets:
            both.carries(data, is_ingress=is_ingress)
        both.check()
        both.check_account()
        both.advance(TIMEOUT_NS)
        both.check_account()
    except Disagreement as found:
        return found
    return None


def fewest(packets: Sequence[Packet], fails: Callable[[Sequence[Packet]], object]) -> Sequence[Packet]:
    """Leave out whatever is not needed for `fails`: ever smaller parts, as long as that gets anywhere."""
    size = len(packets) // 2
    while size:
        begin = 0
        while begin < len(packets):
            fewer = [*packets[:begin], *packets[begin + size :]]
            if fails(fewer):
                packets = fewer
            else:
                begin += size
        size //= 2
    return packets


def batches(count: int, chance: random.Random) -> Iterator[tuple[Layer, list[Packet]]]:
    """So many packets, in batches that each pass one interface."""
    known = {layer: templates(layer) for layer in Layer}
    for begin in range(0, count, BATCH):
        layer = chance.choice(list(Layer))
        yield layer, [mutated(chance, known[layer]) for _ in range(min(BATCH, count - begin))]


def fuzz(program: Program, count: int, seed: int) -> Finding | None:
    """Look for a disagreement among so many packets."""
    with Both(program, Layer.ETHERNET) as frames, Both(program, Layer.IP) as bare:
        devices = {Layer.ETHERNET: frames, Layer.IP: bare}
        for layer, packets in batches(count, random.Random(seed)):
            both = devices[layer]
            found = disagreement(both, packets)
            if found:
                few = fewest(packets, partial(disagreement, both))
                return Finding(layer, few, disagreement(both, few) or found)
    return None


def main() -> int:
    """Fuzz as the arguments say; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packets", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    arguments = parser.parse_args()
    print(f"{arguments.packets} packets, --seed {arguments.seed}", flush=True)
    begin_s = time.monotonic()
    with Program(TIMEOUT_NS) as program:
        finding = fuzz(program, arguments.packets, arguments.seed)
    if finding:
        print(
            f"the two disagree on {finding.layer.value}: {finding.disagreement}", *finding.packets, sep="\n"
        )
        return 1
    print(f"no disagreement, {arguments.packets / (time.monotonic() - begin_s):.0f} packets/s")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TcplatError as error:
        sys.exit(f"fuzz: {error}")
