"""Starts a program in a terminal of its own, waits for what it shows, and quits: `watched.py TEXT COMMAND ...`.

Prints after how many milliseconds the text was there. Exits with 1 if it never was, or if the program did not end well
and leave the terminal as it was. Needs nothing but the standard library, as it is used in new roots, too.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

_PATIENCE_S = 20.0
_LINES, _COLUMNS = 24, 80
_SEQUENCE = re.compile(rb"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()][0-9A-B]|\][^\x07\x1b]*(\x07|\x1b\\)|[=>78])")
_LEFT = b"\x1b[?1049l"
"""What gives the shell its screen back."""


def watch(text: bytes, command: list[str]) -> tuple[float, int, bytes]:
    """Return after how many seconds the text was shown, the exit status, and all that was sent. Raises TimeoutError."""
    began_s = time.monotonic()
    pid, terminal = pty.fork()
    if not pid:
        os.environ["TERM"] = "xterm-256color"
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
    sent, shown_s = b"", 0.0
    while True:
        if not select.select([terminal], [], [], 0.1)[0]:
            if time.monotonic() - began_s > _PATIENCE_S:
                os.kill(pid, 9)
                raise TimeoutError(_SEQUENCE.sub(b"", sent).decode(errors="replace"))
            continue
        try:
            sent += os.read(terminal, 1 << 16)
        except OSError:  # The other end is closed.
            break
        if not shown_s and text in _SEQUENCE.sub(b"", sent):
            shown_s = time.monotonic() - began_s
            os.write(terminal, b"q")
    return shown_s, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), sent


if __name__ == "__main__":
    shown_s, status, sent = watch(sys.argv[1].encode(), sys.argv[2:])
    if not shown_s or status or _LEFT not in sent:
        sys.exit(f"never shown, or not ended well (status {status}):\n{_SEQUENCE.sub(b'', sent).decode()}")
    print(round(shown_s * 1000))
