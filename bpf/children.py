"""Processes that do one thing each and never outlive us, not even when we are killed."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NoReturn

from bpf import prctl
from bpf.privileges import forking

_TIMER_SLACK_NS = 1_000


class Children:
    """Begun, and ended together. All by one thread, that which the parent lives in; while it is the only one."""

    def __init__(self) -> None:
        self._children: list[tuple[int, int]] = []
        """Of each the process id, and a descriptor that means it and no other."""

    def begin(self, name: str, work: Callable[[], object], fds: Collection[int] = ()) -> None:
        """Begin a process called `name` (15 bytes of it) that does `work`, and ends when that does.

        Of what is open here, only `fds` are open there. It says nothing, and ignores the terminal's signals: Ctrl+C is
        for us. Raises OSError.
        """
        parent = os.getpid()
        # A signal between fork and the child's own settings must not find this process' handlers in the child.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            with forking(os.environ):
                pid = os.fork()
                if not pid:
                    _live(name, work, fds, parent)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._children.append((pid, os.pidfd_open(pid)))

    def may_get_back(self, niceness: int) -> bool:
        """Whether they may have this one again, once they have gone after others and we have given up our privileges.

        What decides is their RLIMIT_NICE (getrlimit(2)): `begin` raises it, if it has CAP_SYS_RESOURCE.
        """
        try:
            allowed = [resource.prlimit(pid, resource.RLIMIT_NICE)[0] for pid, _ in self._children]
        except OSError:
            return False
        return all(each == resource.RLIM_INFINITY or each >= 20 - niceness for each in allowed)

    def set_niceness(self, niceness: int) -> None:
        """Let them all go before others, or after (nice(2)); where that is not allowed, they stay as they are."""
        for pid, _ in self._children:
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, pid, niceness)

    def end(self) -> None:
        """End them all, and wait until they have."""
        for _, pidfd in self._children:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        for pid, pidfd in self._children:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
            os.close(pidfd)
        self._children.clear()


def _live(name: str, work: Callable[[], object], fds: Collection[int], parent: int) -> NoReturn:
    """Be the child."""
    try:
        prctl.prctl(prctl.SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == parent:
            prctl.prctl(prctl.SET_NAME, name.encode())
            prctl.prctl(prctl.SET_TIMERSLACK, _TIMER_SLACK_NS)
            _keep_only(fds)
            _settle_signals()
            # What was inherited is not looked at by the collector, so it stays shared with the parent.
            gc.freeze()
            work()
    finally:
        # Nothing of the parent's (buffers, exit handlers, open `with` blocks) is the child's to finish.
        os._exit(1)


def _settle_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _keep_only(fds: Collection[int]) -> None:
    """Leave nothing open but these, and /dev/null for the three streams."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    for other in {int(entry.name) for entry in Path("/proc/self/fd").iterdir()} - {0, 1, 2, *fds}:
        with contextlib.suppress(OSError):  # The directory that was listed.
            os.close(other)
