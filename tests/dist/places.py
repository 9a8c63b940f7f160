"""Where programs that were built are run: without the tree they were built from, without its environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
NOBODY = 65534
_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A program, and a directory for what it writes. Root's cache is one of its own, not the machine's."""

    program: Path
    directory: Path

    def command(self, *words: str) -> list[str]:
        """The command line that runs it so."""
        return self._alone(str(self.program), *words)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return self._run(self.command(*words))

    def run_called_by_nobody(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same as root whom nobody, the user, called by sudo."""
        return self._run(["env", f"SUDO_UID={NOBODY}", f"SUDO_GID={NOBODY}", *self.command(*words)])

    def run_without_bcc(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same where Python finds nothing but its own library: -S leaves out the distribution's packages."""
        return self._run(self._alone(PYTHON, "-IS", str(self.program), *words))

    def run_as_nobody(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The same without any right, and, if we are root, as another user."""
        dropped = [f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all"]
        setpriv = [] if os.geteuid() else ["setpriv", *dropped, "--"]
        return self._run([*setpriv, str(self.program), *words])

    def _alone(self, *words: str) -> list[str]:
        if os.geteuid():
            return list(words)
        script = 'mount --bind "$1" /var/cache && shift && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, "sh", str(self.directory), *words]

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of ours."""
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "TERM": "xterm-256color",
        }

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
