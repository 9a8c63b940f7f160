"""Processes of a benchmark: gone with it, whatever ends it; what they use of the machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bpf.lab.namespace import Namespace

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 30.0
_SCHEDULED_TIME = 2


def spawn(namespace: Namespace, words: Sequence[str], **how: Any) -> subprocess.Popen[bytes]:
    """Start Python with these arguments in a namespace; it is killed when the calling thread ends."""
    # Not by a preexec_fn: with one Python forks, and Ctrl+C that comes while it does is lost.
    ended_with_us = ["setpriv", "--pdeathsig", "KILL"]
    with namespace.entered():
        return subprocess.Popen([*ended_with_us, sys.executable, *words], cwd=ROOT, **how)


def cpu_s(pid: int) -> float:
    """The processor time that a process, all its threads, has used (clock_getcpuclockid(3), as Linux makes them)."""
    return time.clock_gettime(~pid << 3 | _SCHEDULED_TIME)


def memory_bytes(pid: int) -> int:
    """What a process holds of the memory now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Generator:
    """A process that makes handshakes once it is told to, for so long at most, and says how many there were."""

    def __init__(
        self, namespace: Namespace, module: str, arguments: Sequence[object], fds: Sequence[int]
    ) -> None:
        """Get it ready. `module` is one of this package's, which calls `obey`."""
        words = ["-m", f"tools.bench.{module}", *map(str, arguments)]
        self._child = spawn(
            namespace, words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=tuple(fds)
        )
        self._tell()

    def __enter__(self) -> Generator:
        return self

    def start(self, seconds: float) -> None:
        """Begin. Returns at once."""
        self._say(f"{seconds}\n")

    def stop(self) -> dict[str, Any]:
        """End now; return what is told of the run."""
        self._say("\n")
        return self._tell()

    def run(self, seconds: float) -> dict[str, Any]:
        """Make them for so long; return what is told of the run."""
        self.start(seconds)
        return self._tell()

    def _say(self, line: str) -> None:
        assert self._child.stdin
        self._child.stdin.write(line.encode())
        self._child.stdin.flush()

    def _tell(self) -> dict[str, Any]:
        assert self._child.stdout
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that makes handshakes ended: {self._child.wait()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.communicate()
