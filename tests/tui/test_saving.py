"""Saving to a new file: never over another's, for the owner only, and all of it or nothing."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bpf.errors import TcplatError
from tui.saving import save

WALL_S = 1_795_397_025.9
NAME = "tcplat-20261123T012345Z"


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """A disk that is full soon. Python ignores SIGXFSZ, so that write(2) fails with EFBIG."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_name_is_the_time_and_the_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = save("a,b\n1,µ\n", ".csv", WALL_S)
    assert path == tmp_path / f"{NAME}.csv"
    assert path.read_bytes() == "a,b\n1,µ\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    paths = [save(text, ".jsonl.gz", WALL_S, tmp_path) for text in ("1", "2", "3")]
    assert [path.name for path in paths] == [f"{NAME}{more}.jsonl.gz" for more in ("", "-2", "-3")]
    assert [path.read_text(encoding="ascii") for path in paths] == ["1", "2", "3"]


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    for name, target in ((f"{NAME}.csv", "nothing"), (f"{NAME}-2.csv", "victim")):
        (tmp_path / name).symlink_to(tmp_path / target)
    (tmp_path / "victim").write_text("mine", encoding="ascii")
    assert save("text", ".csv", WALL_S, tmp_path) == tmp_path / f"{NAME}-3.csv"
    assert (tmp_path / "victim").read_text(encoding="ascii") == "mine"
    assert not (tmp_path / "nothing").exists()


def test_what_is_no_unicode_is_written_all_the_same(tmp_path: Path) -> None:
    assert save("\ud800", ".csv", WALL_S, tmp_path).read_bytes() == b"?"


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    with files_of_at_most(1000), pytest.raises(TcplatError) as caught:
        save("x" * 100_000, ".csv", WALL_S, tmp_path)
    assert str(caught.value) == (
        f"cannot save {NAME}.csv in {tmp_path}: file too large; start tcplat elsewhere"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    with pytest.raises(TcplatError) as caught:
        save("text", ".csv", WALL_S)
    assert (
        str(caught.value) == "cannot save: the current directory is gone; start tcplat in another directory"
    )
    with pytest.raises(TcplatError, match="is gone"):
        save("text", ".csv", WALL_S, here)


def test_a_file_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "a b").touch()
    with pytest.raises(TcplatError) as caught:
        save("text", ".csv", WALL_S, tmp_path / "a b")
    assert str(caught.value) == (
        f"cannot save {NAME}.csv in '{tmp_path}/a b': not a directory; start tcplat elsewhere"
    )


def test_where_only_root_may_write_it_is_saved_at_home(tmp_path: Path) -> None:
    """In a process of its own, which does not become root again."""
    program = (
        "import os, pwd, sys; from tui import saving\n"
        "if not os.getuid(): os.setuid(65534)\n"
        "entry = pwd.struct_passwd(('', '', 0, 0, '', sys.argv[1], ''))\n"
        "pwd.getpwuid = lambda uid: entry\n"
        "print(saving.place())"
    )
    tmp_path.chmod(0o500)
    command = [sys.executable, "-c", program, "/tmp"]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=True, cwd=tmp_path, env=environment
    )
    assert done.stdout == "/tmp\n"


def test_a_directory_of_others_is_told(tmp_path: Path) -> None:
    """In a process of its own: root may write everywhere, and does not become itself again."""
    program = (
        "import os, sys; from pathlib import Path; from tui.saving import save\n"
        "if not os.getuid(): os.setuid(65534)\n"
        "save('text', '.csv', 0, Path(sys.argv[1]))"
    )
    tmp_path.chmod(0o500)
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert f"cannot save in {tmp_path}: permission denied; start tcplat where you may write\n" in done.stderr
    assert list(tmp_path.iterdir()) == []
