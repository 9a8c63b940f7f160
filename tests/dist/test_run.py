"""The single file, and what the Debian package installs: run by the system's Python, without the tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf.requirements import bcc_command
from tests.dist.conftest import Built
from tests.dist.places import NOBODY, ROOT, Place
from tests.dist.watched import watch

RECORDING = ROOT / "tests/recordings/demo.jsonl"


@pytest.fixture(scope="module", params=["pyz", "deb"])
def place(request: pytest.FixtureRequest, built: Built) -> Iterator[Place]:
    """Below a directory that everybody can read, as pytest's is not."""
    with tempfile.TemporaryDirectory(prefix="tcplat-dist-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        home = directory / "home"
        home.mkdir(mode=0o777)
        home.chmod(0o777)
        shutil.copy(RECORDING, directory / "recording.jsonl")
        if request.param == "pyz":
            program = Path(shutil.copy(built.one("*.pyz"), directory))
        else:
            subprocess.run(["dpkg-deb", "-x", built.one("*.deb"), directory], check=True)
            program = directory / "usr/bin/tcplat"
        yield Place(program, home)


def test_the_version_is_the_projects(place: Place, built: Built) -> None:
    version = built.one("*.whl").name.split("-")[1]
    done = place.run_as_nobody("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"tcplat {version}\n", "")


def test_anybody_can_read_its_help(place: Place) -> None:
    done = place.run_as_nobody("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: tcplat ")


def test_anybody_can_read_a_recording(place: Place) -> None:
    from_tree = subprocess.run(
        [sys.executable, "-m", "tui", "--read", str(RECORDING), "--json"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    done = place.run_as_nobody("--read", str(place.directory.parent / "recording.jsonl"), "--json")
    assert (done.returncode, done.stdout) == (0, from_tree.stdout)
    assert done.stdout.count("\n") > 100


def test_without_rights_it_says_so_in_one_line(place: Place) -> None:
    done = place.run_as_nobody("lo", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tcplat: watching an interface needs root")
    assert done.stderr.count("\n") == 1


@pytest.mark.kernel
def test_without_bcc_it_says_what_to_type(place: Place) -> None:
    done = place.run_without_bcc("lo", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"tcplat: the Python bindings of bcc are missing; install it with: {bcc_command()}\n"
    )


def test_without_bcc_it_shows_recordings(place: Place) -> None:
    done = place.run_without_bcc("--read", str(RECORDING), "--json", "--count", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"type":"handshake"') == 3


@pytest.mark.kernel
def test_it_measures(place: Place) -> None:
    done = place.run("--demo", "--json", "--count", "3")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines].count("handshake") == 3
    assert any(line.get("latency_ns") for line in lines)


@pytest.mark.kernel
def test_it_becomes_who_called_sudo(place: Place) -> None:
    recording = place.directory / "recorded.jsonl"
    done = place.run_called_by_nobody("lo", "--json", "--duration", "0.1", "--record", str(recording))
    assert done.returncode == 0, done.stderr
    assert recording.stat().st_uid == NOBODY


@pytest.mark.kernel
def test_it_reads_yaml(place: Place) -> None:
    """The one dependency of which a part is left out."""
    (place.directory / "web.yml").write_text("tls_server_config: {cert_fil: x}\n")
    done = place.run("lo", "--listen", "127.0.0.1:0", "--web-config", str(place.directory / "web.yml"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "cert_fil" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.kernel
def test_it_has_a_screen(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        monkeypatch.delenv(name)
    for name, value in place.environment.items():
        monkeypatch.setenv(name, value)
    unshare, *words = place.command("--demo")
    shown_s, status, _ = watch(b"192.0.2.", [str(shutil.which(unshare)), *words])
    assert shown_s
    assert status == 0


def test_several_can_start_for_the_first_time_at_once(built: Built, tmp_path: Path) -> None:
    place = Place(built.one("*.pyz"), tmp_path)
    several = [
        subprocess.Popen(place.command("--version"), env=place.environment, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = {child.communicate(timeout=60)[0] for child in several}
    assert len(said) == 1
    assert said.pop().startswith("tcplat ")
    assert [child.returncode for child in several] == [0] * 4
