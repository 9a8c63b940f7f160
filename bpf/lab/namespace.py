"""A named network namespace: made, entered by a thread, and removed."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_DIRECTORY = "/var/run/netns"
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """Made at once, removed by `remove`. Sockets stay in the namespace they were made in."""

    def __init__(self) -> None:
        self.name = _add()
        self._fd = os.open(f"{_DIRECTORY}/{self.name}", os.O_RDONLY | os.O_CLOEXEC)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Put the calling thread into the namespace, and back. Any thread; may be nested.

        /proc/sys/net follows the thread; /sys does not: it shows the namespace it was mounted in.
        """
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(self._fd)
            try:
                yield
            finally:
                _setns(before)
        finally:
            os.close(before)

    def set_sysctl(self, name: str, value: int) -> None:
        """Write /proc/sys/net/NAME (with slashes) of this namespace. Any thread; raises OSError."""
        with self.entered(), open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def configure(self, commands: list[str]) -> None:
        """Run `ip` commands (without the word) in the namespace, in order. Blocks some milliseconds."""
        _run(inside(self.name, "ip", "-batch", "-"), commands)

    def remove(self) -> None:
        """Remove it; the kernel takes down what is in it once no socket or thread holds it."""
        os.close(self._fd)
        _run(["ip", "netns", "delete", self.name])


def _add() -> str:
    """Make a namespace under the first free name of this process."""
    number = 0
    while True:
        name = f"tcplat-{os.getpid()}-{number}"
        number += 1
        if os.path.lexists(f"{_DIRECTORY}/{name}"):
            continue
        try:
            _run(["ip", "netns", "add", name])
        except OSError:
            # Another thread may have taken the name meanwhile; anything else is a failure to report.
            if not os.path.lexists(f"{_DIRECTORY}/{name}"):
                raise
        else:
            return name


def inside(name: str, *words: str) -> list[str]:
    """Return the command line that runs `words` in a named namespace.

    Not `ip netns exec`: that mounts /sys anew, which a chroot does not allow.
    """
    return ["nsenter", f"--net={_DIRECTORY}/{name}", *words]


def _run(command: list[str], lines: list[str] | None = None) -> None:
    done = subprocess.run(command, input="\n".join(lines or ()), capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")


def _setns(fd: int) -> None:
    if _LIBC.setns(fd, _CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")
