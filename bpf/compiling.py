"""The program, compiled: as it was kept, or beside what else is to be done, by a process that hands it over and ends.

So nothing here waits for Clang and LLVM until what they make is needed, and the 100 MB that they take go with them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType

from bpf.children import Children
from bpf.compiled import Compiled, decoded
from bpf.compiler import cannot_prepare, compile_program, compiler_files, ingredients
from bpf.errors import KernelUnsupported, MissingBcc, NotPermitted, TcplatError
from bpf.kept import Kept
from bpf.requirements import may_raise_priority

_READ_BYTES = 1 << 20
_LAST = 19
"""The niceness of what goes after all others (nice(2))."""
_FAILURES = {each.__name__: each for each in (KernelUnsupported, MissingBcc, NotPermitted)}


class Compiling:
    """Begun when entered, in the main thread, while it is the only one; `take` it in any thread.

    Until it is told to hurry, or waited for, it uses only what others leave of the processor: the screen is drawn
    meanwhile. When it is left there is no process any more, whether it had done its work or not.
    """

    def __init__(self, directory: Path | None, *, is_forwarding: bool) -> None:
        """`directory`: where it is kept (None: nowhere). `is_forwarding`: also what follows what is forwarded."""
        self._is_forwarding = is_forwarding
        self._store = Kept(directory, ingredients(is_forwarding=is_forwarding)) if directory else None
        self._children = Children()
        self._socket: socket.socket | None = None
        self.kept: Compiled | None = None
        """What was there already, if anything; then nothing is compiled until `take` asks for it."""

    def __enter__(self) -> Compiling:
        """Begin. Raises OSError."""
        self.kept = self._store.read() if self._store else None
        if not self.kept:
            self._begin()
        return self

    def _begin(self) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        with theirs:
            # What Clang has to say goes where it always did.
            told_on = os.dup(2) if _is_open(2) else os.open(os.devnull, os.O_WRONLY)
            try:
                work = partial(_compile_there, theirs, told_on, self._compile)
                self._children.begin("tcplat compile", work, [theirs.fileno(), told_on])
            except BaseException:
                ours.close()
                raise
            finally:
                os.close(told_on)
        if may_raise_priority():
            self._children.set_niceness(_LAST)

    def _compile(self) -> Compiled:
        """Compile in this process, and keep that."""
        compiled = compile_program(is_forwarding=self._is_forwarding)
        if self._store:
            self._store.write(compiled, compiler_files())
        return compiled

    def hurry(self) -> None:
        """Let it have its share of the processor from now on: soon somebody will wait for it. Any thread."""
        self._children.set_niceness(os.getpriority(os.PRIO_PROCESS, 0))

    def take(self) -> Compiled:
        """Wait for it; or compile it, if what was kept is of no use. Once. Raises TcplatError, as `compile_program`."""
        if not self._socket:
            return self._compile()
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
        if self._socket:
            self._socket.close()


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _compile_there(out: socket.socket, told_on: int, compile_: Callable[[], Compiled]) -> None:
    """Be the child: compile, and hand over."""
    # Meant for the whole group of processes: the parent ends us.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.dup2(told_on, 2)
    try:
        told = {"compiled": compile_().encoded()}
    except TcplatError as error:
        told = {"failure": type(error).__name__, "what": error.what, "next_step": error.next_step}
    out.sendall(json.dumps(told).encode())
