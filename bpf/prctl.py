"""prctl(2): what a process says of itself to the kernel."""

from __future__ import annotations

import ctypes
import os

SET_PDEATHSIG, SET_KEEPCAPS, SET_NAME, CAPBSET_READ, CAPBSET_DROP = 1, 8, 15, 23, 24
SET_TIMERSLACK, SET_NO_NEW_PRIVS = 29, 38
_LIBC = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int | bytes) -> int:
    """Call it for this thread; return what the kernel answers. Raises OSError."""
    argument = ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value)
    nothing = ctypes.c_ulong(0)
    answer = int(_LIBC.prctl(option, argument, nothing, nothing, nothing))
    if answer < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return answer
