"""Compiling beside what else is to be done: a process of its own lets bcc compile, hands the result over, and ends.

So nothing here waits for Clang and LLVM until what they make is needed, and the 100 MB that they take go with them.
What was kept of an earlier run needs neither, if the kernel takes it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType

from bpf.children import Children
from bpf.compiled import Compiled, decoded
from bpf.compiler import cannot_prepare, compile_program, compiler_files, ingredients
from bpf.errors import KernelUnsupported, MissingBcc, NotPermitted, TcplatError
from bpf.kept import Kept

_READ_BYTES = 1 << 20
_LAST = 19
"""The niceness of what goes after all others (nice(2))."""
_FAILURES = {each.__name__: each for each in (KernelUnsupported, MissingBcc, NotPermitted)}


class Compiling:
    """Begun when entered, in the main thread, while it is the only one; `take` it in any thread.

    Until it is told to hurry, or waited for, it uses only what others leave of the processor, if it may be given its
    share again: the screen is drawn meanwhile. When it is left there is no process any more, whether it had done its
    work or not.
    """

    def __init__(self, directory: Path | None, *, is_forwarding: bool) -> None:
        """`directory`: where it is kept; None: nowhere. `is_forwarding`: also what follows what is forwarded."""
        self._work = partial(_compiled, directory, is_forwarding=is_forwarding)
        self._children = Children()

    def __enter__(self) -> Compiling:
        """Begin. Raises OSError."""
        _allow_locked_memory()
        ours, theirs = socket.socketpair()
        self._socket = ours
        with theirs:
            # What Clang has to say goes where it always did.
            told_on = os.dup(2) if _is_open(2) else os.open(os.devnull, os.O_WRONLY)
            try:
                work = partial(_compile_there, theirs, told_on, self._work)
                self._children.begin("tcplat compile", work, [theirs.fileno(), told_on])
            except BaseException:
                ours.close()
                raise
            finally:
                os.close(told_on)
        if self._children.may_get_back(os.getpriority(os.PRIO_PROCESS, 0)):
            self._children.set_niceness(_LAST)
        return self

    def hurry(self) -> None:
        """Let it have its share of the processor from now on: soon somebody will wait for it. Any thread."""
        self._children.set_niceness(os.getpriority(os.PRIO_PROCESS, 0))

    def take(self) -> Compiled:
        """Wait for it. Once. Raises TcplatError, as `compile_program` does."""
        self.hurry()
        pieces = []
        while data := self._socket.recv(_READ_BYTES):
            pieces.append(data)
        self._children.end()
        try:
            told = json.loads(b"".join(pieces))
        except ValueError:
            raise cannot_prepare("the process that compiles it has ended") from None
        if "failure" in told:
            raise _FAILURES.get(told["failure"], KernelUnsupported)(told["what"], told["next_step"])
        return decoded(told["compiled"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._children.end()
        self._socket.close()


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _compile_there(out: socket.socket, told_on: int, work: Callable[[], Compiled]) -> None:
    """Be the child: do the work, and hand over."""
    # Meant for the whole group of processes: the parent ends us.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.dup2(told_on, 2)
    _be_somewhere()
    try:
        told = {"compiled": work().encoded()}
    except TcplatError as error:
        told = {"failure": type(error).__name__, "what": error.what, "next_step": error.next_step}
    out.sendall(json.dumps(told).encode())


def _be_somewhere() -> None:
    """In a current directory that was removed, bcc does not compile."""
    try:
        Path.cwd()
    except FileNotFoundError:
        os.chdir("/")


def _compiled(directory: Path | None, *, is_forwarding: bool) -> Compiled:
    """Take what was kept, if the kernel does; else compile, and keep that. Raises TcplatError."""
    from bpf.trial import is_accepted  # What it loads with is not needed before the first paint.

    store = Kept(directory, ingredients(is_forwarding=is_forwarding)) if directory else None
    kept = store.read() if store else None
    if kept and is_accepted(kept, is_forwarding=is_forwarding):
        return kept
    compiled = compile_program(is_forwarding=is_forwarding)
    if store:
        store.write(compiled, compiler_files())
    return compiled


def _allow_locked_memory() -> None:
    """Before Linux 5.11 the kernel counts programs as locked memory; bcc allows that where it compiles."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
