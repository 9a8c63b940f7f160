"""What is handed to people, built once for all tests."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.dist.places import ROOT


@dataclass(frozen=True, slots=True)
class Built:
    """Where each is."""

    directory: Path

    def one(self, pattern: str) -> Path:
        """The file whose name is like that."""
        (path,) = self.directory.glob(pattern)
        return path


@pytest.fixture(scope="session")
def built(shared: Path) -> Built:
    """As `make dist` builds them. Where tests run side by side, the first process that needs them builds."""
    directory = shared / "dist"
    with open(shared / "dist.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "SHA256SUMS").exists():
            subprocess.run([sys.executable, "-m", "tools.dist", str(directory)], cwd=ROOT, check=True)
    return Built(directory)
