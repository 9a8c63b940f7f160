"""Where the machine allows little: it works, or says in one line what it lacks; nothing stays behind."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf.lab import Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S, tcplat

pytestmark = pytest.mark.kernel


@pytest.fixture
def network() -> Iterator[Lab]:
    with Lab("ethernet") as lab:
        yield lab
        assert attachments(lab) == []


def watched(lab: Lab, *limits: str) -> subprocess.CompletedProcess[str]:
    """Watch for a moment, under limits as prlimit(1) takes them."""
    words = ["prlimit", *limits, *tcplat(lab.device, "--json", "--duration", "0.1")]
    return subprocess.run(
        lab.command(*words), check=False, capture_output=True, text=True, timeout=PATIENCE_S
    )


@pytest.mark.parametrize("count", [5, 20, 40, 63])
def test_few_open_files_are_told(network: Lab, count: int) -> None:
    done = watched(network, f"--nofile={count}")
    assert done.returncode == 1
    assert done.stderr == (
        f"tcplat: this process may have {count} files open, and needs 64; allow it more: ulimit -Hn 64, as root\n"
    )


@pytest.mark.parametrize("limit", ["--nofile=64", "--nofile=20:4000", "--memlock=65536", "--core=0"])
def test_it_does_with_little(network: Lab, limit: str) -> None:
    done = watched(network, limit)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)


@pytest.mark.parametrize("megabytes", [100, 250])
def test_little_memory_is_told(
    network: Lab, megabytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where nothing is kept that would spare it compiling.
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    done = watched(network, f"--as={megabytes * 1_000_000}")
    assert done.returncode == 1
    assert done.stderr.startswith("tcplat: bcc cannot prepare the probe: ")
    assert done.stderr.count("\n") == 1
