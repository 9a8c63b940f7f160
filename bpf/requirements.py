"""What the probe needs before it can open: bcc and the right to use it. Cheap to ask, and imports neither."""

from __future__ import annotations

import importlib.util
import os
import resource
from pathlib import Path

from bpf.errors import MissingBcc, NotPermitted
from bpf.privileges import CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, CAP_SYS_ADMIN, capabilities

_COMMANDS = {
    "debian": "apt install python3-bpfcc",
    "ubuntu": "apt install python3-bpfcc",
    "fedora": "dnf install python3-bcc",
    "rhel": "dnf install python3-bcc",
    "arch": "pacman -S python-bcc",
    "suse": "zypper install python3-bcc",
    "opensuse": "zypper install python3-bcc",
}

_FILES_MIN, _FILES_MAX = 64, 65_536
_CAPABILITIES = {CAP_NET_ADMIN: "CAP_NET_ADMIN", CAP_PERFMON: "CAP_PERFMON", CAP_BPF: "CAP_BPF"}
"""CAP_SYS_ADMIN stands in for the two that came with Linux 5.8."""


def bcc_command(os_release: Path = Path("/etc/os-release")) -> str:
    """Name the command; where the distribution is not known, say what to look for."""
    try:
        lines = os_release.read_text().splitlines()
    except OSError:
        lines = []
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    words = [fields.get(key, "").strip("\"'") for key in ("ID", "ID_LIKE")]
    for word in " ".join(words).split():
        if word in _COMMANDS:
            return f"sudo {_COMMANDS[word]}"
    return "your package manager (the package is called python3-bcc, python-bcc or python3-bpfcc)"


def missing_bcc(what: str) -> MissingBcc:
    """Say what is wrong with bcc, and which command installs it here."""
    return MissingBcc(what, f"install it with: {bcc_command()}")


def require_bcc() -> None:
    """Raise MissingBcc unless bcc can be imported; does not import it."""
    if importlib.util.find_spec("bcc") is None:
        raise missing_bcc("the Python bindings of bcc are missing")


def require_permission() -> None:
    """Raise NotPermitted unless this process may load and attach the probe."""
    effective = capabilities()
    missing = [name for bit, name in _CAPABILITIES.items() if not effective >> bit & 1]
    if effective >> CAP_SYS_ADMIN & 1 and missing != ["CAP_NET_ADMIN"]:
        missing = [name for name in missing if name == "CAP_NET_ADMIN"]
    if missing:
        is_root = os.geteuid() == 0
        next_step = "in a container, run that with --privileged, or --cap-add each" if is_root else "use sudo"
        raise NotPermitted(f"watching an interface needs root (missing: {', '.join(missing)})", next_step)


def require_files() -> None:
    """Let this process open many files: an interface takes four or more. Raises NotPermitted where few are allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES_MAX and soft < hard:
        soft = min(hard, _FILES_MAX)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < _FILES_MIN:
        what = f"this process may have {soft} files open, and needs {_FILES_MIN}"
        raise NotPermitted(what, f"allow it more: ulimit -Hn {_FILES_MIN}, as root")
