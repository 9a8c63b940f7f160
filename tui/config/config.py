"""What the screen starts with, as a person set it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Config:
    """What the screen starts with. Empty or None: nothing was set, and the application decides."""

    interface: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    sort: str = "p95"
    reverse: bool = False
    live: bool = False
    window: str = "all"
    group: str = "host"
    names: bool = False
    interval_s: float = 1.0
    warn_ms: float | None = None
    bad_ms: float | None = None
    bell: bool = False
    theme: str = "auto"
    keys: Mapping[str, str] = field(default_factory=dict)
    """Textual's keymap: by the id of the binding, its keys, as in "down,j"."""
