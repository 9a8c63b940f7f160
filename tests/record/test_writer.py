"""The writing thread: nothing waits for it, nothing is torn, what is lost is counted and marked where it is missing."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.record.reading import NAMES, header, line, lost_line, read
from tui.record.file import RecordingFile
from tui.record.rotation import Rotation
from tui.record.writer import Writer

ROOT = Path(__file__).parents[2]
QUICK_S = 0.01
DEADLINE_S = 20.0


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def started(
    path: Path, write: Callable[[int, memoryview], int] = os.write, limit_bytes: int = 16 << 20
) -> Writer:
    file = RecordingFile(path, header, write=write)
    file.open()
    writer = Writer(file, lost_line, interval_s=QUICK_S, limit_bytes=limit_bytes, wall_clock_ns=lambda: 7)
    writer.start()
    return writer


def parsed(path: Path) -> list[dict[str, Any]]:
    lines, trouble = read(path)
    assert not trouble
    return [json.loads(each) for each in lines]


def expect_whole(path: Path, put: int, lost: int) -> None:
    """Every handshake put is in the file, in order, or counted in the hole that is where it is missing."""
    assert accounted(parsed(path)) == (put, lost)


def accounted(lines: list[dict[str, Any]]) -> tuple[int, int]:
    """How many handshakes the lines account for, from the first on, and how many of those as lost."""
    awaited = counted = 0
    for each in lines:
        if each["type"] == "lost":
            awaited += each["handshakes"]
            counted += each["handshakes"]
        else:
            assert each["n"] == awaited
            awaited += 1
    return awaited, counted


@pytest.mark.parametrize("name", NAMES)
def test_all_that_is_put_is_written(tmp_path: Path, name: str) -> None:
    writer = started(tmp_path / name)
    for number in range(0, 20_000, 10):
        writer.put("".join(map(line, range(number, number + 10))), 10)
    writer.close()
    assert (writer.lost, writer.trouble) == (0, "")
    expect_whole(tmp_path / name, 20_000, 0)
    writer.put(line(0), 3)
    assert writer.lost == 3


def test_a_large_batch_is_cut_between_lines(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    file = RecordingFile(path, header, Rotation(size_bytes=4096, keep=100))
    file.open()
    writer = Writer(file, lost_line)
    writer.put("".join(map(line, range(30_000))) + line(30_000).rstrip(), 30_001)
    writer.start()
    writer.close()
    pieces = [read(each)[0] for each in tmp_path.iterdir()]
    assert len(pieces) >= 5
    assert sorted(json.loads(each)["n"] for some in pieces for each in some) == list(range(30_001))


@pytest.mark.parametrize("name", NAMES)
def test_what_was_put_is_soon_readable(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    writer = started(path)
    for number in range(5):
        writer.put(line(number), 1)
        until(lambda: len(read(path)[0]) == number + 1)  # noqa: B023 (waited for here)
    writer.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_that_hangs_blocks_nobody(tmp_path: Path, name: str) -> None:
    hung, go_on = threading.Event(), threading.Event()
    path = tmp_path / name

    def write(fd: int, data: memoryview) -> int:
        if threading.current_thread() is not threading.main_thread():
            hung.set()
            go_on.wait(DEADLINE_S)
        return os.write(fd, data)

    writer = started(path, write, limit_bytes=4000)
    writer.put(line(0), 1)
    assert hung.wait(DEADLINE_S)
    began = time.monotonic()
    for number in range(1, 10_000):
        writer.put(line(number), 1)
    assert time.monotonic() - began < 2
    lost = writer.lost
    assert 9_000 < lost < 10_000
    go_on.set()
    until(lambda: '"lost"' in "".join(read(path)[0]))
    writer.put(line(10_000), 1)
    writer.close()
    assert writer.lost == lost
    expect_whole(path, 10_001, lost)


def test_close_does_not_wait_for_ever(tmp_path: Path) -> None:
    hung, go_on = threading.Event(), threading.Event()
    path = tmp_path / "trace.jsonl"

    def write(fd: int, data: memoryview) -> int:
        if threading.current_thread() is not threading.main_thread():
            hung.set()
            go_on.wait(DEADLINE_S)
        return os.write(fd, data)

    writer = started(path, write, limit_bytes=4000)
    writer.put(line(0), 1)
    assert hung.wait(DEADLINE_S)
    for number in range(1, 1000):
        writer.put(line(number), 1)
    began = time.monotonic()
    writer.close(patience_s=0.2)
    assert 0.2 <= time.monotonic() - began < 2
    assert writer.lost == 1000
    assert writer.trouble == f"{path} did not take what was left within 0.2 s"
    go_on.set()
    until(lambda: not [each for each in threading.enumerate() if each.name == "recording"])
    assert writer.lost == 1000


def test_a_bug_is_told(tmp_path: Path) -> None:
    def write(fd: int, data: memoryview) -> int:
        if threading.current_thread() is threading.main_thread():
            return os.write(fd, data)
        raise ValueError("a bug")

    writer = started(tmp_path / "trace.jsonl", write)
    writer.put(line(0), 1)
    until(lambda: writer.trouble)
    writer.put(line(1), 1)
    writer.close()
    assert (writer.lost, writer.trouble) == (2, "ValueError: a bug")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_trouble_is_told_and_passes(tmp_path: Path, number: int) -> None:
    path = tmp_path / "trace.jsonl.gz"
    is_broken = False

    def write(fd: int, data: memoryview) -> int:
        if is_broken:
            raise OSError(number, os.strerror(number))
        return os.write(fd, data)

    writer = started(path, write)
    writer.put(line(0), 1)
    until(lambda: read(path)[0])
    is_broken = True
    writer.put(line(1), 1)
    until(lambda: writer.trouble == os.strerror(number).lower())
    is_broken = False
    until(lambda: not writer.trouble)
    writer.close()
    expect_whole(path, 2, 0)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 64 KiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    place = tmp_path / "tiny"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_with_room_made_later(tiny_disk: Path, name: str) -> None:
    ballast, path = tiny_disk / "ballast", tiny_disk / name
    ballast.write_bytes(bytes(44 << 10))
    writer = started(path, limit_bytes=10_000)
    number = 0
    while not writer.lost:
        writer.put(line(number), 1)
        number += 1
        if number % 50 == 0:
            time.sleep(QUICK_S)
    until(lambda: writer.trouble == "no space left on device")
    for more in range(number, number + 100):
        writer.put(line(more), 1)
    lost = writer.lost
    ballast.unlink()
    until(lambda: '"lost"' in "".join(read(path)[0]))
    until(lambda: not writer.trouble)
    writer.put(line(number + 100), 1)
    writer.close()
    assert (writer.lost, writer.trouble) == (lost, "")
    expect_whole(path, number + 101, lost)


@pytest.mark.parametrize("name", NAMES)
def test_a_disk_full_to_the_end(tiny_disk: Path, name: str) -> None:
    path = tiny_disk / name
    (tiny_disk / "ballast").write_bytes(bytes(50 << 10))
    writer = started(path, limit_bytes=10_000)
    for number in range(20_000):
        writer.put(line(number), 1)
        if number % 50 == 0:
            time.sleep(0.001)
    began = time.monotonic()
    writer.close()
    assert time.monotonic() - began < 1.5
    assert writer.trouble == "no space left on device"
    lines, trouble = read(path)
    told, marked = accounted([json.loads(each) for each in lines])
    assert told - marked + writer.lost >= 20_000  # What is not known to be written counts as lost.
    assert bool(trouble) == (name != NAMES[0])


_RECORDER = """
import sys, time
from pathlib import Path
from tests.record.reading import header, line, lost_line
from tui.record.file import RecordingFile
from tui.record.writer import Writer
file = RecordingFile(Path(sys.argv[1]), header)
file.open()
writer = Writer(file, lost_line)
writer.start()
number = 0
while True:
    writer.put(line(number), 1)
    print(number, time.monotonic(), flush=True)
    number += 1
    time.sleep(0.002)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_killed_all_but_the_last_second_is_readable(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with subprocess.Popen(
        [sys.executable, "-c", _RECORDER, str(path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as recorder:
        assert recorder.stdout
        put = [recorder.stdout.readline().split() for _ in range(1200)]
        recorder.send_signal(signal.SIGKILL)
        killed_s = time.monotonic()
        recorder.wait()
    lines, _ = read(path)
    assert lines == [line(each) for each in range(len(lines))]
    old_enough = sum(killed_s - float(at_s) > 1.0 for _, at_s in put)
    assert len(lines) >= old_enough > 100
