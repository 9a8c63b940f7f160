"""Where the single file unpacks itself to, and whom it trusts there."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.dist.pyz import write_pyz
from tools.dist.unpack import caches, unpacked

TREE = {"bpf/handshake.bpf.c": b"int it;\n", "tui/__init__.py": b"", "tui/__main__.py": b"was = 1\n"}
ANOTHER_BOOT = b"another boot\n"

Unpack = Callable[[str], Path]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "tcplat.pyz"
    write_pyz(path, TREE, epoch_s=1_800_000_000)
    return path


@pytest.fixture
def unpack(tmp_path: Path, archive: Path) -> Unpack:
    return lambda name: unpacked(archive, name, [tmp_path / "cache"])


def files(directory: Path) -> dict[str, bytes]:
    paths = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


def has_what_was_packed(directory: Path) -> bool:
    return {name: content for name, content in files(directory).items() if name != ".whole"} == TREE


def test_it_is_unpacked_once(unpack: Unpack) -> None:
    directory = unpack("pyz-1")
    assert has_what_was_packed(directory)
    (directory / "tui/__main__.py").write_bytes(b"as it was left\n")
    assert unpack("pyz-1") == directory
    assert (directory / "tui/__main__.py").read_bytes() == b"as it was left\n"


def test_nobody_else_can_write_there_nor_read_unless_it_is_roots(unpack: Unpack) -> None:
    mode = 0o700 if os.geteuid() else 0o755
    directory = unpack("pyz-1")
    assert [path.stat().st_mode & 0o777 for path in (directory, directory.parent)] == [mode, mode]


def test_what_root_unpacks_for_who_called_sudo_is_compiled(
    unpack: Unpack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "1000")
    assert list(unpack("pyz-1").rglob("*.pyc"))


AS_STARTED = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[3], 8))
sys.path.insert(0, sys.argv[1])
import unpack
unpack.caches = lambda *_: [Path(sys.argv[2])]
unpack.run("pyz-1")
"""


def started_with_umask(archive: Path, cache: Path, umask: str) -> dict[Path, int]:
    """What is there then: paths, and who may do what."""
    words = [sys.executable, "-I", "-c", AS_STARTED, str(archive), str(cache), umask]
    subprocess.run(words, check=False, capture_output=True)  # What is packed here has no `main`.
    there = [cache / "tcplat", *(cache / "tcplat").rglob("*")]
    assert [path for path in there if path.name == "__pycache__"]
    return {path: path.stat().st_mode for path in there}


@pytest.mark.parametrize("umask", ["0", "077"])
def test_whatever_the_umask_others_can_write_nothing_of_it(archive: Path, tmp_path: Path, umask: str) -> None:
    modes = started_with_umask(archive, tmp_path, umask)
    assert not [path for path, mode in modes.items() if mode & 0o022]


@pytest.mark.skipif(os.geteuid() != 0, reason="others are to read only what is root's")
def test_whatever_the_umask_others_can_read_what_is_roots(archive: Path, tmp_path: Path) -> None:
    """Else it could not become who called sudo."""
    modes = started_with_umask(archive, tmp_path, "077")
    assert not [path for path, mode in modes.items() if not mode & 0o004]


def test_where_the_disk_is_full_what_was_unpacked_is_not_left(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(tree: zipfile.ZipFile, directory: Path) -> None:
        (directory / "tui").mkdir()
        (directory / "tui/half").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(zipfile.ZipFile, "extractall", fill)
        with pytest.raises(SystemExit, match="No space left on device"):
            unpacked(archive, "pyz-1", [tmp_path / "cache"])
    assert not list((tmp_path / "cache/tcplat").rglob("*/*"))
    assert has_what_was_packed(unpacked(archive, "pyz-1", [tmp_path / "cache"]))


def test_what_a_crash_left_unfinished_is_unpacked_anew(unpack: Unpack) -> None:
    directory = unpack("pyz-1")
    (directory / ".whole").unlink()
    (directory / "tui/__main__.py").write_bytes(b"")
    (directory / "tui/__pycache__").mkdir()
    (directory / "left").write_bytes(b"")
    unpack("pyz-1")
    assert has_what_was_packed(directory)


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_after_another_boot_what_is_damaged_is_unpacked_anew(
    unpack: Unpack, damage: Callable[[Path], object]
) -> None:
    directory = unpack("pyz-1")
    (directory / ".whole").write_bytes(ANOTHER_BOOT)
    damage(directory / "tui/__main__.py")
    unpack("pyz-1")
    assert has_what_was_packed(directory)
    assert (directory / ".whole").read_bytes() != ANOTHER_BOOT


def test_after_another_boot_what_is_whole_keeps_what_python_compiled(unpack: Unpack) -> None:
    directory = unpack("pyz-1")
    (directory / ".whole").write_bytes(ANOTHER_BOOT)
    (directory / "tui/compiled.pyc").write_bytes(b"")
    unpack("pyz-1")
    assert (directory / "tui/compiled.pyc").exists()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_where_others_can_write_it_does_not_go(
    tmp_path: Path, archive: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "cache/tcplat"
    theirs.mkdir(parents=True)
    theirs.chmod(mode)
    with pytest.raises(SystemExit, match=r"cannot unpack itself \(.*tcplat: others can write there\)"):
        unpacked(archive, "pyz-1", [tmp_path / "cache"])
    assert (
        unpacked(archive, "pyz-1", [tmp_path / "cache", tmp_path / "next"]).parent == tmp_path / "next/tcplat"
    )
    assert not list(theirs.iterdir())


def test_what_somebody_else_made_beforehand_is_not_run(tmp_path: Path, unpack: Unpack) -> None:
    theirs = tmp_path / "cache/tcplat/pyz-1"
    theirs.mkdir(parents=True)
    (tmp_path / "cache/tcplat").chmod(0o755)
    theirs.chmod(0o757)
    with pytest.raises(SystemExit, match="pyz-1: others can write there"):
        unpack("pyz-1")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_not_used(tmp_path: Path, unpack: Unpack) -> None:
    (tmp_path / "cache/tcplat").mkdir(parents=True)
    os.chown(tmp_path / "cache/tcplat", 65534, 65534)
    with pytest.raises(SystemExit, match="others can write there"):
        unpack("pyz-1")


def test_a_link_is_not_followed(tmp_path: Path, unpack: Unpack) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "cache/tcplat").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SystemExit, match="cannot unpack itself"):
        unpack("pyz-1")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_older_versions_do_not_pile_up(tmp_path: Path, unpack: Unpack) -> None:
    for name in ("pyz-1", "pyz-2", "pyz-3", "pyz-4"):
        directory = unpack(name)
        release(directory)
        os.utime(directory, (int(name[-1]), int(name[-1])))
    assert {path.name for path in (tmp_path / "cache/tcplat").iterdir()} == {"pyz-3", "pyz-4"}


def test_a_version_that_runs_is_left_alone(tmp_path: Path, unpack: Unpack) -> None:
    running = unpack("pyz-1")
    os.utime(running, (1, 1))
    for name in ("pyz-2", "pyz-3"):
        unpack(name)
    assert has_what_was_packed(running)


def test_a_cache_holds_what_else_is_there(tmp_path: Path, unpack: Unpack) -> None:
    unpack("pyz-1")
    (tmp_path / "cache/tcplat/notes").mkdir()
    for name in ("pyz-2", "pyz-3"):
        release(unpack(name))
    assert (tmp_path / "cache/tcplat/notes").exists()


def release(directory: Path) -> None:
    """Let go of it, as the end of its process would."""
    for each in Path("/proc/self/fd").iterdir():
        if each.exists() and each.readlink() == directory:
            os.close(int(each.name))


def test_roots_cache_is_in_nobodys_home() -> None:
    environment = {
        "HOME": "/home/ann",
        "XDG_CACHE_HOME": "/home/ann/.cache",
        "XDG_RUNTIME_DIR": "/run/user/1000",
    }
    assert caches(environment, uid=0) == [Path("/var/cache"), Path("/run")]


def test_a_users_cache_is_where_the_user_says() -> None:
    assert caches({"HOME": "/home/ann"}, uid=1000) == [Path("/home/ann/.cache")]
    assert caches({"HOME": "/home/ann", "XDG_CACHE_HOME": "/fast"}, uid=1000)[0] == Path("/fast")
    assert caches({"HOME": "/home/ann", "XDG_CACHE_HOME": "fast"}, uid=1000)[0] == Path("/home/ann/.cache")
    assert caches({}, uid=1000) == []


def test_without_any_place_it_says_what_to_do(archive: Path) -> None:
    with pytest.raises(SystemExit, match=r"^tcplat: it cannot unpack itself \(there is no home\)"):
        unpacked(archive, "pyz-1", [])


def test_an_older_python_is_told_to_be_one(archive: Path) -> None:
    """So what runs first must be read by any Python 3."""
    with zipfile.ZipFile(archive) as opened:
        first = opened.read("__main__.py").decode()
    ast.parse(first, feature_version=(3, 4))
    was = sys.version_info
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 6, 8, *was[3:]))
        with pytest.raises(SystemExit, match="this is Python 3.6; start it with Python 3.10 or later"):
            exec(first, {})
