"""How `tcplat` starts, and how it ends while it does: the probe is compiled in a process beside it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.commands import PATIENCE_S, tcplat

pytestmark = pytest.mark.kernel


def begun(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        tcplat("lo", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def child_of(pid: int) -> int:
    """The process that compiles, as soon as there is one."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if found:
            return int(found[0])
    raise TimeoutError("nothing compiles")


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "it goes on"


@pytest.mark.parametrize(
    "module", ["tui.command_line", "argparse", "bpf.event", "tui.arguments", "bpf.compiling", "tui.headless"]
)
def test_ctrl_c_while_it_imports_ends_it_without_a_word(module: str) -> None:
    script = f"""
import os, signal, sys
def interrupt(event, details):
    if event == "import" and details[0] == {module!r}:
        os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(interrupt)
from tui.__main__ import main
sys.exit(main(["lo", "--json", "--duration", "9"]))"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_compiler_that_is_killed_is_told_in_one_line() -> None:
    with begun("--json") as child:
        os.kill(child_of(child.pid), signal.SIGKILL)
        out, said = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, out) == (1, "")
    assert said.count("\n") == 1
    assert "bcc cannot prepare the probe: the process that compiles it has ended" in said


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_compiler_ends_with_it(number: signal.Signals) -> None:
    with begun("--json") as child:
        compiler = child_of(child.pid)
        child.send_signal(number)
        child.communicate(timeout=PATIENCE_S)
    wait_until_gone(compiler)


def test_compiler_is_gone_once_it_watches() -> None:
    with begun("--json") as child:
        try:
            assert child.stderr and "watching lo" in child.stderr.readline()
            assert not Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text()
        finally:
            child.kill()
