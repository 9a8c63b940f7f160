"""Taking a program off its hook behind its owner's back, as `bpftool link detach` and `tc` do."""

from __future__ import annotations

import subprocess

from bpf.lab import Lab
from tools import links


def detach(lab: Lab, device: str, pid: int) -> None:
    """Take off what hangs on a device: the TCX links of a process, or the clsact qdisc with all its filters."""
    found = [link for link in links.links_of(pid) if link["link_type"] == "tcx"]
    for link in found:
        links.detach(link)
    if not found:
        subprocess.run(lab.command("tc", "qdisc", "del", "dev", device, "clsact"), check=True)
