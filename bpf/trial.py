"""Whether the kernel takes a program that was compiled before. Attaches nothing."""

from __future__ import annotations

from bpf.compiled import Compiled
from bpf.errors import TcplatError
from bpf.interfaces import Layer
from bpf.program import Program

_SECOND_NS = 1_000_000_000


def is_accepted(compiled: Compiled, *, is_forwarding: bool) -> bool:
    """Load it as for an Ethernet interface, with all that can be asked for, and let it go (40 ms)."""
    program = Program(
        _SECOND_NS,
        _SECOND_NS,
        is_forwarding=is_forwarding,
        has_callers=False,
        take_compiled=lambda: compiled,
    )
    try:
        with program:
            program.unload(program.load(Layer.ETHERNET))
    except (TcplatError, OSError):
        return False
    return True
