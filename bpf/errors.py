"""The few ways a source can fail; each carries the next command to type."""

from __future__ import annotations

from bpf.event import printable


class TcplatError(Exception):
    """A failure a person can act on: one line saying what, why, and what to do next.

    It may quote what came from a file: what cannot be printed becomes `?`, so that nothing steers the terminal.
    """

    def __init__(self, what: str, next_step: str) -> None:
        what, next_step = printable(what), printable(next_step)
        super().__init__(f"{what}; {next_step}" if next_step else what)
        self.what = what
        self.next_step = next_step


class MissingBcc(TcplatError):
    """The Python bindings of bcc cannot be imported."""


class NotPermitted(TcplatError):
    """The process lacks the capabilities the probe needs."""


class KernelUnsupported(TcplatError):
    """The kernel refuses something the probe cannot do without."""


class NoSuchInterface(TcplatError):
    """The named interface does not exist (here), or cannot be watched."""


class AttachFailed(TcplatError):
    """The kernel program could not be put on the interface's hook."""


class UnreadableFile(TcplatError):
    """What was to be read is not there, may not be read, or is of no kind known."""
