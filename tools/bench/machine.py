"""What the figures were measured on, and how quick it was at the time."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_TURNS = 2_000_000
_STEAL = 8
"""Which column of /proc/stat says how long others had the processor (proc(5))."""


def facts() -> dict[str, Any]:
    """Everything that figures depend on."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": _commit(),
        "processor": _field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "textual": _version("textual"),
        "bcc": _bcc_version(),
        "load average": os.getloadavg()[0],
        "python loop ns": loop_ns(),
    }


def text(found: Mapping[str, Any]) -> str:
    """The same for people."""
    return "\n".join(f"{name}: {value}" for name, value in found.items())


def loop_ns() -> float:
    """What a turn of an empty loop takes: how quick Python is here and now; the best of three."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(_TURNS):
            pass
        best = min(best, time.perf_counter() - began)
    return round(best / _TURNS * 1e9, 2)


def stolen_s() -> float:
    """How long this machine's processors were given to others since it was started."""
    ticks = Path("/proc/stat").read_text().splitlines()[0].split()
    return int(ticks[_STEAL]) / os.sysconf("SC_CLK_TCK")


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _bcc_version() -> str:
    try:
        import bcc
    except ImportError:
        return "missing"
    return str(bcc.__version__)
