"""The file recorded to: never another's, each complete in itself, rotated by size and age, whole whatever fails."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf.errors import TcplatError
from tests.record.reading import HEADER, NAMES, header, line, read
from tui.record.file import RecordingFile
from tui.record.rotation import Rotation, older, rotation


def opened(path: Path, rotated: Rotation | None = None) -> RecordingFile:
    file = RecordingFile(path, header, rotated)
    file.open()
    return file


def add(file: RecordingFile, text: str) -> None:
    file.prepare()
    file.add(text)
    file.flush()
    file.settle()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_added_can_be_read_at_once_and_is_complete_when_closed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    file = opened(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for number in range(5):
        add(file, line(number))
        assert read(path)[0] == [line(each) for each in range(number + 1)]
    file.close()
    file.close()
    assert read(path) == ([line(each) for each in range(5)], "")


def message(path: Path, rotated: Rotation | None = None) -> str:
    with pytest.raises(TcplatError) as caught:
        opened(path, rotated)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text("mine", encoding="ascii")
    assert message(path) == f"{path} exists; name another file, or remove it"
    assert path.read_text(encoding="ascii") == "mine"


@pytest.mark.parametrize("rotated", [None, Rotation(age_s=1)])
def test_what_is_no_file_is_told(tmp_path: Path, rotated: Rotation | None) -> None:
    fifo, directory = tmp_path / "fifo", tmp_path / "directory"
    os.mkfifo(fifo)
    directory.mkdir()
    assert message(fifo, rotated) == f"{fifo} is not a regular file; name another file"
    assert message(directory, rotated) == (
        f"{directory} is a directory; name a file in it: {directory}/trace.jsonl.zst"
    )
    missing = tmp_path / "a b" / "trace.jsonl"
    assert message(missing, rotated) == (
        f"there is no directory '{missing.parent}'; make it: mkdir -p '{missing.parent}'"
    )
    assert "is not a directory; name another file" in message(fifo / "trace.jsonl", rotated)
    assert "has no file name" in message(Path(), rotated)
    assert message(Path("/proc/trace.jsonl"), rotated).startswith("cannot make")


@pytest.mark.parametrize("rotated", [None, Rotation(age_s=1)])
def test_a_planted_link_is_not_followed(tmp_path: Path, rotated: Rotation | None) -> None:
    victim, link = tmp_path / "victim", tmp_path / "trace.jsonl"
    for target in (victim, tmp_path / "nothing"):
        victim.write_text("mine", encoding="ascii")
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert message(link, rotated) == f"{link} is not a regular file; name another file"
        assert victim.read_text(encoding="ascii") == "mine"
        assert not (tmp_path / "nothing").exists()


def test_the_way_each_error_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trace.jsonl"
    for number, text in (
        (errno.EACCES, "permission denied; name a file where you may write"),
        (errno.EROFS, "read-only file system; name a file elsewhere"),
        (errno.ENOSPC, "no space left on device; name a file elsewhere"),
    ):

        def refuse(*_: object, number: int = number) -> int:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "open", refuse)
        assert message(path) == f"cannot make {path}: {text}"


def test_no_room_for_the_header_leaves_nothing(tmp_path: Path) -> None:
    def refuse(_: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "trace.jsonl"
    with pytest.raises(TcplatError, match="no space left"):
        RecordingFile(path, header, write=refuse).open()
    assert not path.exists()


def test_two_do_not_record_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    first = opened(path, Rotation(age_s=100))
    assert message(path, Rotation(age_s=100)) == f"another tcplat records to {path}; name another file"
    first.close()
    opened(path, Rotation(age_s=100)).close()
    assert read(older(path, 1)) == ([], "")


@pytest.mark.parametrize("name", NAMES)
def test_rotated_by_size(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("before", encoding="ascii")
    file = opened(path, Rotation(size_bytes=4096, keep=3))
    assert older(path, 1).read_text(encoding="ascii") == "before"
    number = 0
    while not older(path, 3).exists() or older(path, 3).read_bytes() == b"before":
        add(file, line(number))
        number += 1
    add(file, line(number))
    file.close()
    assert len(list(tmp_path.iterdir())) == 4
    lines = []
    for each in (older(path, 3), older(path, 2), older(path, 1), path):
        some, trouble = read(each)
        assert not trouble and some
        assert each.stat().st_size < 4096 + 300
        lines += some
    assert lines == [line(each) for each in range(number + 1)]


def test_rotated_by_age(tmp_path: Path) -> None:
    now_s = 0.0
    path = tmp_path / "trace.jsonl.gz"
    file = RecordingFile(path, header, rotation("1m", keep=2), clock_s=lambda: now_s)
    file.open()
    for number in range(10):
        add(file, line(number))
        now_s += 20
    now_s += 1000
    file.close()
    assert [read(each)[0] for each in (older(path, 2), older(path, 1), path)] == [
        [line(each) for each in some] for some in ([3, 4, 5], [6, 7, 8], [9])
    ]
    assert not older(path, 3).exists()


def test_keep_none(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    file = opened(path, Rotation(size_bytes=1, keep=0))
    for number in range(3):
        add(file, line(number))
    file.close()
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    assert read(path)[0] == [line(2)]


def test_a_gap_is_filled_before_anything_goes(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    for number in (1, 3):
        older(path, number).write_text(str(number), encoding="ascii")
    path.write_text("0", encoding="ascii")
    opened(path, Rotation(age_s=1, keep=3)).close()
    assert [older(path, number).read_text(encoding="ascii") for number in (1, 2, 3)] == ["0", "1", "3"]


@pytest.mark.parametrize("name", NAMES)
@given(room=st.lists(st.integers(0, 400), max_size=60), size=st.integers(1, 3000))
def test_however_the_disk_fails_nothing_is_torn(
    tmp_path_factory: pytest.TempPathFactory, name: str, room: list[int], size: int
) -> None:
    """It takes some bytes, or none, at a time; also while rotating."""
    path = tmp_path_factory.mktemp("full") / name
    left = iter([10**6, *room])

    def write(fd: int, data: memoryview) -> int:
        bytes_left = next(left, 10**6)
        if not bytes_left:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data[:bytes_left])

    def insist(what: str) -> None:
        for _ in range(100):
            try:
                getattr(file, what)()
                return
            except OSError:
                pass

    file = RecordingFile(path, header, Rotation(size_bytes=size, keep=100), write=write)
    file.open()
    for number in range(40):
        insist("prepare")
        file.add(line(number))
        file.flush()
        insist("settle")
    insist("close")
    files = [older(path, number) for number in range(100, 0, -1) if older(path, number).exists()]
    contents = [read(each) for each in [*files, path]]
    assert [each for some, _ in contents for each in some] == [line(number) for number in range(40)]
    assert not any(trouble for _, trouble in contents)


def test_abandoned_it_ends_with_a_line(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    left = iter([10**6, 10**6, 5, 0])

    def write(fd: int, data: memoryview) -> int:
        bytes_left = next(left)
        if not bytes_left:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.write(fd, data[:bytes_left])

    file = RecordingFile(path, header, write=write)
    file.open()
    add(file, line(1))
    with pytest.raises(OSError, match="Input/output"):
        add(file, line(2))
    assert path.read_text(encoding="ascii") == HEADER + line(1) + line(2)[:5]
    file.abandon()
    file.abandon()
    assert path.read_text(encoding="ascii") == HEADER + line(1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("64M", Rotation(size_bytes=64 << 20)),
        ("4K", Rotation(size_bytes=4096)),
        ("1G", Rotation(size_bytes=1 << 30)),
        ("30s", Rotation(age_s=30)),
        ("5m", Rotation(age_s=300)),
        ("1h", Rotation(age_s=3600)),
        ("7d", Rotation(age_s=604_800)),
    ],
)
def test_rotation_is_read(text: str, expected: Rotation) -> None:
    assert rotation(text) == expected


@pytest.mark.parametrize(
    "text", ["", "64", "M", "0M", "-1h", "1.5h", "1w", "64MB", "1K", "٣h", "1h\n", " 1h"]
)
def test_what_is_no_rotation_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        rotation(text)


@pytest.mark.parametrize(
    ("name", "name_2"),
    [
        ("trace.jsonl.gz", "trace.2.jsonl.gz"),
        ("trace.jsonl", "trace.2.jsonl"),
        ("trace.zst", "trace.2.zst"),
        ("trace", "trace.2"),
        (".trace", ".trace.2"),
        ("a.b.jsonl.zst", "a.b.2.jsonl.zst"),
        (".gz", ".gz.2"),
    ],
)
def test_names_of_older_files(name: str, name_2: str) -> None:
    assert older(Path("/d") / name, 2) == Path("/d") / name_2
