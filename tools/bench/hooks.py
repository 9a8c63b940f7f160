"""The probe of a running screen, hung and taken off again between two moments, while all else of it goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from bpf import syscall
from bpf.callers import cgroup_root
from tools.bench.network import Pair
from tools.links import detach, links_of, program_of


class _Place(NamedTuple):
    """Where a program of the screen hung."""

    program_fd: int
    target: int
    """An interface's index, or the root cgroup's descriptor."""
    attach_type: int


class Hooks:
    """The screen's programs, and where they belong. One thread."""

    def __init__(self, pair: Pair, places: Sequence[_Place]) -> None:
        self._pair, self._places = pair, places
        self._hung: list[int] = []

    def hang(self) -> None:
        """Put every program where the screen had put it. Raises OSError."""
        with self._pair.ours.entered():
            for each in self._places:
                self._hung.append(syscall.create_link(*each))

    def take_off(self) -> None:
        """Have none there."""
        while self._hung:
            os.close(self._hung.pop())


@contextmanager
def hooks(pair: Pair, pid: int) -> Iterator[Hooks]:
    """Have every hook of the process, a screen on our end, in our hands; with nothing on them first and last.

    Its links cannot be hung again once they are detached: its programs can, by links of ours. Those of no other process
    are touched. Raises OSError; RuntimeError where it has no links (before Linux 6.6 there are filters instead).
    """
    links = links_of(pid)
    if not any(each["link_type"] == "tcx" for each in links):
        raise RuntimeError("the screen has no links on its interface")
    with ExitStack() as stack:
        places = []
        for each in links:
            program_fd = program_of(each)
            stack.callback(os.close, program_fd)
            places.append(_Place(program_fd, _target(stack, each), int(each["attach_type"].split()[0])))
        for each in links:
            detach(each)
        ours = Hooks(pair, places)
        stack.callback(ours.take_off)
        yield ours


def _target(stack: ExitStack, link: dict[str, str]) -> int:
    if link["link_type"] == "tcx":
        return int(link["ifindex"].split()[0])
    root = cgroup_root()
    assert root, "a program hangs on a cgroup"
    root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, root_fd)
    return root_fd
