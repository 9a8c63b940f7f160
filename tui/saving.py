"""Saving what the screen shows: a new file, for its owner only."""

from __future__ import annotations

import os
import pwd
import shlex
import time
from collections.abc import Iterator
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
    try:
        # Asked first: a current directory that was removed has no path.
        path, fd = _make(paths((directory or place()).absolute(), suffix, wall_s))
        try:
            with open(fd, "wb") as file:
                file.write(text.encode(errors="replace"))
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
    except OSError as error:
        raise _explained(error, _stem(wall_s) + suffix, directory) from error
    return path


def paths(directory: Path, suffix: str, wall_s: float) -> Iterator[Path]:
    """Yield the names that `save` tries in turn, without end."""
    stem = _stem(wall_s)
    yield directory / (stem + suffix)
    for number in count(2):
        yield directory / f"{stem}-{number}{suffix}"


def _stem(wall_s: float) -> str:
    return time.strftime("tcplat-%Y%m%dT%H%M%SZ", time.gmtime(wall_s))


def _make(names: Iterator[Path]) -> tuple[Path, int]:
    """Make the first that is not taken. A link is taken, and not followed."""
    while True:
        path = next(names)
        with suppress(FileExistsError):
            return path, os.open(path, _FLAGS, _OWNER_ONLY)


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
