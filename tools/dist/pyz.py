"""The single file: a zip that Python runs, with the tree as a zip within, so that a start reads three names only."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from tools.dist.bundle import Tree
from tools.dist.unpack import PREFIX, TREE

_SHEBANG = b"#!/usr/bin/python3 -I\n"
"""Not the first in PATH: only the distribution's own can import the distribution's bcc."""
_UNPACK = Path(__file__).with_name("unpack.py")
_MAIN = """\
import sys

if sys.version_info < (3, 10):
    sys.exit("tcplat: this is Python %d.%d; start it with Python 3.10 or later" % sys.version_info[:2])

from unpack import run

run({name!r})
"""


def write_pyz(path: Path, tree: Tree, epoch_s: int) -> None:
    """Write it, to be run."""
    packed = _zipped(tree.items(), ZIP_DEFLATED, epoch_s)
    name = f"{PREFIX}{hashlib.sha256(packed).hexdigest()[:16]}"
    start = {
        "__main__.py": _MAIN.format(name=name).encode(),
        "unpack.py": _UNPACK.read_bytes(),
        TREE: packed,
    }
    path.write_bytes(_SHEBANG + _zipped(start.items(), ZIP_STORED, epoch_s))
    path.chmod(0o755)


def _zipped(files: Iterable[tuple[str, bytes]], compression: int, epoch_s: int) -> bytes:
    written = io.BytesIO()
    with ZipFile(written, "w") as archive:
        for name, content in files:
            entry = ZipInfo(name, time.gmtime(epoch_s)[:6])
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content, compression)
    return written.getvalue()
