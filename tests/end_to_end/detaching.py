"""Taking a program off its hook behind its owner's back, as `bpftool link detach` and `tc` do."""

from __future__ import annotations

import os
import struct
import subprocess
from contextlib import suppress
from pathlib import Path

from bpf.lab import Lab
from bpf.syscall import call

_LINK_GET_FD_BY_ID, _LINK_DETACH = 30, 34
"""Commands of bpf(2)."""


def detach(lab: Lab, device: str, pid: int) -> None:
    """Take off what hangs on a device: the TCX links of a process, or the clsact qdisc with all its filters."""
    links = [link for link in _links(pid) if link["link_type"] == "tcx"]
    for link in links:
        link_fd, _ = call(_LINK_GET_FD_BY_ID, struct.pack("=I", int(link["link_id"])))
        call(_LINK_DETACH, struct.pack("=I", link_fd))
        os.close(link_fd)
    if not links:
        subprocess.run(lab.command("tc", "qdisc", "del", "dev", device, "clsact"), check=True)


def _links(pid: int) -> list[dict[str, str]]:
    """What proc(5) says of each BPF link that a process has open."""
    texts = []
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        with suppress(FileNotFoundError):  # The directory that is read, if it is ours.
            texts.append(entry.read_text())
    fields = [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line) for text in texts]
    return [each for each in fields if "link_id" in each]
