"""What hangs on the hooks of a lab's interfaces, as the system's own tools see it."""

from __future__ import annotations

import json
import socket
import subprocess
from typing import Any

from bpf import syscall
from bpf.lab import Lab


def attachments(lab: Lab) -> list[str]:
    """Every TCX program, clsact qdisc and filter on the lab's device and loopback; empty: nothing."""
    found = []
    for device in _devices(lab):
        found += _tcx_programs(lab, device)
        qdiscs = _tc(lab, "qdisc", device)
        if any(qdisc["kind"] == "clsact" for qdisc in qdiscs):
            found.append(f"{device} clsact")
            for side in ("ingress", "egress"):
                filters = [each for each in _tc(lab, "filter", device, side) if "options" in each]
                found += [f"{device} {side} {each['kind']} pref {each['pref']}" for each in filters]
    return found


def _devices(lab: Lab) -> list[str]:
    with lab.entered():
        return [name for _, name in socket.if_nameindex()]


def _tcx_programs(lab: Lab, device: str) -> list[str]:
    with lab.entered():
        index = socket.if_nametoindex(device)
        sides = {"ingress": syscall.TCX_INGRESS, "egress": syscall.TCX_EGRESS}
        return [f"{device} tcx {side}" for side, hook in sides.items() for _ in syscall.attached(index, hook)]


def _tc(lab: Lab, kind: str, device: str, *rest: str) -> list[dict[str, Any]]:
    command = lab.command("tc", "-json", kind, "show", "dev", device, *rest)
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    listed: list[dict[str, Any]] = json.loads(shown or "[]")
    return listed
