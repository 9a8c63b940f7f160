"""What the running program may still do, once it watches: seen from outside, in /proc."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from bpf.lab import Host, Lab
from bpf.privileges import CAP_BPF, CAP_DAC_OVERRIDE, CAP_NET_ADMIN, CAP_PERFMON
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S, attached, lines_of
from tests.end_to_end.terminal import Terminal

pytestmark = pytest.mark.kernel

NOBODY, NOGROUP = 65534, 65534
UNKNOWN = 54321
"""No user has this number."""
NEEDED = 1 << CAP_BPF | 1 << CAP_NET_ADMIN | 1 << CAP_PERFMON
TESTING_ONLY = ("mypy*", "ruff*", "*pytest*", "hypothesis*", "pip", "setuptools*", "__editable__*", "*.pth")
HOST = "198.18.0.1"


@pytest.fixture(scope="module")
def code() -> Iterator[Path]:
    """The program, where everybody may read it: the checkout may be in root's home."""
    with tempfile.TemporaryDirectory(prefix="tcplat-code-") as name:
        Path(name).chmod(0o755)
        directory = Path(name, "code")
        directory.mkdir()
        root = Path(__file__).parents[2]
        for package in ("tui", "bpf"):
            shutil.copytree(root / package, directory / package)
        libraries = Path(pytest.__file__).parents[1]
        ignored = shutil.ignore_patterns(*TESTING_ONLY)
        shutil.copytree(libraries, directory, ignore=ignored, dirs_exist_ok=True)
        subprocess.run(["chmod", "-R", "a+rX", name], check=True)
        yield directory


@pytest.fixture
def network() -> Iterator[Lab]:
    with Lab("ethernet", [Host(HOST, 0.005)]) as lab:
        yield lab
        assert attachments(lab) == []


def called_by(uid: int) -> dict[str, str]:
    """What sudo leaves in the environment."""
    return {"SUDO_UID": str(uid), "SUDO_GID": str(uid), "SUDO_USER": "nobody" if uid == NOBODY else "u"}


def command(code: Path, *arguments: str, environment: Mapping[str, str] = {}) -> list[str]:
    """The command line of the program there, as the system's python runs it: bcc is with that."""
    python = os.path.realpath(sys.executable)
    settings = [f"{name}={value}" for name, value in environment.items()]
    return ["env", "--chdir=/", f"PYTHONPATH={code}", *settings, python, "-m", "tui", *arguments]


def status(pid: int) -> list[dict[str, str]]:
    """What proc(5) says of each of its threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    texts = [Path(task, "status").read_text() for task in tasks]
    return [dict(line.split(":\t", 1) for line in text.splitlines()) for text in texts]


def identities(one: Mapping[str, str]) -> set[int]:
    return {int(word) for name in ("Uid", "Gid", "Groups") for word in one[name].split()}


def sets(one: Mapping[str, str]) -> dict[str, int]:
    """The capabilities, by set."""
    return {name: int(one[f"Cap{name}"], 16) for name in ("Eff", "Prm", "Inh", "Bnd", "Amb")}


def exactly(kept: int) -> dict[str, int]:
    return {"Eff": kept, "Prm": kept, "Inh": 0, "Bnd": kept, "Amb": 0}


@pytest.mark.parametrize("uid", [NOBODY, UNKNOWN])
def test_called_by_sudo_it_becomes_the_caller_with_three_capabilities(
    network: Lab, code: Path, uid: int
) -> None:
    words = command(code, network.device, "--json", environment=called_by(uid))
    with attached(network.command(*words)) as child:
        threads = status(child.pid)
        assert [identities(each) for each in threads] == [{uid}] * len(threads)
        assert [sets(each) for each in threads] == [exactly(NEEDED)] * len(threads)
        assert [each["NoNewPrivs"] for each in threads] == ["1"] * len(threads)
        network.connect(HOST, 443)
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=PATIENCE_S)
    assert [each["outcome"] for each in lines_of(out) if each["type"] == "handshake"] == ["established"]


def test_root_whom_nobody_called_keeps_what_saving_takes(network: Lab, code: Path) -> None:
    words = ["env", "-u", "SUDO_UID", *command(code, network.device, "--json")]
    with attached(network.command(*words)) as child:
        for each in status(child.pid):
            assert sets(each) == exactly(NEEDED | 1 << CAP_DAC_OVERRIDE)
            assert each["NoNewPrivs"] == "1"


@pytest.fixture
def hidden(code: Path) -> Iterator[Path]:
    """The program in a directory that root alone may enter, as root's home."""
    code.parent.chmod(0o700)
    yield code
    code.parent.chmod(0o755)


def test_who_may_not_enter_where_the_program_is_is_become_all_the_same(network: Lab, hidden: Path) -> None:
    """As after `sudo -i`, with the program in root's home."""
    with Terminal(network) as terminal:
        terminal.run(*command(hidden, network.device, environment=called_by(NOBODY)))
        terminal.shows(f"No handshake on {network.device} yet.")
        assert all(identities(each) == {NOBODY} for each in status(terminal.child))
        assert all(sets(each) == exactly(NEEDED) for each in status(terminal.child))
        # What is imported when it is asked for.
        for key, shown in (
            ("2", "No handshake"),
            ("4", network.device),
            ("5", "SYNs"),
            ("?", "keys: everywhere"),
        ):
            terminal.press(key)
            terminal.shows(shown)
        terminal.press("Escape")
        terminal.until(lambda: "keys: everywhere" not in terminal.text)
        terminal.press("q")
        terminal.shows("status=0")


@pytest.mark.parametrize(
    "arguments", [("--demo", "--json", "--count", "3"), ("lo", "--json", "--duration", "0.1")]
)
def test_nothing_is_written_where_the_caller_may_not_enter_the_programs_place(
    hidden: Path, tmp_path: Path, arguments: list[str]
) -> None:
    tmp_path.chmod(0o700)
    words = command(hidden, *arguments, environment=called_by(NOBODY))
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=2 * PATIENCE_S)
    done = subprocess.run(
        [*words, "--record", str(tmp_path / "a")], capture_output=True, text=True, timeout=2 * PATIENCE_S
    )
    assert done.returncode == 1
    assert "permission denied" in done.stderr
    assert not (tmp_path / "a").exists()


def test_who_may_not_read_the_program_at_all_is_told(code: Path) -> None:
    code.chmod(0o700)
    try:
        words = command(code, "lo", "--json", environment=called_by(NOBODY))
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S)
    finally:
        code.chmod(0o755)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"tcplat: nobody, who called sudo, may not read the program in {code}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [("lo", "--listen", "127.0.0.1:0", "--web-config"), ("--fleet", "http://127.0.0.1:1", "--config")],
)
def test_what_the_caller_may_not_read_is_not_read_for_them(
    code: Path, tmp_path: Path, arguments: list[str]
) -> None:
    """Not even to say what is wrong with it."""
    secret = tmp_path / "web.yml"
    secret.write_text("hush: hush\n")
    secret.chmod(0o600)
    tmp_path.chmod(0o755)
    words = command(code, *arguments, str(secret), environment=called_by(NOBODY))
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert "permission denied" in done.stderr.lower()
    assert "hush" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_web_configuration_that_the_caller_may_read_is_used(code: Path) -> None:
    web = code / "web.yml"  # No other place is everybody's.
    web.write_text("basic_auth_users: {}\n")
    arguments = ("lo", "--listen", "127.0.0.1:0", "--web-config", str(web))
    words = command(code, *arguments, environment=called_by(NOBODY))
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stderr
            assert child.stderr.readline().startswith("tcplat: metrics at ")
            assert sets(status(child.pid)[0])["Prm"] == NEEDED
            assert identities(status(child.pid)[0]) == {NOBODY}
        finally:
            child.kill()


def test_reading_keeps_nothing(code: Path) -> None:
    words = command(code, "--read", "-", "--json", environment=called_by(NOBODY))
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while {sets(each)["Prm"] for each in status(child.pid)} != {0}:
                assert time.monotonic() < deadline
            assert all(identities(each) == {NOBODY} for each in status(child.pid))
        finally:
            child.kill()


def test_recording_belongs_to_the_caller(network: Lab, code: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="tcplat-nobody-") as theirs:
        os.chown(theirs, NOBODY, NOGROUP)
        path = Path(theirs, "a.jsonl")
        arguments = (network.device, "--json", "--duration", "0.1", "--record", str(path))
        words = command(code, *arguments, environment=called_by(NOBODY))
        subprocess.run(network.command(*words), check=True, capture_output=True, timeout=PATIENCE_S)
        assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOGROUP)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lo", "--json", "--record", "{}/a"), "cannot make {}/a: permission denied; name a file where"),
        (
            ("--json", "--read", "{}/a"),
            "cannot read {}/a: permission denied; let who may read it: sudo cat {}/a |",
        ),
    ],
)
def test_what_the_caller_may_not_is_told(code: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "a").touch()
    tmp_path.chmod(0o700)
    words = command(code, *(each.format(tmp_path) for each in arguments), environment=called_by(NOBODY))
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stderr.startswith("tcplat: " + said.format(tmp_path, tmp_path))
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_compiler_ends_with_it(code: Path, number: signal.Signals) -> None:
    words = command(code, "lo", "--json", environment=called_by(NOBODY))
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        deadline = time.monotonic() + PATIENCE_S
        while not (compiler := children.read_text().split()) or identities(status(child.pid)[0]) != {NOBODY}:
            assert time.monotonic() < deadline
        child.send_signal(number)
        child.wait(PATIENCE_S)
    while Path("/proc", compiler[0]).exists():
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.01)


def test_demo_as_the_caller_leaves_nothing(code: Path) -> None:
    words = command(code, "--demo", "--json", "--count", "3", environment=called_by(NOBODY))
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        out, _ = child.communicate(timeout=2 * PATIENCE_S)
    assert child.returncode == 0
    assert len([each for each in lines_of(out) if each["type"] == "handshake"]) == 3
    assert members(child.pid) == []


def members(session: int) -> list[int]:
    """The processes of a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(Path(entry, "stat").read_text().rpartition(")")[2].split()[3]) == session:
                found.append(int(entry.name))
    return found


def test_interfaces_can_be_switched_on_the_screen(network: Lab, code: Path) -> None:
    with Terminal(network) as terminal:
        terminal.run(*command(code, network.device, environment=called_by(NOBODY)))
        terminal.shows(f"No handshake on {network.device} yet.")
        assert identities(status(terminal.child)[0]) == {NOBODY}
        terminal.press("b")
        terminal.shows("No handshake on lo yet.")
        terminal.press("b")
        terminal.shows(f"No handshake on {network.device} yet.")
        terminal.press("q")
        terminal.shows("status=0")
