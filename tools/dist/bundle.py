"""Program and dependencies in one tree, as the single file and the Debian package carry it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.dist.wheels import content_of

Tree = Mapping[str, bytes]
"""Files by their names below the tree's root."""


_DISPENSABLE = ("yaml/_yaml.",)
"""What is compiled for one Python on one machine, and is done in Python where it is missing."""


def bundle(wheels: Sequence[Path]) -> Tree:
    """Put wheels together, in the order of their files' names, for any Python on any machine.

    Raises ValueError if two wheels have the same file, or if one does not work everywhere.
    """
    tree: dict[str, bytes] = {}
    for wheel in wheels:
        content = {
            name: each for name, each in content_of(wheel).items() if not name.startswith(_DISPENSABLE)
        }
        if compiled := [name for name in content if name.endswith(".so")]:
            raise ValueError(f"{wheel.name} has {compiled[0]}, which is for one machine")
        if twice := tree.keys() & content.keys():
            raise ValueError(f"{wheel.name} and another wheel both have {min(twice)}")
        tree.update(content)
    return dict(sorted(tree.items()))
