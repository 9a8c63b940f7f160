"""Builds it all: `python -m tools.dist`, into dist/."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tools.dist.bundle import bundle
from tools.dist.project import ROOT, epoch_s
from tools.dist.pyz import write_pyz
from tools.dist.wheels import locked_wheels, own_wheel

if __name__ == "__main__":
    e = epoch_s()
    os.environ["SOURCE_DATE_EPOCH"] = str(e)
    d = ROOT / "dist"
    d.mkdir(exist_ok=True)
    w = own_wheel(d)
    tree = bundle([w, *locked_wheels()])
    print(len(tree), sum(map(len, tree.values())))
    write_pyz(d / "tcplat.pyz", tree, e)
