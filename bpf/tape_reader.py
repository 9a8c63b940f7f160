"""Reading a tape in a thread of its own: a pipe may have nothing for a long time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from bpf.errors import TcplatError
from bpf.tape import Piece, Tape

_READ_AHEAD = 16
"""Pieces read before they are due, at most."""
_PATIENCE_S = 0.05


class TapeReader:
    """A tape being read, a little ahead. It is opened and closed in that thread too."""

    def __init__(self, open_tape: Callable[[], Tape]) -> None:
        self.tape: Tape | None = None
        """None: not opened yet."""
        self._open_tape = open_tape
        self._read: queue.Queue[Piece | TcplatError | None] = queue.Queue(_READ_AHEAD)
        self._is_stopped = False
        # A daemon: blocked on a pipe that has nothing, it cannot be ended.
        threading.Thread(target=self._run, name="tape reader", daemon=True).start()

    def take(self, timeout_s: float) -> Piece | None:
        """Return the next piece; None: that was all. Raises queue.Empty, and what opening or reading raised."""
        piece = self._read.get(timeout=timeout_s) if timeout_s > 0 else self._read.get_nowait()
        if isinstance(piece, TcplatError):
            raise piece
        return piece

    def stop(self) -> None:
        """Read no further."""
        self._is_stopped = True
        with suppress(queue.Empty):
            while True:
                self._read.get_nowait()

    def _run(self) -> None:
        try:
            with self._open_tape() as self.tape:
                piece: Piece | None = Piece(0, [], [])
                while piece and not self._is_stopped:
                    piece = self.tape.read()
                    self._put(piece)
        except TcplatError as error:
            self._put(error)
        except Exception as error:  # The thread's edge: whoever waits for a piece must hear of it.
            self._put(TcplatError(f"cannot read it: {type(error).__name__}: {error}", "please report this"))

    def _put(self, piece: Piece | TcplatError | None) -> None:
        while not self._is_stopped:
            with suppress(queue.Full):
                self._read.put(piece, timeout=_PATIENCE_S)
                return
