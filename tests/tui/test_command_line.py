"""What a person types, and the one clear line that answers when it cannot be done."""

from __future__ import annotations

import errno
import importlib.util
import io
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from bpf.requirements import bcc_command
from tui import command_line

ROOT = Path(__file__).parents[2]


@pytest.fixture
def permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_line, "require_permission", lambda: None)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def exit_status(*arguments: str) -> int:
    """Run `main` in this process; where argparse ends it, return what with."""
    try:
        return command_line.run(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


def only_line(text: str) -> str:
    """The one line that an error is."""
    assert text.startswith("tcplat: ") and text.endswith("\n")
    assert text.count("\n") == 1
    return text.removeprefix("tcplat: ").removesuffix("\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["lo", "--log", "--json"], "argument --json: not allowed with argument --log"),
        (["lo", "--count", "5"], "--duration and --count go with --log or --json"),
        (["lo", "--duration", "5"], "--duration and --count go with --log or --json"),
        (["lo", "--json", "--count", "0"], "'0' is not a whole number above 0"),
        (["lo", "--json", "--count", "1.5"], "'1.5' is not a whole number above 0"),
        (["lo", "--json", "--count", "-3"], "'-3' is not a whole number above 0"),
        (["lo", "--json", "--count"], "expected one argument"),
        (["lo", "--json", "--duration", "0"], "'0' is not a number of seconds above 0"),
        (["lo", "--json", "--duration", "nan"], "'nan' is not a number of seconds above 0"),
        (["lo", "--json", "--duration", "inf"], "'inf' is not a number of seconds above 0"),
        (["lo", "--json", "--duration", "soon"], "'soon' is not a number of seconds above 0"),
        (["lo", "--attach", "xdp"], "invalid choice: 'xdp'"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["lo", "--log", "--forwarded"], "--forwarded goes with --json, --record or the screen"),
        (["lo", "--log", "--flows"], "--flows goes with --json, --record or the screen"),
        (["lo", "--forwarded", "--no-flows"], "--forwarded and --no-flows contradict each other"),
        (
            ["--read", "x", "--forwarded"],
            "--forwarded goes with a live interface: a recording has the samples it has",
        ),
        (["--timeout", "0"], "'0' is not a number of seconds above 0"),
    ],
)
def test_bad_arguments(arguments: Sequence[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status(*arguments) == 2
    said = capsys.readouterr()
    assert complaint in only_line(said.err)
    assert said.err.endswith("; see tcplat --help\n")
    assert said.out == ""


def test_help_shows_every_option_and_how_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("--help") == 0
    said = capsys.readouterr().out
    for word in ("INTERFACE", "--log", "--json", "--duration S", "--count N", "--attach", "--version"):
        assert word in said
    assert "exit status: 0 done, 1 failed, 2 bad arguments, 130 interrupted" in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("--version") == 0
    assert capsys.readouterr().out == f"tcplat {version('tcplat')}\n"


@pytest.mark.parametrize("name", ["nosuch", "", "far-too-long-for-an-interface", "ünïcode"])
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["screen", "stream"])
def test_missing_interface_names_those_that_exist(
    name: str, form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_status(name, *form) == 1
    said = only_line(capsys.readouterr().err)
    assert said.startswith(f"no interface {name!r}; choose one of: ")
    assert all(known in said for _, known in socket.if_nameindex())


def test_misspelt_interface_gets_the_likely_one_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_status("lo0", "--json") == 1
    assert only_line(capsys.readouterr().err).endswith("(for example: tcplat lo)")


def test_without_what_root_may_it_says_what_is_missing() -> None:
    # Still uid 0, if we are: another user might not even be able to read the checkout.
    is_root = os.geteuid() == 0
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if is_root else []
    ended = subprocess.run(
        [*powerless, sys.executable, "-m", "tui", "lo", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    next_step = "in a container, run that with --privileged, or --cap-add each" if is_root else "use sudo"
    assert only_line(ended.stderr) == (
        f"watching an interface needs root (missing: CAP_NET_ADMIN, CAP_PERFMON, CAP_BPF); {next_step}"
    )


@pytest.mark.usefixtures("permitted")
def test_without_bcc_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert exit_status("lo", "--json") == 1
    assert only_line(capsys.readouterr().err) == (
        f"the Python bindings of bcc are missing; install it with: {bcc_command()}"
    )


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ("ID=debian", "sudo apt install python3-bpfcc"),
        ("ID=ubuntu\nID_LIKE=debian", "sudo apt install python3-bpfcc"),
        ('NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"', "sudo apt install python3-bpfcc"),
        ("ID=fedora", "sudo dnf install python3-bcc"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"', "sudo dnf install python3-bcc"),
        ("# rolling\n\nID=arch", "sudo pacman -S python-bcc"),
        ("ID=manjaro\nID_LIKE=arch", "sudo pacman -S python-bcc"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"', "sudo zypper install python3-bcc"),
        ("ID='sles'\nID_LIKE='suse'", "sudo zypper install python3-bcc"),
    ],
)
def test_command_that_installs_bcc_is_the_distributions_own(
    os_release: str, command: str, tmp_path: Path
) -> None:
    file = tmp_path / "os-release"
    file.write_text(os_release + "\n")
    assert bcc_command(file) == command


@pytest.mark.parametrize("os_release", ["ID=alpine", "", None])
def test_unknown_distribution_is_told_what_to_look_for(os_release: str | None, tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    if os_release is not None:
        file.write_text(os_release)
    assert "python3-bcc, python-bcc or python3-bpfcc" in bcc_command(file)


@pytest.mark.usefixtures("permitted")
@pytest.mark.parametrize("lacking", ["stdin", "stdout", "stderr"])
@pytest.mark.parametrize("closed", [False, True], ids=["redirected", "closed"])
def test_screen_needs_a_terminal(lacking: str, closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.setattr(sys, lacking, None if closed else io.StringIO())
    said = sys.stderr
    assert exit_status("lo") == 1
    if isinstance(said, io.StringIO):
        assert only_line(said.getvalue()) == (
            "the screen needs a terminal; for a stream of lines add --log or --json"
        )


@pytest.mark.usefixtures("permitted")
def test_dumb_terminal_cannot_show_the_screen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("stdin", "stdout"):
        monkeypatch.setattr(sys, name, Terminal())
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert exit_status("lo") == 1
    assert "the screen needs a terminal" in only_line(capsys.readouterr().err)


def test_machine_that_gives_no_more_files_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(command_line, "_run", fail)
    assert exit_status("lo", "--log") == 1
    assert only_line(capsys.readouterr().err) == "[Errno 24] Too many open files"
