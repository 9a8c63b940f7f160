"""What may differ from one screen to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bpf.source import Taker
from tui.core.format import UNICODE, Glyphs
from tui.core.grouping import Grouping
from tui.core.thresholds import NO_THRESHOLDS, Thresholds
from tui.core.window import Window


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """Of the command line, the configuration and the environment: what the screen starts with."""

    glyphs: Glyphs = UNICODE
    opening: str = "preparing the probe and attaching it"
    """What is being done until there is a source."""
    takers: Sequence[Taker] = ()
    """Recorders: given all that comes."""
    save_recent: Callable[[], str] | None = None
    """Write the last minutes to a file, and return one line that tells. Blocks; raises TcplatError. None: cannot."""
    recording_trouble: Callable[[], str] = str
    """What the recording lacks; empty: nothing. From any thread."""
    redraw_interval_s: float = 1.0
    filter: str = ""
    columns: Sequence[str] = ()
    sort: str = "p95"
    is_reversed: bool = False
    is_live: bool = False
    """Whether it begins with open connections."""
    window: Window = Window.ALL
    grouping: Grouping = Grouping.HOST
    has_names: bool = False
    thresholds: Thresholds = NO_THRESHOLDS
    has_bell: bool = False
    theme: str = "ansi-dark"
    keymap: Mapping[str, str] = field(default_factory=dict)
    """Textual's: keys by the id of the binding."""


DEFAULTS = ScreenOptions()
