"""The table of packet shapes, tests/scenarios/packets/shapes.txt, whose head says what its columns are."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from bpf.interfaces import Layer

_TABLE = Path(__file__).resolve().parents[1] / "scenarios" / "packets" / "shapes.txt"


class Shape(NamedTuple):
    """A packet, and what is to be made of it."""

    name: str
    layer: Layer
    is_ingress: bool
    verdict: str
    data: bytes


def shapes() -> list[Shape]:
    """Read the table."""
    lines = (line for line in _TABLE.read_text().splitlines() if line and not line.startswith("#"))
    return [
        Shape(name, Layer(layer), way == "in", verdict, bytes.fromhex(data))
        for name, layer, way, verdict, data in map(str.split, lines)
    ]
