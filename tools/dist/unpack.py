"""Runs first in tcplat.pyz: unpacks what that carries into a cache, once, and starts it from there.

Run from within the zip, Python would compile a thousand modules at each start. In a directory it keeps what it
compiled, and bcc finds the C source. What is there will be run by whoever starts it, root most of all: so nobody else
may be able to write there. What root unpacked others may read: the program becomes who called sudo, and goes on
importing. Needs nothing but the standard library of Python 3.10.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from zipfile import ZipFile

TREE = "tree.zip"
PREFIX = "pyz-"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MARK = ".whole"
"""Written last: the boot since which all files are known to be there."""
_OTHERS_KEPT = 1
_SELDOM_IMPORTED = re.compile(r"/pygments/(lexers|styles)/")


def run(name: str) -> NoReturn:
    """Start the program in this process. `name`: what its directory in the cache is called; each content has its own."""
    # Python's own cache in there is to be written by nobody else either; root's is to be read by others, too.
    os.umask(0o022 if os.geteuid() == 0 else os.umask(0o077) | 0o022)
    try:
        places = caches(os.environ, os.geteuid())
        # In place of the archive, which is first there.
        sys.path[0] = str(unpacked(Path(sys.path[0]), f"{name}-{sys.implementation.cache_tag}", places))
        sys.dont_write_bytecode = False
        from tui.__main__ import main
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(main())


def caches(environment: Mapping[str, str], uid: int) -> list[Path]:
    """Where there may be a cache, the best first. Root's is in nobody's home: sudo may have left HOME as it was."""
    if uid == 0:
        return [Path("/var/cache"), Path("/run")]
    named = (("XDG_CACHE_HOME", "."), ("HOME", ".cache"), ("XDG_RUNTIME_DIR", "."))
    return [
        Path(environment[each], below) for each, below in named if environment.get(each, "").startswith("/")
    ]


def unpacked(archive: Path, name: str, places: Iterable[Path]) -> Path:
    """The directory that holds what the archive carries; nobody removes it while this process lives.

    Exits, with one line, if none of the places will do.
    """
    troubles = []
    for place in places:
        try:
            return _unpacked_in(place / "tcplat", name, archive)
        except OSError as error:
            troubles.append(f"{error.filename or place}: {error.strerror}")
    hint = "" if os.geteuid() == 0 else "; set XDG_CACHE_HOME to a directory of yours"
    sys.exit(f"tcplat: it cannot unpack itself ({', '.join(troubles) or 'there is no home'}){hint}")


def _unpacked_in(cache: Path, name: str, archive: Path) -> Path:
    directory = cache / name
    mode = 0o755 if os.geteuid() == 0 else 0o700
    cache.mkdir(mode=mode, parents=True, exist_ok=True)
    with _private(cache) as cache_fd:
        fcntl.flock(cache_fd, fcntl.LOCK_EX)  # One at a time unpacks or removes.
        directory.mkdir(mode=mode, exist_ok=True)
        with _private(directory) as directory_fd:
            fcntl.flock(os.dup(directory_fd), fcntl.LOCK_SH)  # Until the process ends: that one stays open.
        _make_whole(directory, archive)
        os.utime(directory)
        _remove_others(cache, directory)
    return directory


@contextmanager
def _private(directory: Path) -> Iterator[int]:
    """Open it. Raises OSError if it is somebody else's, or others may write there."""
    directory_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        status = os.fstat(directory_fd)
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(0, "others can write there", str(directory))
        yield directory_fd
    finally:
        os.close(directory_fd)


def _make_whole(directory: Path, archive: Path) -> None:
    """Unpack, unless that was done since this boot, or before and nothing is amiss."""
    mark, boot = directory / _MARK, _BOOT.read_bytes()
    marked = mark.read_bytes() if mark.exists() else b""
    if marked == boot:
        return
    from zipfile import ZipFile

    with ZipFile(archive) as outer, outer.open(TREE) as packed, ZipFile(packed) as tree:
        if not (marked and _is_whole(directory, tree)):
            _empty(directory)
            try:
                tree.extractall(directory)
            except OSError:
                _empty(directory)  # A disk that is full has better uses.
                raise
            if "SUDO_UID" in os.environ:
                _compile(directory)
    mark.write_bytes(boot)


def _empty(directory: Path) -> None:
    for left in directory.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _compile(directory: Path) -> None:
    """What root does not keep compiled now nobody will: who called sudo cannot write here. Takes two seconds."""
    from compileall import compile_dir

    compile_dir(directory, quiet=2, rx=_SELDOM_IMPORTED)


def _is_whole(directory: Path, tree: ZipFile) -> bool:
    """Whether all files are as they were packed. Of those written just before a crash, some may be empty."""
    from zlib import crc32

    try:
        return all(crc32((directory / each.filename).read_bytes()) == each.CRC for each in tree.infolist())
    except OSError:
        return False


def _remove_others(cache: Path, directory: Path) -> None:
    """Of other versions only that which was started last is kept, and those that are running."""
    others = [each for each in cache.glob(f"{PREFIX}*") if each != directory]
    others.sort(key=lambda each: each.lstat().st_mtime, reverse=True)
    for other in others[_OTHERS_KEPT:]:
        with suppress(OSError), _private(other) as other_fd:
            fcntl.flock(other_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(other)
