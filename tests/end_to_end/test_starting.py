"""How `tcplat` starts, and how it ends while it does: the probe is compiled in a process beside it, once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.end_to_end.commands import PATIENCE_S, tcplat

pytestmark = pytest.mark.kernel


def begun(cache: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        tcplat("lo", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CACHE_DIRECTORY": str(cache)},
    )


def child_of(pid: int) -> int:
    """The process that compiles, as soon as there is one."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if found:
            return int(found[0])
        time.sleep(0.001)
    raise TimeoutError("nothing compiles")


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.01)


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


def test_compiler_that_is_killed_is_told_in_one_line(tmp_path: Path) -> None:
    with begun(tmp_path, "--json") as child:
        os.kill(child_of(child.pid), signal.SIGKILL)
        out, said = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, out) == (1, "")
    assert said.count("\n") == 1
    assert "bcc cannot prepare the probe: the process that compiles it has ended" in said


@pytest.mark.parametrize("closed", ["<&- >&-", "<&- >&- 2>&-", "<&- 2>&-"])
def test_streams_that_are_closed_are_not_taken_for_something_else(closed: str, tmp_path: Path) -> None:
    path = tmp_path / "recording.jsonl"
    arguments = ("lo", "--listen", "127.0.0.1:0", "--record", str(path))
    with subprocess.Popen(["sh", "-c", f'exec "$@" {closed}', "sh", *tcplat(*arguments)]) as child:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not (path.exists() and '"type":"probe"' in path.read_text()):
                assert child.poll() is None and time.monotonic() < deadline
                time.sleep(0.02)
            streams = {str(Path(f"/proc/{child.pid}/fd/{number}").readlink()) for number in range(3)}
            assert os.devnull in streams
            assert not [each for each in streams if "socket" in each or str(path) in each or "anon" in each]
        finally:
            child.kill()


def test_without_stderr_what_went_wrong_is_not_among_the_lines() -> None:
    words = ["sh", "-c", 'exec "$@" 2>&-', "sh", *tcplat("no-such", "--json")]
    ended = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")


def test_it_compiles_where_the_current_directory_is_gone(tmp_path: Path) -> None:
    (here := tmp_path / "here").mkdir()
    code = Path(__file__).parents[2]
    words = ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *tcplat("lo", "--json", "--duration", "0.1")]
    environment = {**os.environ, "CACHE_DIRECTORY": str(tmp_path / "cache"), "PYTHONPATH": str(code)}
    ended = subprocess.run(
        words, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=here, env=environment
    )
    assert (ended.returncode, ended.stderr.count("\n")) == (0, 1)
    assert ended.stderr.startswith("tcplat: watching lo ")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_compiler_ends_with_it(number: signal.Signals, tmp_path: Path) -> None:
    with begun(tmp_path, "--json") as child:
        compiler = child_of(child.pid)
        child.send_signal(number)
        child.communicate(timeout=PATIENCE_S)
    wait_until_gone(compiler)


def test_compiler_is_gone_once_it_watches(tmp_path: Path) -> None:
    for _ in range(2):
        with begun(tmp_path, "--json") as child:
            try:
                assert child.stderr and "watching lo" in child.stderr.readline()
                assert not Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text()
                assert "libbcc" not in Path(f"/proc/{child.pid}/maps").read_text()
            finally:
                child.kill()
    assert len(list(tmp_path.iterdir())) == 1


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty at first."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("arguments", [(), ("--flows",), ("--forwarded",), ("--attach", "clsact")])
def test_what_was_kept_measures_the_same(arguments: tuple[str, ...], cache: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        only_ours = ("--filter", f"dir:out port:{server.getsockname()[1]}")
        for _ in range(2):
            with begun(cache, "--json", "--count", "1", *only_ours, *arguments) as child:
                assert child.stderr and "watching lo" in child.stderr.readline()
                socket.create_connection(server.getsockname()).close()
                out, _ = child.communicate(timeout=PATIENCE_S)
            (handshake,) = (line for line in map(json.loads, out.splitlines()) if line["type"] == "handshake")
            assert (handshake["outcome"], handshake["pid"]) == ("established", os.getpid())
            assert handshake["latency_ns"] > 0


@pytest.mark.parametrize("cache", ["/proc/nowhere", "/dev/null", "relative"])
def test_where_nothing_can_be_kept_it_is_compiled_without_a_word(cache: str) -> None:
    with begun(Path(cache), "--json", "--duration", "0.1") as child:
        _, said = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 0
    assert said.count("\n") == 1 and "watching lo" in said
