"""A network namespace without a name: made, entered by a thread, and gone whatever becomes of us."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """Made at once. It lasts until it is closed and no socket, thread or process is in it any more.

    Without a name under /run/netns there is nothing to remove, also after SIGKILL.
    """

    def __init__(self) -> None:
        """Make it; the calling thread stays where it is. Raises OSError: it takes CAP_SYS_ADMIN."""
        with _away(lambda: _check("unshare", _LIBC.unshare(_CLONE_NEWNET))):
            self._fd = _open_own()

    @property
    def path(self) -> str:
        """Where other processes find it, as long as this one has it open."""
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Put the calling thread into the namespace, and back. Any thread; may be nested.

        Sockets, and threads and processes begun meanwhile, stay in the namespace they were made in. /proc/sys/net
        follows the thread; /sys does not: it shows the namespace it was mounted in.
        """
        with _away(lambda: _enter(self._fd)):
            yield

    def set_sysctl(self, name: str, value: int) -> None:
        """Write /proc/sys/net/NAME (with slashes) of this namespace. Any thread; raises OSError."""
        with self.entered(), open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    def configure(self, commands: list[str]) -> None:
        """Run `ip` commands (without the word) in the namespace, in order. Blocks some milliseconds.

        Raises OSError, which says what `ip` said; FileNotFoundError where there is no `ip`.
        """
        with self.entered():
            done = subprocess.run(
                ["ip", "-batch", "-"], input="\n".join(commands), capture_output=True, text=True, check=False
            )
        if done.returncode:
            raise OSError(f"ip -batch: {done.stderr.strip()}")

    def close(self) -> None:
        """Let it go; the kernel takes down what is in it once nobody is."""
        os.close(self._fd)


def inside(path: str, *words: str) -> list[str]:
    """Return the command line that runs `words` in the namespace with this path.

    Not `ip netns exec`: that mounts /sys anew, which a chroot does not allow.
    """
    return ["nsenter", f"--net={path}", *words]


@contextmanager
def _away(go: Callable[[], None]) -> Iterator[None]:
    """Let the calling thread `go` to another namespace, and bring it back, unless it gave up CAP_SYS_ADMIN there."""
    before = _open_own()
    try:
        go()
        try:
            yield
        finally:
            with suppress(PermissionError):
                _enter(before)
    finally:
        os.close(before)


def _enter(fd: int) -> None:
    _check("setns", _LIBC.setns(fd, _CLONE_NEWNET))


def _open_own() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _check(call: str, result: int) -> None:
    if result:
        error = ctypes.get_errno()
        raise OSError(error, f"{call}: {os.strerror(error)}")
