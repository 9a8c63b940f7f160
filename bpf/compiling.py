"""Compiling beside what else is to be done: a process of its own lets bcc compile, hands the result over, and ends.

So nothing here waits for Clang and LLVM until what they make is needed, and the 100 MB that they take go with them.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from contextlib import suppress
from functools import partial
from types import TracebackType

from bpf.children import Children
from bpf.compiler import Compiled, cannot_prepare, compile_program
from bpf.errors import KernelUnsupported, MissingBcc, NotPermitted, TcplatError
from bpf.requirements import may_raise_priority

_FDS_MAX = 64
_READ_BYTES = 1 << 20
_LAST = 19
"""The niceness of what goes after all others (nice(2))."""
_FAILURES = {each.__name__: each for each in (KernelUnsupported, MissingBcc, NotPermitted)}


class Compiling:
    """Begun when entered, in the main thread, while it is the only one; `take` it in any thread.

    Until it is told to hurry, or waited for, it uses only what others leave of the processor: the screen is drawn
    meanwhile. When it is left there is no process any more, whether it had done its work or not.
    """

    def __init__(self, *, is_forwarding: bool) -> None:
        """`is_forwarding`: also what follows connections that are forwarded."""
        self._is_forwarding = is_forwarding
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
                work = partial(_compile_there, theirs, told_on, is_forwarding=self._is_forwarding)
                self._children.begin("tcplat compile", work, [theirs.fileno(), told_on])
            except BaseException:
                ours.close()
                raise
            finally:
                os.close(told_on)
        if may_raise_priority():
            self._children.set_niceness(_LAST)
        return self

    def hurry(self) -> None:
        """Let it have its share of the processor from now on: soon somebody will wait for it. Any thread."""
        self._children.set_niceness(os.getpriority(os.PRIO_PROCESS, 0))

    def take(self) -> Compiled:
        """Wait for it; whoever takes it closes it. Once. Raises TcplatError, as `compile_program` does."""
        self.hurry()
        data, fds, _, _ = socket.recv_fds(self._socket, _READ_BYTES, _FDS_MAX)
        pieces = [data]
        while data:
            data = self._socket.recv(_READ_BYTES)
            pieces.append(data)
        self._children.end()
        try:
            told = json.loads(b"".join(pieces))
        except ValueError:
            for map_fd in fds:
                os.close(map_fd)
            raise cannot_prepare("the process that compiles it has ended") from None
        if "failure" in told:
            raise _FAILURES.get(told["failure"], KernelUnsupported)(told["what"], told["next_step"])
        code = {name: bytes.fromhex(text) for name, text in told["code"].items()}
        compiled = Compiled(code, told["tables"], tuple(told["map_fds"]))
        return compiled.moved(dict(zip(compiled.map_fds, fds, strict=True)))

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


def _compile_there(out: socket.socket, told_on: int, *, is_forwarding: bool) -> None:
    """Be the child: compile, and hand over."""
    for number in (
        signal.SIGTERM,
        signal.SIGHUP,
    ):  # Meant for the whole group of processes: the parent ends us.
        signal.signal(number, signal.SIG_IGN)
    os.dup2(told_on, 2)
    try:
        compiled = compile_program(is_forwarding=is_forwarding)
    except TcplatError as error:
        told = {"failure": type(error).__name__, "what": error.what, "next_step": error.next_step}
        out.sendall(json.dumps(told).encode())
        return
    code = {name: each.hex() for name, each in compiled.code.items()}
    data = json.dumps({"code": code, "tables": compiled.tables, "map_fds": compiled.map_fds}).encode()
    sent = socket.send_fds(out, [data], list(compiled.map_fds))
    out.sendall(data[sent:])


def _allow_locked_memory() -> None:
    """Before Linux 5.11 the kernel counts programs as locked memory; bcc allows that where it compiles."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
