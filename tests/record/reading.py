"""What a recording holds, read as a reader would."""

from __future__ import annotations

from pathlib import Path

from bpf.compression import DecompressedReader

NAMES = ["trace.jsonl", "trace.jsonl.gz", "trace.jsonl.zst"]
HEADER = '{"type":"recording"}\n'


def header() -> str:
    return HEADER


def lost_line(wall_ns: int, handshakes: int) -> str:
    return f'{{"type":"lost","time":{wall_ns},"handshakes":{handshakes}}}\n'


def read(path: Path) -> tuple[list[str], str]:
    """Its lines but for the header, and what is wrong with it."""
    with DecompressedReader(path.open("rb")) as stream:
        lines = stream.read().decode().splitlines(keepends=True)
        trouble = stream.trouble
    assert lines and lines.pop(0) == HEADER
    return lines, trouble


def line(number: int) -> str:
    return f'{{"type":"handshake","n":{number},"hash":{hash(number * 7919) % 999983}}}\n'
