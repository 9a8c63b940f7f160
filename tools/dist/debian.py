"""The Debian package: the tree in /usr/share, the command, its manual, completions, services."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.dist.bundle import Tree
from tools.dist.licences import is_licence
from tools.dist.project import ROOT

_PACKAGING = ROOT / "packaging"
_DEB = _PACKAGING / "deb"
_IN_REPOSITORY, _INSTALLED = b"ExecStart=/opt/tcplat/.venv/bin/tcplat", b"ExecStart=/usr/bin/tcplat"
"""Where services look for the command."""
_SCRIPTS = ("postinst", "prerm", "postrm")
_COMPLETIONS = {
    "bash": "bash-completion/completions/tcplat",
    "zsh": "zsh/vendor-completions/_tcplat",
    "fish": "fish/vendor_completions.d/tcplat.fish",
}


@dataclass(frozen=True, slots=True)
class Papers:
    """What the package says, besides the program."""

    version: str
    epoch_s: int
    manual: str
    completions: Mapping[str, str]
    """By shell."""
    copyright: str


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content: bytes
    mode: int = 0o644


def can_build() -> bool:
    """Whether there is what builds packages."""
    return shutil.which("dpkg-deb") is not None


def write_deb(path: Path, tree: Tree, papers: Papers) -> None:
    """Write it, to be installed."""
    files = list(_installed(tree, papers))
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root"
        for file in (*files, *_control(files, papers)):
            _lay(root, file)
        for each in (root, *root.rglob("*")):
            if each.is_dir():
                each.chmod(0o755)
            os.utime(each, (papers.epoch_s, papers.epoch_s))
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(path)],
            check=True,
            stdout=subprocess.DEVNULL,
            # With several threads xz cuts what it packs into blocks.
            env={**os.environ, "SOURCE_DATE_EPOCH": str(papers.epoch_s), "DPKG_DEB_THREADS_MAX": "1"},
        )


def _installed(tree: Tree, papers: Papers) -> Iterable[_File]:
    for name, content in tree.items():
        if not is_licence(name):  # All of them are in the copyright file.
            yield _File(f"usr/share/tcplat/{name}", content)
    yield _File("usr/bin/tcplat", (_DEB / "tcplat").read_bytes(), 0o755)
    yield _File("usr/share/python3/runtime.d/tcplat.rtupdate", (_DEB / "rtupdate").read_bytes(), 0o755)
    yield _File("usr/share/man/man1/tcplat.1.gz", _packed(papers.manual.encode()))
    for shell, text in papers.completions.items():
        yield _File(f"usr/share/{_COMPLETIONS[shell]}", text.encode())
    for service in sorted(_PACKAGING.glob("systemd/*.service")):
        unit = service.read_bytes().replace(_IN_REPOSITORY, _INSTALLED)
        yield _File(f"usr/lib/systemd/system/{service.name}", unit)
    doc = "usr/share/doc/tcplat"
    yield _File(f"{doc}/copyright", papers.copyright.encode())
    yield _File(f"{doc}/changelog.gz", _packed(_changelog(papers).encode()))
    for name in ("README.md", "CHANGELOG.md"):
        yield _File(f"{doc}/{name}.gz", _packed((ROOT / name).read_bytes()))


def _control(files: Sequence[_File], papers: Papers) -> Iterable[_File]:
    kib = sum(-(-len(file.content) // 1024) for file in files)
    text = (_DEB / "control").read_text(encoding="utf-8")
    yield _File("DEBIAN/control", text.replace("@VERSION@", papers.version).replace("@KIB@", str(kib)).encode())
    sums = [f"{hashlib.md5(file.content).hexdigest()}  {file.name}\n" for file in files]
    yield _File("DEBIAN/md5sums", "".join(sorted(sums, key=lambda line: line.split("  ")[1])).encode())
    for name in _SCRIPTS:
        yield _File(f"DEBIAN/{name}", (_DEB / name).read_bytes(), 0o755)


def _changelog(papers: Papers) -> str:
    """What Debian's tools read; what a person reads is CHANGELOG.md."""
    maintainer = next(line for line in (_DEB / "control").read_text().splitlines() if line.startswith("Maintainer: "))
    day = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(papers.epoch_s))
    return (
        f"tcplat ({papers.version}) unstable; urgency=medium\n\n"
        "  * What has changed is told in CHANGELOG.md.gz.\n\n"
        f" -- {maintainer.removeprefix('Maintainer: ')}  {day}\n"
    )


def _packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _lay(root: Path, file: _File) -> None:
    path = root / file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    path.chmod(file.mode)
