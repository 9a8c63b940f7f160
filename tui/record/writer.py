"""Writer: the thread that writes a recording, so that whoever drains the probe never waits for the disk."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tui.record.file import RecordingFile

QUEUE_BYTES = 16 << 20
_INTERVAL_S = 0.9
"""Between flushes, and between attempts when the disk does not take what there is."""
_PIECE_BYTES = 1 << 18
"""Compressed and written at a time, so that what is pending is bounded and rotation is in time."""


@dataclass(slots=True)
class _Entry:
    """Text that waits to be written, or (without text) a hole: what was dropped there."""

    text: str
    handshakes: int
    wall_ns: int = 0


class Writer:
    """Writes lines to a recording, in a thread of its own.

    Everything is readable at most a second after it was put, also after SIGKILL. While the disk is full or broken, or
    slower than lines come, text waits in a bounded queue; what does not fit is dropped, counted in `lost`, and told in
    the recording where it is missing.
    """

    def __init__(
        self,
        file: RecordingFile,
        lost_line: Callable[[int, int], str],
        *,
        limit_bytes: int = QUEUE_BYTES,
        interval_s: float = _INTERVAL_S,
        wall_clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`file` is open, and from `start` on belongs to the thread.

        `lost_line` writes for the recording when (Unix time, ns) how many handshakes began to be dropped.
        """
        self._file = file
        self._lost_line = lost_line
        self._limit_bytes = limit_bytes
        self._interval_s = interval_s
        self._wall_clock_ns = wall_clock_ns
        self._queue: deque[_Entry] = deque()
        self._queued_bytes = 0
        self._uncertain = 0  # Handshakes taken out of the queue and not known to be in the file.
        self._is_closing = self._is_over = False
        self._lost = 0
        self._trouble = ""
        self._changed = threading.Condition()
        # A daemon: a disk that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    @property
    def lost(self) -> int:
        """Handshakes that are not in the recording. From any thread."""
        return self._lost

    @property
    def trouble(self) -> str:
        """What keeps the recording from being written now; empty: nothing. From any thread."""
        return self._trouble

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, text: str, handshakes: int) -> None:
        """Have whole lines written, which tell of so many handshakes. Never blocks; from one thread."""
        if not text:
            return
        with self._changed:
            before = self._queued_bytes
            if self._is_closing or self._is_over or before + len(text) > self._limit_bytes:
                self._drop(handshakes)
                return
            self._queue.append(_Entry(text, handshakes))
            self._queued_bytes += len(text)
            if before < _PIECE_BYTES <= self._queued_bytes:
                self._changed.notify()

    def close(self, patience_s: float = 2.0) -> None:
        """Write what is left and close the file, or give up after that long; then `lost` and `trouble` are final.

        Blocks. A disk that refuses is asked once more; one that hangs is left to the thread, which dies with the
        program.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(patience_s)
        with self._changed:
            if not self._is_over:
                self._give_up(f"{self._file.path} did not take what was left within {patience_s:g} s")

    def _drop(self, handshakes: int) -> None:
        self._lost += handshakes
        if not handshakes:
            return
        if not self._queue or self._queue[-1].text:
            self._queue.append(_Entry("", 0, self._wall_clock_ns()))
        self._queue[-1].handshakes += handshakes

    def _give_up(self, trouble: str) -> None:
        """Count as lost what is not known to be in the file; holes were counted when they came to be."""
        self._is_over = True
        self._trouble = trouble
        self._lost += self._uncertain + sum(each.handshakes for each in self._queue if each.text)
        self._queue.clear()

    def _run(self) -> None:
        is_last = False
        try:
            while not is_last:
                with self._changed:
                    if not self._is_closing and self._queued_bytes < _PIECE_BYTES:
                        self._changed.wait(self._interval_s)
                    is_last = self._is_closing
                self._write_queue()
                if self._is_over:
                    return
            self._attempt(self._file.close)
        except Exception as error:  # The thread's edge: whatever it is must be told, not vanish.
            self._abandon(f"{type(error).__name__}: {error}")
        with self._changed:
            if not self._is_over:
                self._is_over = True
                self._uncertain = 0

    def _write_queue(self) -> None:
        """Write all there is, then make it readable."""
        is_new = False
        while entry := self._next():
            is_new = True
            for piece in _pieces(entry.text or self._lost_line(entry.wall_ns, entry.handshakes)):
                if not self._attempt(self._file.prepare):
                    return
                self._file.add(piece)
                if entry.text:
                    with self._changed:
                        self._queued_bytes -= len(piece)
        if is_new:
            self._file.flush()
        if self._attempt(self._file.settle):
            with self._changed:
                if not self._is_over:
                    self._uncertain = 0

    def _next(self) -> _Entry | None:
        with self._changed:
            if not self._queue:
                return None
            entry = self._queue.popleft()
            if entry.text:
                self._uncertain += entry.handshakes
            return entry

    def _attempt(self, act: Callable[[], None]) -> bool:
        """Do it, again and again until the disk takes it; False: given up, as it is time to end."""
        while not self._is_over:
            try:
                act()
            except OSError as error:
                with self._changed:
                    self._trouble = (error.strerror or str(error)).lower()
                    if not self._is_closing:
                        self._changed.wait(self._interval_s)
                        continue
                self._abandon(self._trouble)
            else:
                with self._changed:
                    if not self._is_over:
                        self._trouble = ""
                return True
        return False

    def _abandon(self, trouble: str) -> None:
        self._file.abandon()
        with self._changed:
            if not self._is_over:
                self._give_up(trouble)


def _pieces(text: str) -> Iterator[str]:
    """Cut text between lines into pieces that are small, or one line."""
    start = 0
    while len(text) - start > _PIECE_BYTES:
        end = text.rfind("\n", start, start + _PIECE_BYTES) + 1 or text.find("\n", start) + 1
        if not end:
            break
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]
