"""What everything that is built says of itself: the project's name, version and time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_FIRST_OF_1980 = 315532800
"""The earliest that an archive of type zip can say."""


def epoch_s() -> int:
    """When it was written: SOURCE_DATE_EPOCH, or the last commit, or, where there is no git, the same for all."""
    said = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct")
    return max(int(said), _FIRST_OF_1980) if said else _FIRST_OF_1980


def has_changed() -> bool:
    """Whether files here are not as they are in the last commit."""
    return bool(_git("status", "--porcelain"))


def _git(*words: str) -> str:
    """What git says; where there is no repository, nothing."""
    if not (ROOT / ".git").exists():
        return ""
    # The files may be another user's, as under sudo.
    command = ["git", "-c", f"safe.directory={ROOT}", *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
