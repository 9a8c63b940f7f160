"""What is installed: the wheel carries the kernel program and the style sheet, and knows its entry point."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Build the wheel the way an installer does; needs no network."""
    directory = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(directory), versions=["standard"])
    with zipfile.ZipFile(path) as opened:
        yield opened


def under(directory: str, pattern: str) -> set[str]:
    """Return the files of the work tree that must be in the wheel, by their names there."""
    files = {str(path.relative_to(ROOT)) for path in (ROOT / directory).rglob(pattern) if path.is_file()}
    assert files, f"no {pattern} in {directory}"
    return files


@pytest.mark.parametrize(
    ("directory", "pattern"),
    [
        ("bpf", "handshake.bpf.c"),
        ("bpf/include", "*.h"),
        ("bpf", "*.py"),
        ("tui", "app.tcss"),
        ("tui", "*.py"),
    ],
)
def test_the_wheel_carries_what_runs(wheel: zipfile.ZipFile, directory: str, pattern: str) -> None:
    assert under(directory, pattern) <= set(wheel.namelist())


def test_the_wheel_carries_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[0].split("-")[0] for name in wheel.namelist()} == {"bpf", "tui", "tcplat"}
    assert not [name for name in wheel.namelist() if name.endswith(".pyc")]


def test_the_command_is_tcplat(wheel: zipfile.ZipFile) -> None:
    (entry_points,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert wheel.read(entry_points).decode().split("\n")[:2] == [
        "[console_scripts]",
        "tcplat = tui.__main__:main",
    ]


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-test.txt"])
def test_the_locks_name_no_index(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--hash=sha256:" in text


def test_nothing_at_run_time_is_locked_twice() -> None:
    """The test lock must hold every pin of the run lock, or going from one to the other would change it."""

    def pins(lock: str) -> set[str]:
        lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
        return {
            line.split(";")[0].rstrip(" \\")
            for line in lines
            if "==" in line and not line.startswith((" ", "#"))
        }

    assert pins("requirements.txt") <= pins("requirements-test.txt")
