"""From a path to a tape: opens it, unpacks it, looks what it is."""

from __future__ import annotations

import io
import os
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from bpf.captures import Capture, is_capture
from bpf.compression import DecompressedReader
from bpf.errors import UnreadableFile
from bpf.recording import Recording
from bpf.tape import Tape

_LOOK_BYTES = 64


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What a capture does not say itself."""

    local: Sequence[IPv4Network | IPv6Network] = ()
    """Networks of our side."""
    timeout_s: float = 10.0
    """When a SYN counts as unanswered."""
    account_interval_s: float = 10.0


def is_pipe(path: str | int) -> bool:
    """Whether it (a descriptor or a path) can be read once only, as it comes. False for what cannot be opened."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)  # noqa: PTH116, a descriptor is no Path
    except OSError:
        return False


def open_tape(path: str | int, title: str, options: CaptureOptions) -> Tape:
    """Open a recording or a capture (a path, or a descriptor, which stays open) by what it begins with.

    Blocks on a pipe. Raises UnreadableFile.
    """
    stream = _open(path, title)
    try:
        beginning = _look(stream, title)
        if is_capture(beginning):
            return Capture(
                stream,
                title,
                local=options.local,
                timeout_s=options.timeout_s,
                account_interval_s=options.account_interval_s,
            )
        if beginning.lstrip().startswith(b"{"):
            return Recording(stream, title)
        raise UnreadableFile(
            f"{title} is neither a capture nor a recording",
            "give a file of tcpdump -w (pcap or pcapng) or of tcplat --record",
        )
    except BaseException:
        stream.close()
        raise


def _open(path: str | int, title: str) -> DecompressedReader:
    """Open it, unpacked if it is packed."""
    raw: io.RawIOBase
    try:
        if not isinstance(path, int):
            raw = open(path, "rb", buffering=0)  # noqa: SIM115, it stays open
        elif is_pipe(path):
            raw = open(os.dup(path), "rb", buffering=0)  # noqa: SIM115, as above
        else:
            raw = _Given(path)
    except IsADirectoryError as error:
        raise UnreadableFile(f"{title} is a directory", "name a file in it") from error
    except OSError as error:
        raise _unreadable(title, error) from error
    try:
        # Who has the other end, or had this one before, may have left it so that reading does not wait.
        os.set_blocking(raw.fileno(), True)
        return DecompressedReader(io.BufferedReader(raw))
    except OSError as error:
        raw.close()
        raise _unreadable(title, error) from error
    except BaseException:
        raw.close()
        raise


class _Given(io.RawIOBase):
    """A file that is open already, from its beginning each time.

    Not opened anew, which it takes permission to do; nor its descriptor duplicated, which would go on where it stands.
    """

    def __init__(self, fd: int) -> None:
        self._fd = os.dup(fd)
        self._at = 0

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    # The base class is typed as taking any buffer; BufferedReader gives a memoryview.
    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        size = os.preadv(self._fd, [buffer], self._at)
        self._at += size
        return size

    def close(self) -> None:
        if not self.closed:
            os.close(self._fd)
        super().close()


def _look(stream: io.BufferedReader, title: str) -> bytes:
    try:
        beginning = stream.peek(_LOOK_BYTES)
    except OSError as error:
        raise _unreadable(title, error) from error
    if not beginning:
        trouble = getattr(stream, "trouble", "")
        raise UnreadableFile(
            f"there is nothing in {title}{f': {trouble}' if trouble else ''}",
            "did what should have written it fail?",
        )
    return beginning


def _unreadable(title: str, error: OSError) -> UnreadableFile:
    reason = (error.strerror or str(error)).lower()
    return UnreadableFile(f"cannot read {title}: {reason}", _next_step(title, error))


def _next_step(title: str, error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"let who may read it: sudo cat {shlex.quote(title)} | tcplat --read -"
    return "check the name" if isinstance(error, FileNotFoundError) else "try another copy"
