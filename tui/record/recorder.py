"""Recorder: everything a source yields, into a file, while it is shown."""

from __future__ import annotations

import socket
import time
from importlib.metadata import version
from pathlib import Path
from types import TracebackType

from bpf.source import Batch, Names
from tui.out.jsonl import account_line, flow_line, handshake_line, header_line, lost_line
from tui.record.file import RecordingFile
from tui.record.rotation import Rotation
from tui.record.writer import Writer


def header() -> str:
    """Write what a recording made now, here, begins with."""
    return header_line(time.time_ns(), f"tcplat {version('tcplat')}", socket.gethostname())


class Recorder:
    """A `Taker`, while it is entered. Entered and left by one thread; another may give it what to take."""

    def __init__(self, path: Path, rotation: Rotation | None = None, *, has_flows: bool = True) -> None:
        """`has_flows`: whether samples of open connections are recorded, too."""
        self._has_flows = has_flows
        self._file = RecordingFile(path, header, rotation)
        self._writer = Writer(self._file, lost_line)

    def __enter__(self) -> Recorder:
        """Make the file. Raises TcplatError."""
        self._file.open()
        self._writer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the rest; a disk that does not take it is not waited for longer than two seconds."""
        self._writer.close()

    def take(self, batch: Batch, names: Names, wall_offset_ns: int) -> None:
        """Record accounts, handshakes, then samples. In the thread that drains the source; does not block."""
        lines = [account_line(each, wall_offset_ns) for each in batch.accounts]
        lines += [handshake_line(each, names, wall_offset_ns) for each in batch.handshakes]
        if self._has_flows:
            lines += [flow_line(each, names, wall_offset_ns) for each in batch.flows]
        self._writer.put("".join(lines), len(batch.handshakes))

    def trouble(self) -> str:
        """What the recording lacks, and why, in a few words; empty: nothing. From any thread."""
        lost, why = self._writer.lost, self._writer.trouble
        parts = [f"{lost:,} NOT RECORDED" if lost else "", f"recording: {why}" if why else ""]
        return ", ".join(filter(None, parts))
