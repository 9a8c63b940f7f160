"""Which command installs bcc's Python bindings on this distribution, by /etc/os-release (os-release(5))."""

from __future__ import annotations

from pathlib import Path

_COMMANDS = {
    "debian": "apt install python3-bpfcc",
    "ubuntu": "apt install python3-bpfcc",
    "fedora": "dnf install python3-bcc",
    "rhel": "dnf install python3-bcc",
    "arch": "pacman -S python-bcc",
    "suse": "zypper install python3-bcc",
    "opensuse": "zypper install python3-bcc",
}


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
