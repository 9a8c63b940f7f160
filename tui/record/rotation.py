"""Rotation: when a recording begins a new file, and how the older ones are named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from bpf.compression import SUFFIXES

_BYTES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LEAST_BYTES = 4096
KEEP = 8


@dataclass(frozen=True, slots=True)
class Rotation:
    """Begin a new file when one has this size on disk, or this age; keep so many older ones."""

    size_bytes: int | None = None
    age_s: float | None = None
    keep: int = KEEP

    def is_due(self, size_bytes: int, age_s: float) -> bool:
        """Whether a file of this size and age is to be followed by another."""
        is_large = self.size_bytes is not None and size_bytes >= self.size_bytes
        return is_large or (self.age_s is not None and age_s >= self.age_s)


def rotation(text: str, keep: int = KEEP) -> Rotation:
    """Read `64M` (K M G: 1024 bytes and so on) or `1h` (s m h d). Raises ValueError with a text for people."""
    parts = re.fullmatch(r"([0-9]{1,9})([KMGsmhd])", text)
    if not parts or not int(parts[1]):
        raise ValueError(f"{text!r} is neither a size (64M; units K M G) nor an age (1h; units s m h d)")
    number, unit = int(parts[1]), parts[2]
    if unit in _SECONDS:
        return Rotation(age_s=number * _SECONDS[unit], keep=keep)
    size_bytes = number * _BYTES[unit]
    if size_bytes < _LEAST_BYTES:
        raise ValueError(f"{text!r} is too small for a file; at least {_LEAST_BYTES // 1024}K")
    return Rotation(size_bytes=size_bytes, keep=keep)


def older(path: Path, number: int) -> Path:
    """Name the file that many rotations ago: `trace.jsonl.gz`, 2 -> `trace.2.jsonl.gz`."""
    compression = path.suffix if path.suffix in SUFFIXES else ""
    stem = Path(path.name.removesuffix(compression))
    return path.with_name(f"{stem.stem}.{number}{stem.suffix}{compression}")


def shift(path: Path, keep: int) -> None:
    """Rename the file, and the older ones that are in its way, by one; what would be beyond `keep` goes.

    Interrupted or failed it leaves a gap, which the next one fills; nothing else is lost. Raises OSError.
    """
    if not keep:
        path.unlink()
        return
    last = next((n for n in range(1, keep) if not older(path, n).exists()), keep)
    for number in range(last, 1, -1):
        older(path, number - 1).rename(older(path, number))
    path.rename(older(path, 1))
