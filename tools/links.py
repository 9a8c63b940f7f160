"""The BPF links of another process: what hangs by them, and taking it off behind its owner's back. As root."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bpf.syscall import call

_PROG_GET_FD_BY_ID, _LINK_GET_FD_BY_ID, _LINK_DETACH = 13, 30, 34
"""Commands of bpf(2)."""


def links_of(pid: int) -> list[dict[str, str]]:
    """What proc(5) says of each link that a process has open."""
    texts = []
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # The directory that is read, if it is ours.
            texts.append(entry.read_text())
    fields = [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line) for text in texts]
    return [each for each in fields if "link_id" in each]


def detach(link: Mapping[str, str]) -> None:
    """Take off what hangs by it, for good, as `bpftool link detach` does. Raises OSError."""
    link_fd = _by_id(_LINK_GET_FD_BY_ID, link["link_id"])
    try:
        call(_LINK_DETACH, struct.pack("=I", link_fd))
    finally:
        os.close(link_fd)


def program_of(link: Mapping[str, str]) -> int:
    """A descriptor of the program that hangs by it, or did. The caller closes it. Raises OSError."""
    return _by_id(_PROG_GET_FD_BY_ID, link["prog_id"])


def _by_id(command: int, number: str) -> int:
    descriptor, _ = call(command, struct.pack("=I", int(number)))
    return descriptor
