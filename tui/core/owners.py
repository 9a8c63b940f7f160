"""Owners: which processes, and of which units, the handshakes and connections of a cell are."""

from __future__ import annotations

_AT_MOST = 64
"""Some of each: of a process that forks for each connection they would be without end."""


class Owners:
    """The latest ids."""

    __slots__ = ("cgroups", "pids")

    def __init__(self) -> None:
        self.pids: tuple[int, ...] = ()
        self.cgroups: tuple[int, ...] = ()

    def add(self, pid: int, cgroup: int) -> None:
        """Note a process and its unit; 0: not known."""
        if pid and pid not in self.pids:
            self.pids = (*self.pids, pid)[-_AT_MOST:]
        if cgroup and cgroup not in self.cgroups:
            self.cgroups = (*self.cgroups, cgroup)[-_AT_MOST:]

    def merge(self, other: Owners) -> None:
        """Note those that another has."""
        for pid in other.pids:
            self.add(pid, 0)
        for cgroup in other.cgroups:
            self.add(0, cgroup)
