"""The screen of a fleet in one go: boxes, a Prometheus that scrapes them, and `tcplat --fleet`, all on loopback.

The boxes are no machines: each is the real exporter, and counts handshakes that are thought up here. All of it ends
with the screen, whatever ends that. `--serve`: without the screen, until a signal.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tools.prometheus_server import PrometheusServer
from tools.synthetic_boxes import SyntheticBox

_MS = 1_000_000
_INTERVAL_S = 1.0
_TURN_S = 0.5
_BAD_S = (40, 25)
"""A remote that goes bad does so every so many seconds, for so many."""


class _Far(NamedTuple):
    """A remote, as most boxes see it."""

    address: str
    ms: float
    per_turn: float
    """Handshakes with it, of a box; a fraction is how likely one is."""
    kind: str = ""


_REMOTES = (
    _Far("192.0.2.10", 0.4, 6),
    _Far("192.0.2.11", 0.6, 4),
    _Far("192.0.2.33", 1.2, 4, "goes bad"),
    _Far("198.51.100.7", 18, 3),
    _Far("198.51.100.8", 24, 1),
    _Far("198.51.100.80", 42, 2, "lossy"),
    _Far("203.0.113.5", 95, 1),
    _Far("203.0.113.9", 160, 0.5),
    _Far("203.0.113.66", 30, 0.5, "refuses"),
    _Far("203.0.113.99", 30, 0.2, "is silent"),
    _Far("2001:db8:1::7", 12, 1),
    _Far("2001:db8:2::9", 210, 0.4),
)
_SLOW_BOX = 2
"""The box that sees everything slow."""


def main(arguments: Sequence[str]) -> int:
    """Run until the screen ends; return its exit status."""
    parser = argparse.ArgumentParser(prog="fleet_demo", description=__doc__)
    parser.add_argument("--boxes", type=int, default=5, help="how many (5)")
    parser.add_argument(
        "--serve", action="store_true", help="no screen: say where the server is, until a signal"
    )
    options = parser.parse_args(arguments)
    # As by Ctrl+C: so that whatever was started is ended.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            return _run(options, stack)
    except FileNotFoundError as error:
        print(f"fleet_demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace, stack: ExitStack) -> int:
    boxes = [stack.enter_context(SyntheticBox()) for _ in range(options.boxes)]
    ended = threading.Event()
    stack.callback(ended.set)
    threading.Thread(target=_play, args=(boxes, ended), daemon=True).start()
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="tcplat-fleet-"))
    targets = [
        {"targets": [box.target], "labels": {"box": f"box-{number}"}} for number, box in enumerate(boxes, 1)
    ]
    job = {"job_name": "tcplat", "static_configs": targets}
    prometheus = PrometheusServer(Path(directory), [job], interval_s=_INTERVAL_S)
    stack.enter_context(prometheus)
    if options.serve:
        print(prometheus.url, flush=True)
        signal.pause()
    words = [sys.executable, "-m", "tui", "--fleet", prometheus.url, "--box-label", "box"]
    screen = subprocess.Popen(words)
    stack.callback(_end, screen)
    return screen.wait()


def _end(screen: subprocess.Popen[bytes]) -> None:
    """The screen leaves the terminal as it was when it is asked to end."""
    if screen.poll() is None:
        screen.terminate()
        try:
            screen.wait(5)
        except subprocess.TimeoutExpired:
            screen.kill()
            screen.wait()


def _play(boxes: Sequence[SyntheticBox], ended: threading.Event) -> None:
    chance = random.Random(1)
    while not ended.wait(_TURN_S):
        for number, box in enumerate(boxes):
            for far in _REMOTES:
                _meet(box, far, chance, slower=6 if number == _SLOW_BOX else 1)


def _meet(box: SyntheticBox, far: _Far, chance: random.Random, slower: float) -> None:
    number = int(far.per_turn) + (chance.random() < far.per_turn % 1)
    if not number:
        return
    if far.kind == "refuses":
        box.count(far.address, refused=number)
        return
    if far.kind == "is silent":
        box.count(far.address, unanswered=number)
        return
    ms = far.ms * slower
    every_s, bad_s = _BAD_S
    if far.kind == "goes bad" and time.monotonic() % (every_s + bad_s) > every_s:
        ms += 150
    latencies_ns = [round(ms * chance.lognormvariate(0, 0.25) * _MS) for _ in range(number)]
    box.count(far.address, latencies_ns, retransmits=int(far.kind == "lossy" and chance.random() < 0.1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
