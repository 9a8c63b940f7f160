"""The wheels that everything is made of: our own, built here, and those that are locked, fetched once."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

from tools.dist.project import ROOT

_OLDEST_PYTHON = "3.10"
_LOCK = ROOT / "requirements-bundle.txt"
_FETCHED = ROOT / "build" / "wheels"
_METADATA = ".dist-info/METADATA"


def build_own(directory: Path, epoch_s: int) -> tuple[Path, Path]:
    """Build the project's wheel and its sources into a directory; return both. Asks no network."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(directory)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch_s)}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    (wheel,) = directory.glob("*.whl")
    (sources,) = directory.glob("*.tar.gz")
    return wheel, sources


def locked_wheels() -> list[Path]:
    """All that it needs at run time, for any Python and machine. Asks the network for what is not here yet."""
    place = _FETCHED / hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    if not place.exists():
        _FETCHED.mkdir(parents=True, exist_ok=True)
        fetching = Path(tempfile.mkdtemp(dir=_FETCHED))
        try:
            _fetch(fetching)
            fetching.rename(place)
        except OSError:
            if not place.exists():  # where another process was quicker
                raise
        finally:
            shutil.rmtree(fetching, ignore_errors=True)
    return sorted(place.glob("*.whl"))


def content_of(wheel: Path) -> Mapping[str, bytes]:
    """The files of a wheel, by their names; but for its list of them, and what belongs elsewhere (`.data`)."""
    with ZipFile(wheel) as archive:
        return {
            name: archive.read(name)
            for name in archive.namelist()
            if not name.endswith((".dist-info/RECORD", "/")) and ".data/" not in name
        }


def metadata_of(content: Mapping[str, bytes]) -> Message:
    """What a wheel says of itself."""
    (name,) = (name for name in content if name.endswith(_METADATA) and name.count("/") == 1)
    return Parser().parsestr(content[name].decode())


def _fetch(directory: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"]
    # The same whatever machine builds. Wheels for one machine are taken where there are none for all.
    target = ["--only-binary=:all:", "--python-version", _OLDEST_PYTHON, "--implementation", "cp"]
    target += ["--platform", "any", "--platform", "manylinux2014_x86_64"]
    locked = ["--require-hashes", "--no-deps", "-r", str(_LOCK)]
    subprocess.run([*pip, *target, *locked, "--dest", str(directory)], check=True)
