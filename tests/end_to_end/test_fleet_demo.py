"""`make fleet-demo` in a real terminal: a fleet on the screen in one go, and nothing left however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.terminal import Terminal
from tools.prometheus_server import PATIENCE_S, Here

pytestmark = pytest.mark.skipif(not shutil.which("tmux"), reason="make setup-test installs tmux")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it may leave something: nothing is to be there afterwards."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


def descendants(pid: int) -> set[int]:
    """Of a process, as far as they are there."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            children = {int(each) for each in task.read_text().split()}
            found |= children
            waiting += children
    return found


@pytest.mark.slow
@pytest.mark.parametrize("end", ["q", "SIGTERM", "SIGINT", "SIGHUP"])
def test_it_shows_a_fleet_and_leaves_nothing(here: Path, end: str) -> None:
    directory = here / "demo"
    directory.mkdir()
    with Terminal(Here(), 120, 40) as terminal:
        terminal.type(f"TMPDIR={directory} {sys.executable} -m tools.fleet_demo --boxes 3")
        terminal.shows("3 boxes")
        terminal.shows("203.0.113.9")
        demo = terminal.child
        started = descendants(demo)
        assert len(started) == 2 and list(directory.iterdir())
        if end == "q":
            terminal.press("q")
        else:
            os.kill(demo, signal.Signals[end])
        terminal.shows("status=0" if end == "q" else "status=130")
        assert terminal.is_sane()
    deadline = time.monotonic() + PATIENCE_S
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in started):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert list(directory.iterdir()) == []
