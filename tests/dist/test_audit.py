"""`make audit`: it fails unless it was able to find something and found nothing. PyPI is a server here."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.dist.places import ROOT
from tests.dist.pypi import Known, PyPI

OLD, ITS_VULNERABILITY = "urllib3==1.24.1", "CVE-2019-11324"
LOCKED = ["textual==8.2.8", "rich==15.0.0"]
NOTHING: Known = dict.fromkeys(LOCKED, ())
LIMIT_S = 120


@pytest.fixture(scope="module")
def tool() -> Path:
    """The real pip-audit. Where tests run side by side, the first process that needs it installs it."""
    (ROOT / "build").mkdir(exist_ok=True)
    with open(ROOT / "build" / "audit.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([ROOT / "tools/audit", "--only-install"], check=True, capture_output=True)
    return ROOT / "build/audit"


@pytest.fixture
def place(tool: Path, tmp_path: Path) -> Path:
    """A tree of its own, with a lock file."""
    for name in ("tools", "build", "certificates"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "tools/audit", tmp_path / "tools")
    shutil.copy(ROOT / "requirements-audit.txt", tmp_path)
    (tmp_path / "build/audit").symlink_to(tool)
    lines = [f"{each} --hash=sha256:{'0' * 64}\n" for each in LOCKED]
    (tmp_path / "requirements.txt").write_text("".join(lines))
    return tmp_path


def audit(place: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run it there, without what earlier runs were told."""
    return subprocess.run(
        [place / "tools/audit", "requirements.txt"],
        env={"PATH": os.environ["PATH"], "HOME": str(place), **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def test_what_is_known_of_nothing_but_an_old_package_is_no_trouble(place: Path) -> None:
    with PyPI(place / "certificates", {**NOTHING, OLD: [ITS_VULNERABILITY]}) as pypi:
        done = audit(place, pypi.environment)
    assert (done.returncode, done.stdout) == (0, "requirements.txt:\n"), done.stderr
    assert done.stderr == "No known vulnerabilities found\n"
    assert [path.split("/")[2] for path in pypi.asked] == ["urllib3", "textual", "rich"]


def test_what_is_known_of_a_locked_package_is_trouble(place: Path) -> None:
    known = {**NOTHING, OLD: [ITS_VULNERABILITY], "rich==15.0.0": ["CVE-2026-99999"]}
    with PyPI(place / "certificates", known) as pypi:
        done = audit(place, pypi.environment)
    assert done.returncode == 1
    assert "CVE-2026-99999" in done.stdout
    assert "textual" not in done.stdout


def test_a_locked_package_that_pypi_does_not_know_is_trouble(place: Path) -> None:
    with PyPI(place / "certificates", {OLD: [ITS_VULNERABILITY], "textual==8.2.8": ()}) as pypi:
        done = audit(place, pypi.environment)
    assert done.returncode == 1
    assert "rich (15.0.0)" in done.stderr


@pytest.mark.parametrize("known", [{OLD: ()}, {}])
def test_an_audit_that_is_told_nothing_says_so(place: Path, known: Known) -> None:
    with PyPI(place / "certificates", {**NOTHING, **known}) as pypi:
        done = audit(place, pypi.environment)
    told_nothing(done)


def test_where_pypi_is_out_of_reach_it_says_so(place: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        done = audit(place, {"HTTPS_PROXY": f"http://127.0.0.1:{nobody.getsockname()[1]}"})
    told_nothing(done)


def told_nothing(done: subprocess.CompletedProcess[str]) -> None:
    """In one line, and as a failure."""
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"tools/audit: {ITS_VULNERABILITY} of {OLD} is not found, so nothing would be: ")
