"""The Debian package: what is in it, and what it says of itself."""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dist.conftest import Built
from tests.dist.places import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture(scope="module")
def fields(built: Built) -> dict[str, str]:
    text = subprocess.run(
        ["dpkg-deb", "--field", built.one("*.deb")], check=True, capture_output=True, text=True
    )
    return dict(line.split(": ", 1) for line in text.stdout.splitlines() if ": " in line)


@pytest.fixture(scope="module")
def root(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpacked, with what tells dpkg about it in DEBIAN."""
    directory = tmp_path_factory.mktemp("deb")
    subprocess.run(["dpkg-deb", "-R", built.one("*.deb"), directory], check=True)
    return directory


def files(root: Path) -> dict[str, Path]:
    return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}


def test_it_asks_for_what_the_project_asks_for(fields: dict[str, str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert fields["Version"] == project["version"]
    assert f"python3 ({project['requires-python'].replace('>=', '>= ')})" in fields["Depends"]
    assert "python3-bpfcc" in fields["Depends"]


def test_everything_belongs_to_root_and_can_be_read_by_all(built: Built) -> None:
    listed = subprocess.run(
        ["dpkg-deb", "--contents", built.one("*.deb")], check=True, capture_output=True, text=True
    )
    kinds = {tuple(line.split()[:2]) for line in listed.stdout.splitlines()}
    assert kinds == {("drwxr-xr-x", "root/root"), ("-rw-r--r--", "root/root"), ("-rwxr-xr-x", "root/root")}


def test_all_that_it_brings_is_summed(root: Path) -> None:
    lines = (root / "DEBIAN/md5sums").read_text().splitlines()
    said = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {name: path for name, path in files(root).items() if not name.startswith("DEBIAN/")}
    assert said == {name: hashlib.md5(path.read_bytes()).hexdigest() for name, path in found.items()}


def test_it_brings_command_manual_completions_and_papers(root: Path) -> None:
    assert files(root).keys() >= {
        "usr/bin/tcplat",
        "usr/share/tcplat/bpf/handshake.bpf.c",
        "usr/share/tcplat/bpf/include/uapi/linux/bpf.h",
        "usr/share/tcplat/tui/app.tcss",
        "usr/share/man/man1/tcplat.1.gz",
        "usr/share/bash-completion/completions/tcplat",
        "usr/share/zsh/vendor-completions/_tcplat",
        "usr/share/fish/vendor_completions.d/tcplat.fish",
        "usr/share/doc/tcplat/copyright",
        "usr/share/doc/tcplat/changelog.gz",
    }


def test_it_brings_every_service(root: Path) -> None:
    brought = {path.name: path.read_text() for path in (root / "usr/lib/systemd/system").glob("*")}
    assert brought.keys() == {path.name for path in (ROOT / "packaging").glob("systemd/*.service")}
    for text in brought.values():
        assert re.findall(r"^ExecStart=(\S+)", text, re.MULTILINE) == ["/usr/bin/tcplat"]


def test_it_tells_the_licence_of_every_package_that_it_carries(root: Path) -> None:
    text = (root / "usr/share/doc/tcplat/copyright").read_text()
    carried = [path.name.split("-")[0] for path in (root / "usr/share/tcplat").glob("*.dist-info")]
    locked = re.findall(r"^([\w.-]+)==", (ROOT / "requirements-bundle.txt").read_text(), re.MULTILINE)
    assert len(carried) == len(locked) + 1
    for name in carried:
        licensed = rf"(?im)^=+\n{name.replace('_', '[-_]')} [\d.]+\n\n(.+\n)*Licence: \w.*\n\n."
        assert re.search(licensed, text), name


def test_its_changelog_is_one(root: Path) -> None:
    with gzip.open(root / "usr/share/doc/tcplat/changelog.gz", "rt") as changelog:
        assert re.match(
            r"tcplat \(\d\S+\) unstable; urgency=medium\n\n  \* .+\n\n -- .+ <.+>  \w+, ", changelog.read()
        )


def test_nothing_that_python_compiled_is_brought(root: Path) -> None:
    assert not [name for name in files(root) if name.endswith(".pyc")]
