"""The unit for systemd: what it gives to the program is enough to measure, as a user who is not root."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from bpf.lab import Host, Lab
from tests.end_to_end.attachments import attachments
from tests.end_to_end.commands import PATIENCE_S
from tests.end_to_end.test_listen import LATENCY, ended, listening, scrape_until
from tests.exporter.scraped import total_of, value_of

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "systemd" / "tcplat-exporter.service"
USER = "61234"
"""One that systemd might choose for DynamicUser=."""

# The tree may lie where only root may look, and a service has a /tmp of its own.
_AS_SERVICE = """
mount --bind "$1" /mnt && mount --bind "$2" /media && mount -t tmpfs none /tmp && cd / || exit 99
shift 2
exec "$@"
"""
# As MemoryDenyWriteExecute= does; before Linux 6.3 the kernel knows nothing of it.
_WITHOUT_WRITTEN_CODE = """
import ctypes, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def service() -> configparser.SectionProxy:
    """What the unit says of the process."""
    parser = configparser.ConfigParser(delimiters="=", interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(UNIT)
    assert parser.sections() == ["Unit", "Service", "Install"]
    return parser["Service"]


class AsService:
    """Where commands are run: in a lab, with what the unit gives."""

    def __init__(self, lab: Lab, capabilities: list[str]) -> None:
        self._lab = lab
        self._all = ",".join(("-all", *(f"+{each.removeprefix('CAP_').lower()}" for each in capabilities)))

    def command(self, *words: str) -> list[str]:
        python = "/usr/bin/python3"  # Of the environment's own, the place is not to be seen.
        assert words[0] == sys.executable
        return self._lab.command(
            *("unshare", "--mount", "sh", "-c", _AS_SERVICE, "sh", str(ROOT), sysconfig.get_path("purelib")),
            *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
            *(f"--{each}={self._all}" for each in ("bounding-set", "inh-caps", "ambient-caps")),
            *("env", "-i", "PATH=/usr/bin:/bin", "PYTHONPATH=/mnt:/media", "PYTHONDONTWRITEBYTECODE=1"),
            *(python, "-c", _WITHOUT_WRITTEN_CODE, python, *words[1:]),
        )


@pytest.mark.kernel
@pytest.mark.parametrize("attach", ["tcx", "clsact"])
def test_the_capabilities_of_the_unit_are_enough(attach: str) -> None:
    unit = service()
    capabilities = unit["AmbientCapabilities"].split()
    assert (
        capabilities == unit["CapabilityBoundingSet"].split() == ["CAP_BPF", "CAP_NET_ADMIN", "CAP_PERFMON"]
    )
    with Lab("ethernet") as lab:
        host = Host("198.18.0.1", delay_s=0.01)
        lab.add(host)
        with listening(AsService(lab, capabilities), lab.device, "--attach", attach) as (child, url):
            status = Path(f"/proc/{child.pid}/status").read_text()
            assert f"\nUid:\t{USER}\t{USER}\t{USER}\t{USER}\n" in status
            lab.connect(host.address)
            series = scrape_until(lab, url, lambda series: total_of(series, f"{LATENCY}_count") == 1)
            assert (value_of(series, f"{LATENCY}_sum", remote=host.address) or 0) >= host.delay_s
            assert total_of(series, "tcplat_open_connections") in (0, 1)
            assert ended(child) == (0, "", "")
        assert attachments(lab) == []


def test_what_the_unit_starts_is_the_program() -> None:
    unit = service()
    assert unit["ExecStart"] == "/opt/tcplat/.venv/bin/tcplat $ARGS"
    words = unit["Environment"].strip('"').removeprefix("ARGS=").split()
    assert words == ["any", "--listen", ":9811"]
    for each in ("DynamicUser", "NoNewPrivileges", "MemoryDenyWriteExecute", "PrivateTmp", "ProtectHome"):
        assert unit[each] == "yes"


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Where there is systemd."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/tcplat/.venv/bin/tcplat", "/bin/sh"))
    assert copy.read_text() != UNIT.read_text()
    analyze = shutil.which("systemd-analyze")
    if analyze:
        words = [analyze, "verify", "--man=no", str(copy)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S)
        assert (done.returncode, [line for line in done.stderr.splitlines() if UNIT.stem in line]) == (0, [])
