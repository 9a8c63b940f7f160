"""From the start of the process to the first paint, and to the probe being attached; the files it needs are cached."""

from __future__ import annotations

import time
from collections.abc import Iterator

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


def figures(effort: Effort) -> Iterator[Figure]:
    """Both, and what a bare application of Textual's and compiling alone take."""
    painted, attached, bare, compiled = [], [], [], []
    with Pair() as pair:
        for is_counted in [False] * bool(effort.warm_up_s) + [True] * effort.starts:
            with Screen(pair, ["-c", _BARE]) as screen:
                bare_s = screen.until(PAINTED) - screen.began
            compiled_s = _compile_s()
            with watching(pair) as screen:
                painted_s = screen.until(PAINTED) - screen.began
                attached_s = screen.until(ATTACHED) - screen.began
            if is_counted:
                bare.append(bare_s)
                compiled.append(compiled_s)
                painted.append(painted_s)
                attached.append(attached_s)
    yield Figure("start to first paint", "s", painted, "s, a bare Textual app", bare, PAINT_TARGET_S)
    yield Figure("start to attached", "s", attached, "s, compiling alone", compiled, ATTACHED_TARGET_S)


def _compile_s() -> float:
    began = time.perf_counter()
    with Program(TIMEOUT_NS):
        return time.perf_counter() - began
