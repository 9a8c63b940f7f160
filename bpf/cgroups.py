"""The name behind a cgroup's id: a systemd unit or a container. Asks the kernel; remembers what it said."""

from __future__ import annotations

import ctypes
import os
import re
import struct
from collections import OrderedDict
from pathlib import Path

_FILEID_KERNFS = 0xFE
"""A cgroup's id is its kernfs id, and that is a file handle (include/linux/exportfs.h)."""
_REMEMBERED = 4096
_CONTAINER = re.compile(r"(?:(?P<engine>[a-z][a-z-]*)-)?(?P<id>[0-9a-f]{64})(?:\.scope)?")
_ENGINES = {"cri-containerd": "containerd", "crio": "cri-o", "libpod": "podman"}

_libc = ctypes.CDLL(None, use_errno=True)


class Cgroups:
    """Looks cgroups up in the mounted hierarchy; None: there is none, and nothing is known. One thread."""

    def __init__(self, root: Path | None) -> None:
        self._root = root
        self._root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) if root else -1
        self._names: OrderedDict[int, str] = OrderedDict()

    def close(self) -> None:
        """Let go of the hierarchy."""
        if self._root_fd >= 0:
            os.close(self._root_fd)

    def name_of(self, cgroup: int) -> str:
        """The unit's or container's name; empty if it has none, or is gone and was never asked for."""
        if not cgroup or self._root is None:
            return ""
        name = self._names.get(cgroup)
        if name is None:
            name = self._names[cgroup] = unit_of(self._path_of(cgroup))
            if len(self._names) > _REMEMBERED:
                self._names.popitem(last=False)
        return name

    def _path_of(self, cgroup: int) -> str:
        """The path below the root; empty if the cgroup is gone, or may not be asked for (CAP_DAC_READ_SEARCH)."""
        handle = ctypes.create_string_buffer(struct.pack("=IiQ", 8, _FILEID_KERNFS, cgroup), 16)
        opened = _libc.open_by_handle_at(self._root_fd, handle, os.O_PATH | os.O_CLOEXEC)
        if opened < 0:
            return ""
        try:
            path = Path(f"/proc/self/fd/{opened}").readlink()
        finally:
            os.close(opened)
        return str(path)[len(str(self._root)) :].removesuffix(" (deleted)")


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
