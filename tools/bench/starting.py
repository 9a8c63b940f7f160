"""From the start of the process to the first paint, and to the probe being attached; the files it needs are cached."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bpf.program import Program
from tools.bench.effort import Effort
from tools.bench.kernel import TIMEOUT_NS
from tools.bench.network import Pair
from tools.bench.report import Figure
from tools.bench.screen import ATTACHED, PAINTED, Screen, watching

PAINT_TARGET_S = 0.5
ATTACHED_TARGET_S = 1.2
_BARE = """
from textual.app import App
from textual.widgets import Static

class Bare(App):
    def compose(self):
        yield Static("q Quit")

Bare().run()
"""
"""The least that Textual can do."""


class Start(NamedTuple):
    """How long one took; s."""

    painted: float
    attached: float


def figures(effort: Effort) -> Iterator[Figure]:
    """The first time on a machine, and later; and what a bare application of Textual's and compiling alone take."""
    bare, compiled = [], []
    first: list[Start] = []
    later: list[Start] = []
    with Pair() as pair, TemporaryDirectory() as directory:
        full = Path(directory, "full")
        full.mkdir()
        for number in range(bool(effort.warm_up_s) + effort.starts):
            with Screen(pair, ["-c", _BARE]) as screen:
                bare.append(screen.until(PAINTED) - screen.began)
            compiled.append(_compile_s())
            empty = Path(directory, str(number))
            empty.mkdir()
            first.append(_start(pair, empty))
            if not number:
                _start(pair, full)
            later.append(_start(pair, full))
    counted = slice(-effort.starts, None)
    for when, starts in (("compiled before", later[counted]), ("the first time", first[counted])):
        painted, attached = zip(*starts, strict=True)
        yield Figure(
            f"start to first paint, {when}",
            "s",
            painted,
            "s, a bare Textual app",
            bare[counted],
            PAINT_TARGET_S,
        )
        yield Figure(
            f"start to attached, {when}",
            "s",
            attached,
            "s, compiling alone",
            compiled[counted],
            ATTACHED_TARGET_S,
        )


def _start(pair: Pair, cache: Path) -> Start:
    with watching(pair, cache) as screen:
        painted = screen.until(PAINTED)
        return Start(painted - screen.began, screen.until(ATTACHED) - screen.began)


def _compile_s() -> float:
    began = time.perf_counter()
    with Program(TIMEOUT_NS):
        return time.perf_counter() - began
