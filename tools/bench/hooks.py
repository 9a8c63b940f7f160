"""The probe of a running screen, hung and taken off again between two moments, while all else of it goes on."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from bpf import syscall
from bpf.callers import cgroup_root
from tools.bench.network import Pair

_PROG_GET_FD_BY_ID = 13
_LINK_GET_FD_BY_ID = 30
_LINK_DETACH = 34


class _Link(NamedTuple):
    """Where a program of ours hangs."""

    program_fd: int
    target: int
    """An interface's index, or the root cgroup's descriptor."""
    attach_type: int


class Hooks:
    """Every hook of the process, in our hands from when it is entered; off at first. One thread; as root.

    Its links cannot be hung again once they are detached: its programs can, by links of ours. Those of no other process
    are touched. Raises OSError, RuntimeError where it has no links (before Linux 6.6 there are filters instead).
    """

    def __init__(self, pair: Pair, pid: int) -> None:
        """`pid`: of a screen that is attached to our end."""
        self._pair, self._pid = pair, pid
        self._hung: list[int] = []

    def __enter__(self) -> Hooks:
        with ExitStack() as stack:
            root = cgroup_root()
            root_fd = -1
            if root is not None:
                root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                stack.callback(os.close, root_fd)
            stack.callback(self.take_off)
            self._links = [self._take(stack, each, root_fd) for each in _links(self._pid)]
            if not any(each.target == self._pair.ifindex for each in self._links):
                raise RuntimeError("the screen has no links on its interface")
            self._leaving = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving.close()

    def hang(self) -> None:
        """Put every program where the screen had put it."""
        with self._pair.ours.entered():
            for each in self._links:
                self._hung.append(syscall.create_link(*each))

    def take_off(self) -> None:
        """Have none there."""
        while self._hung:
            os.close(self._hung.pop())

    def _take(self, stack: ExitStack, link: dict[str, str], root_fd: int) -> _Link:
        program_fd = _by_id(_PROG_GET_FD_BY_ID, int(link["prog_id"]))
        stack.callback(os.close, program_fd)
        link_fd = _by_id(_LINK_GET_FD_BY_ID, int(link["link_id"]))
        try:
            syscall.call(_LINK_DETACH, struct.pack("=I", link_fd))
        finally:
            os.close(link_fd)
        target = int(link["ifindex"].split()[0]) if "ifindex" in link else root_fd
        return _Link(program_fd, target, int(link["attach_type"].split()[0]))


def _links(pid: int) -> Iterator[dict[str, str]]:
    """The links that a process holds, as proc(5) tells of its descriptors, in the order they were made."""
    for descriptor in sorted(Path(f"/proc/{pid}/fdinfo").iterdir(), key=lambda each: int(each.name)):
        try:
            lines = descriptor.read_text().splitlines()
        except FileNotFoundError:  # Closed meanwhile.
            continue
        told = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if "link_id" in told:
            yield told


def _by_id(command: int, number: int) -> int:
    descriptor, _ = syscall.call(command, struct.pack("=III", number, 0, 0))
    return descriptor
