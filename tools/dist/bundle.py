"""Program and dependencies in one tree, as the single file and the Debian package carry it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.dist.wheels import content_of

Tree = Mapping[str, bytes]
"""Files by their names below the tree's root."""


def bundle(wheels: Sequence[Path]) -> Tree:
    """Put wheels together, in the order of their files' names. Raises ValueError if two have the same file."""
    tree: dict[str, bytes] = {}
    for wheel in wheels:
        content = content_of(wheel)
        if twice := tree.keys() & content.keys():
            raise ValueError(f"{wheel.name} and another wheel both have {min(twice)}")
        tree.update(content)
    return dict(sorted(tree.items()))
