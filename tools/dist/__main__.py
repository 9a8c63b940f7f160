"""Builds what is handed to people: `python -m tools.dist [DIRECTORY]`, into dist/ if none is named."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from tools.dist.bundle import bundle
from tools.dist.completions import completions
from tools.dist.debian import Papers, can_build, write_deb
from tools.dist.licences import copyright_file
from tools.dist.manual import manual
from tools.dist.project import ROOT, epoch_s, has_changed
from tools.dist.pyz import write_pyz
from tools.dist.wheels import build_own, content_of, locked_wheels, metadata_of


def build(directory: Path) -> list[Path]:
    """Build everything into an existing directory; return what was built, and a list of its SHA-256."""
    at_s = epoch_s()
    if has_changed():
        print("tools.dist: what is built here is not what is committed", file=sys.stderr)
    with tempfile.TemporaryDirectory() as building:
        own, sources = build_own(Path(building), at_s)
        wheels = [own, *locked_wheels()]
        built = [_copied(each, directory) for each in (own, sources)]
        about = metadata_of(content_of(own))
        tree = bundle(wheels)
        built.append(directory / "tcplat.pyz")
        write_pyz(built[-1], tree, at_s)
        if can_build():
            page = manual(about["Version"], about["Summary"], at_s)
            papers = Papers(about["Version"], at_s, page, completions(), copyright_file(wheels))
            built.append(directory / f"tcplat_{papers.version}_all.deb")
            write_deb(built[-1], tree, papers)
        else:
            print("tools.dist: no Debian package, since dpkg-deb is not here", file=sys.stderr)
    sums = directory / "SHA256SUMS"
    sums.write_text("".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in built))
    return [*built, sums]


def _copied(path: Path, directory: Path) -> Path:
    copy = directory / path.name
    copy.write_bytes(path.read_bytes())
    return copy


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tools.dist", description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=ROOT / "dist")
    chosen = parser.parse_args().directory
    chosen.mkdir(parents=True, exist_ok=True)
    for path in build(chosen):
        print(f"{path.stat().st_size:>9}  {path}")
