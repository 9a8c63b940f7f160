"""Completion of the command line: asked of the shells themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.dist.completions import completions

INTERFACES = {"any", *(name for _, name in socket.if_nameindex())}
PATIENCE_S = 20.0
_ASK_BASH = """
source "$1"
COMP_WORDS=("${@:2}")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
_tcplat
printf '%s\\n' "${COMPREPLY[@]}"
"""
_ZSH = """
PROMPT=ready
fpath=(%s $fpath)
autoload -U compinit && compinit -u -D
show() { print -r -- "<$BUFFER>" }
zle -N show
bindkey '^I' complete-word '^X' show
"""

Ask = Callable[[str], "set[str]"]


@pytest.fixture
def ask_bash(tmp_path: Path) -> Ask:
    """What bash offers for the last word; it hands over words split at =, as it does with COMP_WORDBREAKS."""
    script = tmp_path / "tcplat"
    script.write_text(completions()["bash"])

    def ask(line: str) -> set[str]:
        words = re.findall(r"=|[^ =]+|(?<= )$", line)
        done = subprocess.run(
            ["bash", "-c", _ASK_BASH, "bash", script, *words],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        assert not done.stderr
        return set(done.stdout.split())

    return ask


@pytest.fixture
def ask_fish(tmp_path: Path) -> Ask:
    script = tmp_path / "tcplat.fish"
    script.write_text(completions()["fish"])

    def ask(line: str) -> set[str]:
        done = subprocess.run(
            ["fish", "--no-config", "-c", 'source $argv[1]; complete -C "$argv[2]"', script, line],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)},
        )
        assert not done.stderr
        return {each.split("\t")[0] for each in done.stdout.splitlines()}

    return ask


def completed_by_zsh(typed: str, directory: Path) -> str:
    """What a zsh makes of a line and a tab."""
    (directory / "_tcplat").write_text(completions()["zsh"])
    (directory / ".zshrc").write_text(_ZSH % directory)
    pid, terminal = pty.fork()
    if not pid:
        environment = {
            "ZDOTDIR": str(directory),
            "HOME": str(directory),
            "TERM": "dumb",
            "PATH": os.environ["PATH"],
        }
        os.execvpe("zsh", ["zsh", "-d", "-i"], environment)
    try:
        _until(terminal, "ready")
        os.write(terminal, f"{typed}\t\x18".encode())
        return _until(terminal, "<(.*)>")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def _until(terminal: int, wanted: str) -> str:
    shown = ""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := re.search(wanted, shown)):
        assert time.monotonic() < deadline, repr(shown)
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
    return found[found.re.groups]


@pytest.fixture(params=["bash", "fish"])
def ask(request: pytest.FixtureRequest) -> Ask:
    asked: Ask = request.getfixturevalue(f"ask_{request.param}")
    return asked


def test_interfaces_are_offered(ask: Ask) -> None:
    assert ask("tcplat ") >= INTERFACES
    assert ask("tcplat lo ") >= INTERFACES
    assert ask("tcplat l") >= {"lo"}
    assert "any" not in ask("tcplat l")


def test_options_are_offered(ask: Ask) -> None:
    assert ask("tcplat --at") == {"--attach"}
    assert ask("tcplat lo --no-fl") == {"--no-flows"}


@pytest.mark.parametrize("before", ["--attach ", "--attach="])
def test_choices_are_offered(ask: Ask, before: str) -> None:
    offered = {each.removeprefix("--attach=") for each in ask(f"tcplat {before}")}
    assert offered == {"auto", "tcx", "clsact"}


def test_files_are_offered_where_there_is_to_be_one(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "capture.pcap").write_bytes(b"")
    assert "capture.pcap" in ask("tcplat --read cap")
    assert "capture.pcap" not in ask("tcplat cap")


def test_nothing_is_offered_where_nobody_can_know(ask_bash: Ask) -> None:
    assert ask_bash("tcplat --timeout ") == set()


def test_a_name_is_never_evaluated(ask_bash: Ask, tmp_path: Path) -> None:
    """What a container calls its interface is text, even for a shell that offers it."""
    script = completions()["bash"].replace("/sys/class/net", str(tmp_path / "net"))
    (tmp_path / "tcplat").write_text(script)
    (tmp_path / "net/$(touch owned)").mkdir(parents=True)
    ask_bash("tcplat ")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("tcplat --att", "tcplat --attach="),
        ("tcplat --attach cl", "tcplat --attach clsact "),
        ("tcplat --attach=cl", "tcplat --attach=clsact "),
        ("tcplat --log --js", "tcplat --log --js"),  # One excludes the other.
        ("tcplat an", "tcplat any "),
    ],
)
def test_zsh_completes(typed: str, wanted: str, tmp_path: Path) -> None:
    assert completed_by_zsh(typed, tmp_path) == wanted
