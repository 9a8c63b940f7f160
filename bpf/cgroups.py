"""The name behind a cgroup's id: a systemd unit or a container. Looks through them all, and remembers."""

from __future__ import annotations

import os
import re
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from math import inf
from pathlib import Path

_REMEMBERED_MAX = 65_536
_INTERVAL_S = 1.0
"""At most one look through the hierarchy in this time: 1,000 cgroups take some 10 ms."""
_LINKS_OF_LEAF = 2
"""A directory that has directories in it has more links, one for each."""
_CONTAINER = re.compile(r"(?:(?P<engine>[a-z][a-z-]*)-)?(?P<id>[0-9a-f]{64})(?:\.scope)?")
_ENGINES = {"cri-containerd": "containerd", "crio": "cri-o", "libpod": "podman"}


class Cgroups:
    """Looks cgroups up in the mounted hierarchy; None: there is none, and nothing is known. One thread.

    An id is the number of the cgroup's directory, as stat(2) gives it. The kernel would open one by its id
    (open_by_handle_at(2)), but only for who may read every file (CAP_DAC_READ_SEARCH), which is more than we keep.
    """

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._names: OrderedDict[int, str] = OrderedDict()
        self._looked_s = -inf

    def name_of(self, cgroup: int) -> str:
        """The unit's or container's name; empty if it has none, is gone and was never seen, or is not found yet."""
        if not cgroup or self._root is None:
            return ""
        if cgroup not in self._names and time.monotonic() - self._looked_s >= _INTERVAL_S:
            self._names.update({identity: unit_of(path) for identity, path in _cgroups(self._root)})
            self._names.setdefault(cgroup, "")
            self._looked_s = time.monotonic()
            while len(self._names) > _REMEMBERED_MAX:
                self._names.popitem(last=False)
        return self._names.get(cgroup, "")


def _cgroups(root: Path) -> Iterator[tuple[int, str]]:
    """The id of every cgroup there is, and its path below the root."""
    waiting = [root]
    while waiting:
        directory = waiting.pop()
        with suppress(OSError), os.scandir(directory) as entries:  # It may be gone meanwhile.
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False)
                    yield found.st_ino, entry.path[len(str(root)) :]
                    if found.st_nlink > _LINKS_OF_LEAF:
                        waiting.append(Path(entry.path))


def unit_of(path: str) -> str:
    """Name what a cgroup's path stands for: the innermost container (`docker:0123456789ab`), else the systemd unit."""
    parts = path.split("/")[::-1]
    for part in parts:
        container = _CONTAINER.fullmatch(part)
        if container:
            engine = container["engine"] or ("docker" if "/docker/" in path else "container")
            return f"{_ENGINES.get(engine, engine)}:{container['id'][:12]}"
        if part.startswith("lxc.payload."):
            return f"lxc:{part.removeprefix('lxc.payload.')}"
    return next((part for part in parts if part.endswith((".service", ".scope"))), "")
