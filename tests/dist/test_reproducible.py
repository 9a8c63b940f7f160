"""Who builds it again, elsewhere and with other habits, gets the same bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dist.conftest import Built
from tests.dist.places import ROOT
from tools.dist.project import epoch_s

pytestmark = pytest.mark.slow


def test_the_sources_give_the_same_bytes(built: Built, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", built.one("*.tar.gz"), "-C", tmp_path], check=True)
    (tree,) = tmp_path.iterdir()
    (tree / "build").mkdir()
    (tree / "build/wheels").symlink_to(ROOT / "build/wheels")  # They are there already.
    again = tmp_path / "again"
    subprocess.run(
        ["sh", "-c", 'umask 077; exec "$@"', "sh", sys.executable, "-m", "tools.dist", str(again)],
        cwd=tree,
        check=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "SOURCE_DATE_EPOCH": str(epoch_s()),
            "TZ": "Pacific/Auckland",
            "LANG": "C",
            "PYTHONHASHSEED": "7",
        },
    )
    sums = built.one("SHA256SUMS").read_text()
    assert (again / "SHA256SUMS").read_text() == sums
    assert len(sums.splitlines()) == 4
