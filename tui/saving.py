"""Saving what the screen shows: a new file, for its owner only."""

from __future__ import annotations

import os
import pwd
import shlex
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

from bpf.errors import TcplatError

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_OWNER_ONLY = 0o600
"""As a recording, it tells who talks to whom."""


def place() -> Path:
    """The current one; where only root may write, and we are root no more, the home directory of who called sudo."""
    try:
        here = Path.cwd()
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (FileNotFoundError, KeyError):
        return Path()
    if os.access(here, os.W_OK | os.X_OK):
        return here
    return home if os.access(home, os.W_OK | os.X_OK) else Path()


def save(text: str, suffix: str, wall_s: float, directory: Path | None = None) -> Path:
    """Write `text` to a new file, `tcplat-20261123T012345Z.csv` for the suffix `.csv`; return its absolute path.

    The name is the time `wall_s` in UTC; where that is taken, `-2` follows it, then `-3`. Without a directory, it is
    `place()`. Blocks as long as the disk does. Raises TcplatError, and then leaves no file.
    """
    stem = time.strftime("tcplat-%Y%m%dT%H%M%SZ", time.gmtime(wall_s))
    try:
        # Asked first: a current directory that was removed has no path.
        path, fd = _make((directory or place()).absolute(), stem, suffix)
        try:
            with open(fd, "wb") as file:
                file.write(text.encode(errors="replace"))
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
    except OSError as error:
        raise _explained(error, stem + suffix, directory) from error
    return path


def _make(directory: Path, stem: str, suffix: str) -> tuple[Path, int]:
    """Make the file, or the first of the next that is not taken. A link is taken, and not followed."""
    for number in count(1):
        path = directory / (f"{stem}-{number}{suffix}" if number > 1 else stem + suffix)
        with suppress(FileExistsError):
            return path, os.open(path, _FLAGS, _OWNER_ONLY)
    raise AssertionError("there is always another number")


def _explained(error: OSError, name: str, directory: Path | None) -> TcplatError:
    """Say in one line why it is not saved, and what to do."""
    where = shlex.quote(str(directory)) if directory else "the current directory"
    match error:
        case FileNotFoundError():
            return TcplatError(f"cannot save: {where} is gone", "start tcplat in another directory")
        case PermissionError():
            return TcplatError(
                f"cannot save in {where}: permission denied", "start tcplat where you may write"
            )
    reason = (error.strerror or str(error)).lower()
    return TcplatError(f"cannot save {name} in {where}: {reason}", "start tcplat elsewhere")
