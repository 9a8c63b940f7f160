"""`make audit`: it fails unless it was able to find something and found nothing. PyPI is played by a script."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = """\
#!/bin/sh
for word; do lock=$word; done
case $(cat "$lock") in
    {pattern}) echo '{{"vulns": [{{"id": "CVE-2019-11324"}}]}}'; exit 1 ;;
    *) echo 'WARNING: a hint' >&2; echo 'ERROR: not found on PyPI' >&2 ;;
esac
"""

Audit = Callable[[str], "subprocess.CompletedProcess[str]"]


@pytest.fixture
def audit(tmp_path: Path) -> Audit:
    """Run it where pip-audit finds something in whatever matches the pattern."""
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools/audit", tmp_path / "tools")
    (tmp_path / "build/audit/bin").mkdir(parents=True)
    for lock in ("requirements-audit.txt", "build/audit/lock", "requirements.txt"):
        (tmp_path / lock).write_text("textual==8.2.8\n")

    def run(pattern: str) -> subprocess.CompletedProcess[str]:
        tool = tmp_path / "build/audit/bin/pip-audit"
        tool.write_text(TOOL.format(pattern=pattern))
        tool.chmod(0o755)
        words = [str(tmp_path / "tools/audit"), "requirements.txt"]
        return subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)

    return run


def test_what_is_known_of_nothing_but_an_old_package_is_no_trouble(audit: Audit) -> None:
    done = audit("urllib3==1.24.1")
    assert (done.returncode, done.stdout) == (0, "requirements.txt:\n")


def test_what_is_known_of_a_locked_package_is_trouble(audit: Audit) -> None:
    done = audit("*")
    assert done.returncode == 1
    assert "CVE" in done.stdout


def test_an_audit_that_is_told_nothing_says_so(audit: Audit) -> None:
    done = audit("nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("tools/audit: CVE-2019-11324 of urllib3==1.24.1 is not found, so nothing would be")
    assert done.stderr.endswith("? pip-audit said: ERROR: not found on PyPI\n")
    assert done.stderr.count("\n") == 1
    assert "requirements.txt" not in done.stdout
