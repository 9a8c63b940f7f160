"""Which interface is meant when none is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bpf.errors import NoSuchInterface
from bpf.interfaces import default_interface
from bpf.lab import Lab

pytestmark = pytest.mark.kernel


def ip(lab: Lab, command: str) -> None:
    subprocess.run(lab.command("ip", *command.split()), check=True)


def test_the_default_routes_interface_is_meant() -> None:
    with Lab("ethernet") as lab, lab.entered():
        with pytest.raises(NoSuchInterface, match=f"choose one of: lo, {lab.device}"):
            default_interface()
        ip(lab, "route add default via 2001:db8::2")
        assert default_interface() == lab.device
        ip(lab, "link add other type veth peer name end")
        ip(lab, "link set other up")
        ip(lab, "route add default dev other metric 5")
        assert default_interface() == "other"
        ip(lab, "route add default via 192.0.2.2 metric 4")
        assert default_interface() == lab.device


def test_attaching_by_tcx_waits_for_no_pyroute2() -> None:
    imports = "import sys, bpf.probe, bpf.trial; print({'bcc', 'pyroute2'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", imports], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
