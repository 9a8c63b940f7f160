"""The file being recorded to: made safely, compressed as its name says, rotated, and never torn by a full disk."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from bpf.compression import compressor_for
from bpf.errors import TcplatError
from tui.record.rotation import Rotation, shift

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
_OWNER_ONLY = 0o600
"""A recording tells who talks to whom."""


class RecordingFile:
    """Takes text of whole lines. One thread at a time.

    What is taken (`add`, `flush`) is compressed and stays pending; `settle` writes it. So an error of the disk never
    tears the stream: what was not written stays, and `settle` goes on there when called again. There is no fsync: it
    costs the disk more than what it saves, which is only what a crash of the machine, not of tcplat, would lose.
    """

    def __init__(
        self,
        path: Path,
        header: Callable[[], str],
        rotation: Rotation | None = None,
        *,
        clock_s: Callable[[], float] = time.monotonic,
        write: Callable[[int, memoryview], int] = os.write,
    ) -> None:
        """`header` makes the line each file begins with, called by whichever thread begins the file."""
        self.path = path
        self._header = header
        self._rotation = rotation
        self._clock_s = clock_s
        self._write = write
        self._fd = -1
        self._pending = memoryview(b"")
        self._size_bytes = self._whole_bytes = 0
        self._is_ending = self._has_lines = False

    def open(self) -> None:
        """Begin the first file. Raises TcplatError."""
        if not self.path.name:
            raise TcplatError("the recording has no file name", "give one: --record trace.jsonl.zst")
        self._new_compressor = compressor_for(self.path.name)
        try:
            self._begin()
            self.settle()
        except OSError as error:
            if self._fd >= 0:  # Made, but not even the header fits.
                self.abandon()
                self.path.unlink(missing_ok=True)
            raise _explained(self.path, error, self._rotation is not None) from error

    def add(self, text: str) -> None:
        """Take whole lines. No input or output; after `prepare`, so that they go to the right file."""
        self._has_lines = True
        self._take(self._compressor.compress(text.encode(errors="replace")))

    def flush(self) -> None:
        """Have `settle` make readable all that was added. No input or output."""
        self._take(self._compressor.flush(end=False))

    def settle(self) -> None:
        """Write what is pending. Blocks as long as the disk does; raises OSError, and can then be called again."""
        while self._pending:
            written = self._write(self._fd, self._pending)
            if not written:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self._pending = self._pending[written:]
            self._size_bytes += written
        self._whole_bytes = self._size_bytes

    def prepare(self) -> None:
        """Write what is pending, and begin another file if it is time to. As `settle`."""
        if self._fd >= 0:
            self.settle()
            if not self._is_ending and not self._is_full():
                return
            self._end()
        self._begin()
        self.settle()

    def close(self) -> None:
        """Write the rest, end the compressed stream, close. As `settle`; closed already, it does nothing."""
        if self._fd >= 0:
            self._end()

    def abandon(self) -> None:
        """Close without the rest, cut back to where the last `settle` that succeeded ended, so to a line's end."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        self._pending = memoryview(b"")
        # A disk may not even do that; a reader takes what is whole.
        with suppress(OSError):
            if self._size_bytes > self._whole_bytes:
                os.ftruncate(fd, self._whole_bytes)
        with suppress(OSError):
            os.close(fd)

    def _take(self, data: bytes) -> None:
        if data:
            self._pending = memoryview(bytes(self._pending) + data if self._pending else data)

    def _is_full(self) -> bool:
        age_s = self._clock_s() - self._began_s
        return (
            self._has_lines and self._rotation is not None and self._rotation.is_due(self._size_bytes, age_s)
        )

    def _begin(self) -> None:
        """Make a file of our own; with rotation, an older one is renamed away first. Raises OSError."""
        if self._rotation:
            self._make_way(self._rotation)
        self._fd = os.open(self.path, _FLAGS, _OWNER_ONLY)
        _lock(self._fd)
        self._compressor = self._new_compressor()
        self._size_bytes = self._whole_bytes = 0
        self._is_ending = self._has_lines = False
        self._began_s = self._clock_s()
        self._take(self._compressor.compress(self._header().encode(errors="replace")))
        self._take(self._compressor.flush(end=False))

    def _make_way(self, rotation: Rotation) -> None:
        try:
            mode = self.path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISREG(mode):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        fd = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _lock(fd)
            shift(self.path, rotation.keep)
        finally:
            os.close(fd)

    def _end(self) -> None:
        if not self._is_ending:
            self._is_ending = True
            self._take(self._compressor.flush(end=True))
        self.settle()
        fd, self._fd = self._fd, -1
        os.close(fd)


def _lock(fd: int) -> None:
    """Tell other tcplats that this file is being recorded to. Raises BlockingIOError if one of them is at it."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        pass  # A file system without locks.


def _explained(path: Path, error: OSError, is_rotated: bool) -> TcplatError:
    """Say in one line why there can be no such file, and what to do."""
    directory = path.parent
    name, where = shlex.quote(str(path)), shlex.quote(str(directory))
    match error:
        case FileExistsError():
            return _in_the_way(path, name, is_rotated)
        case BlockingIOError():
            return TcplatError(f"another tcplat records to {name}", "name another file")
        case FileNotFoundError() if not directory.exists():
            return TcplatError(f"there is no directory {where}", f"make it: mkdir -p {where}")
        case NotADirectoryError():
            return TcplatError(f"{where} is not a directory", "name another file")
        case PermissionError():
            return TcplatError(f"cannot make {name}: permission denied", "name a file where you may write")
    reason = (error.strerror or str(error)).lower()
    return TcplatError(f"cannot make {name}: {reason}", "name a file elsewhere")


def _in_the_way(path: Path, name: str, is_rotated: bool) -> TcplatError:
    try:
        mode = path.lstat().st_mode
    except OSError:
        mode = stat.S_IFREG
    if stat.S_ISDIR(mode):
        return TcplatError(f"{name} is a directory", f"name a file in it: {name}/trace.jsonl.zst")
    if stat.S_ISREG(mode) and not is_rotated:
        return TcplatError(f"{name} exists", "name another file, or remove it")
    return TcplatError(f"{name} is not a regular file", "name another file")
