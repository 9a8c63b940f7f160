"""What is kept of compiling: found again as it was, and not at all if anything about it is amiss."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bpf.compiled import Compiled
from bpf.kept import Kept, cache_directory
from bpf.maps import Shape

COMPILED = Compiled(
    {"watch": bytes(range(64))}, (Shape("counts", 2, 4, 8, 256), Shape("ring", 27, 0, 0, 4096)), {"ring": 1}
)
OTHER = Compiled({"watch": b"another"}, (), {})


@pytest.fixture
def compiler(tmp_path: Path) -> Path:
    """What stands for a file of the compiler's."""
    path = tmp_path / "libcompiler.so"
    path.write_bytes(b"made last year")
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where things are kept; made by what keeps them."""
    return tmp_path / "cache"


@pytest.fixture
def kept(directory: Path, compiler: Path) -> Kept:
    """One that was written."""
    store = Kept(directory, "of these")
    store.write(COMPILED, [compiler])
    assert store.read() == COMPILED
    return store


def the_file(directory: Path) -> Path:
    (path,) = directory.iterdir()
    return path


def test_it_is_ours_alone(kept: Kept, directory: Path) -> None:
    assert directory.stat().st_mode & 0o777 == 0o755
    assert the_file(directory).stat().st_mode & 0o777 == 0o600


def test_it_replaces_what_was_there(kept: Kept, directory: Path, compiler: Path) -> None:
    kept.write(OTHER, [compiler])
    assert kept.read() == OTHER
    the_file(directory)


def test_of_other_ingredients_there_is_nothing(kept: Kept, directory: Path) -> None:
    assert Kept(directory, "of those").read() is None


def test_of_ingredients_with_the_same_name_there_is_nothing(
    kept: Kept, directory: Path, compiler: Path
) -> None:
    other = Kept(directory, "of those")
    other.write(COMPILED, [compiler])
    mine, others = sorted(directory.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    others.replace(mine)
    assert kept.read() is None


def test_another_compiler_makes_it_anew(kept: Kept, compiler: Path) -> None:
    os.utime(compiler, ns=(1, 1))
    assert kept.read() is None


def test_compiler_that_is_gone_made_nothing(kept: Kept, compiler: Path) -> None:
    compiler.unlink()
    assert kept.read() is None


def test_no_damaged_byte_is_overlooked(kept: Kept, directory: Path) -> None:
    path = the_file(directory)
    good = path.read_bytes()
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes((good[at] ^ 1 << at % 8,)) + good[at + 1 :])
        assert kept.read() is None
    path.write_bytes(good)
    assert kept.read() == COMPILED


@pytest.mark.parametrize("left", [0, 1, 8, 9, 100])
def test_what_is_cut_short_is_not_there(left: int, kept: Kept, directory: Path) -> None:
    os.truncate(the_file(directory), left)
    assert kept.read() is None


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_directory_that_others_may_write_to_is_left_alone(
    mode: int, kept: Kept, directory: Path, compiler: Path
) -> None:
    directory.chmod(mode)
    before = the_file(directory).read_bytes()
    assert kept.read() is None
    kept.write(OTHER, [compiler])
    assert the_file(directory).read_bytes() == before


def test_whatever_the_umask_others_may_read_the_directory_and_write_nothing(
    tmp_path: Path, compiler: Path
) -> None:
    for umask in (0o077, 0):
        directory = tmp_path / f"{umask:o}"
        before = os.umask(umask)
        try:
            Kept(directory, "of these").write(COMPILED, [compiler])
        finally:
            os.umask(before)
        modes = [each.stat().st_mode & 0o777 for each in (directory, the_file(directory))]
        assert modes == [0o755, 0o600]


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_file_that_others_may_write_is_not_taken(mode: int, kept: Kept, directory: Path) -> None:
    the_file(directory).chmod(mode)
    assert kept.read() is None


@pytest.mark.kernel  # It takes root.
def test_what_somebody_else_owns_is_not_taken(kept: Kept, directory: Path, compiler: Path) -> None:
    os.chown(the_file(directory), 12345, 0)
    assert kept.read() is None
    kept.write(COMPILED, [compiler])
    assert kept.read() == COMPILED
    os.chown(directory, 12345, 0)
    assert kept.read() is None


def test_link_in_its_place_is_not_followed(kept: Kept, directory: Path, tmp_path: Path) -> None:
    path = the_file(directory)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert kept.read() is None


def test_link_in_place_of_the_directory_is_not_followed(
    kept: Kept, directory: Path, tmp_path: Path, compiler: Path
) -> None:
    directory.rename(tmp_path / "elsewhere")
    directory.symlink_to(tmp_path / "elsewhere")
    before = the_file(tmp_path / "elsewhere").read_bytes()
    assert kept.read() is None
    kept.write(OTHER, [compiler])
    assert the_file(tmp_path / "elsewhere").read_bytes() == before


def test_pipe_in_its_place_is_not_waited_for(kept: Kept, directory: Path) -> None:
    path = the_file(directory)
    path.unlink()
    os.mkfifo(path)
    assert kept.read() is None


def test_without_a_directory_nothing_is_kept(tmp_path: Path, compiler: Path) -> None:
    for directory in (tmp_path / "not" / "there", Path("/proc/nowhere"), compiler):
        store = Kept(directory, "of these")
        store.write(COMPILED, [compiler])
        assert store.read() is None
    assert not (tmp_path / "not").exists()


@contextmanager
def room_for(file_bytes: int) -> Iterator[None]:
    """As on a full disk: no file may become longer."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_leaves_what_was_there(kept: Kept, directory: Path, compiler: Path) -> None:
    with room_for(100):
        kept.write(OTHER, [compiler])
    assert kept.read() == COMPILED
    the_file(directory)


def test_old_ones_are_removed_and_only_those(directory: Path, compiler: Path) -> None:
    stores = [Kept(directory, f"of {number}") for number in range(12)]
    for number, store in enumerate(stores):
        store.write(COMPILED, [compiler])
        for path in directory.iterdir():
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 1_000_000_000))
        if not number:
            (directory / "somebody's").write_text("else's")
    found = [store.read() for store in stores]
    assert found == [None] * 4 + [COMPILED] * 8
    assert (directory / "somebody's").exists()


def test_it_is_whole_for_whoever_reads_while_others_write(
    kept: Kept, directory: Path, compiler: Path
) -> None:
    def write_often() -> None:
        store = Kept(directory, "of these")
        for _ in range(200):
            store.write(COMPILED, [compiler])

    writers = [threading.Thread(target=write_often) for _ in range(2)]
    for each in writers:
        each.start()
    while any(each.is_alive() for each in writers):
        assert kept.read() == COMPILED
    the_file(directory)


@pytest.mark.kernel  # It takes root.
def test_root_keeps_it_with_the_system_or_where_a_service_does() -> None:
    assert cache_directory({}) == Path("/var/cache/tcplat")
    assert cache_directory({"CACHE_DIRECTORY": "/var/cache/mine:/var/cache/more"}) == Path("/var/cache/mine")
    assert cache_directory({"CACHE_DIRECTORY": "mine"}) == Path("/var/cache/tcplat")


def test_others_keep_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cache_directory({"CACHE_DIRECTORY": "/var/cache/mine"}) is None
