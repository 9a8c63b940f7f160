"""What was compiled, kept on disk for the next start. Root's alone; what is not as it should be is as if not there.

A program from there is loaded into the kernel: so nobody else may be able to write it.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

from bpf.compiled import Compiled, decoded

_PREFIX = "compiled-"
_KEPT_MAX = 8
"""Of other kernels, of versions before: the oldest give way."""
_BYTES_MAX = 4 << 20


def cache_directory(environment: Mapping[str, str]) -> Path | None:
    """Where it is kept; None: nowhere, we are not root. A service may have a place of its own (systemd.exec(5))."""
    if os.geteuid() != 0:
        return None
    given = environment.get("CACHE_DIRECTORY", "").split(":")[0]
    return Path(given if given.startswith("/") else "/var/cache/tcplat")


class Kept:
    """What was made of certain ingredients, in a directory. Nothing here raises: it can always be made anew."""

    def __init__(self, directory: Path, ingredients: str) -> None:
        """`ingredients`: all that it depends on, but for the compiler's files."""
        self._directory = directory
        self._ingredients = ingredients
        self._name = f"{_PREFIX}{crc32(ingredients.encode()):08x}"

    def read(self) -> Compiled | None:
        """What is there of just these, made by what is still the same compiler; None: nothing is."""
        try:
            with _private(self._directory) as directory_fd:
                data = _contents(self._name, directory_fd)
            checksum, _, content = data.partition(b"\n")
            if checksum != _checksum(content):
                return None
            told = json.loads(content)
            if told["ingredients"] != self._ingredients or told["files"] != _states(map(Path, told["files"])):
                return None
            return decoded(told["compiled"])
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def write(self, compiled: Compiled, files: Iterable[Path]) -> None:
        """Keep it in place of what is there, as a whole or not at all. `files`: the compiler's."""
        with suppress(OSError):
            content = json.dumps(
                {
                    "ingredients": self._ingredients,
                    "files": _states(files),
                    "compiled": compiled.encoded(),
                }
            ).encode()
            with suppress(FileExistsError):
                self._directory.mkdir(mode=0o700)
                # Whatever the umask: the single file unpacks itself beside, for others to read.
                self._directory.chmod(0o755)
            with _private(self._directory) as directory_fd:
                _replace(self._name, directory_fd, _checksum(content) + b"\n" + content)
                _remove_oldest(directory_fd)


def _checksum(content: bytes) -> bytes:
    return b"%08x" % crc32(content)


def _states(files: Iterable[Path]) -> dict[str, list[int]]:
    """What changes when they do. Raises OSError: one is gone."""
    found = {str(each): each.stat() for each in files}
    return {path: [state.st_size, state.st_mtime_ns] for path, state in found.items()}


@contextmanager
def _private(directory: Path) -> Iterator[int]:
    """Open a directory. Raises OSError unless it is ours, and nobody else's to write to."""
    directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _require_private(directory_fd)
        yield directory_fd
    finally:
        os.close(directory_fd)


def _require_private(fd: int) -> None:
    state = os.fstat(fd)
    if state.st_uid != os.geteuid() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("somebody else may have written it")


def _contents(name: str, directory_fd: int) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    with open(os.open(name, flags, dir_fd=directory_fd), "rb") as file:
        _require_private(file.fileno())
        return file.read(_BYTES_MAX)


def _replace(name: str, directory_fd: int, data: bytes) -> None:
    unfinished = f"{name}.{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with open(os.open(unfinished, flags, 0o600, dir_fd=directory_fd), "wb") as file:
            file.write(data)
        os.rename(unfinished, name, src_dir_fd=directory_fd, dst_dir_fd=directory_fd)
    except OSError:
        with suppress(OSError):
            os.unlink(unfinished, dir_fd=directory_fd)
        raise


def _remove_oldest(directory_fd: int) -> None:
    """Also what a run that was killed began to write."""

    def written_ns(name: str) -> int:
        return os.stat(name, dir_fd=directory_fd, follow_symlinks=False).st_mtime_ns

    ours = [name for name in os.listdir(directory_fd) if name.startswith(_PREFIX)]
    for name in sorted(ours, key=written_ns)[:-_KEPT_MAX]:
        os.unlink(name, dir_fd=directory_fd)
