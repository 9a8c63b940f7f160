"""The kernel program's code and its tables, as bcc makes them of the C source. Loads nothing.

The only module that imports bcc, and it does so when a program is compiled. What is compiled needs bcc no more: the
code is bytes, the tables are descriptors.
"""

from __future__ import annotations

import importlib
import os
import struct
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpf import syscall
from bpf.errors import KernelUnsupported
from bpf.event import RECORD
from bpf.flows import PASSING_MAX
from bpf.requirements import missing_bcc, require_bcc, require_permission
from bpf.tables import possible_cpus

RING_BYTES = 4 << 20
NEEDS = "tcplat needs Linux 5.8 or later with CONFIG_BPF_SYSCALL, and bcc 0.18 or later"
TABLES = (
    "events",
    "accounts",
    "pending_outbound",
    "pending_inbound",
    "reported",
    "at_a_glance",
    "awaited_acks",
)
"""Those that are used by name; all others only by the code."""
FUNCTIONS = ("handshake", "forget", "connect4", "connect6")
_HERE = Path(__file__).resolve().parent
_LOAD_MAP, _PSEUDO_MAP_FD = 0x18, 1
"""The instruction that loads 64 bits, and what the upper half of its second byte says when they are a map."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """The code, and the tables it uses, which are open until it is closed."""

    code: Mapping[str, bytes]
    """By function."""
    tables: Mapping[str, int]
    """Descriptors, by name."""
    map_fds: tuple[int, ...]
    """Of all tables, with those that have no name here."""

    def moved(self, places: Mapping[int, int]) -> Compiled:
        """The same with other tables: each of `map_fds` is replaced by what it is in `places`."""
        return Compiled(
            {name: _moved(code, places) for name, code in self.code.items()},
            {name: places[map_fd] for name, map_fd in self.tables.items()},
            tuple(places[map_fd] for map_fd in self.map_fds),
        )

    def code_of(self, function: bytes) -> bytes:
        """The code of a function, by its name."""
        return self.code[function.decode()]

    def close(self) -> None:
        """Let go of the tables: each is gone when nothing else holds it."""
        for map_fd in self.map_fds:
            os.close(map_fd)


def compile_program(*, is_forwarding: bool) -> Compiled:
    """Let bcc compile the program and make its tables, in this process (0.4 s and more). Raises TcplatError."""
    require_bcc()
    require_permission()
    if not syscall.is_available():  # Asked first, since bcc would say so on stderr, where Textual draws.
        raise KernelUnsupported(f"this kernel ({os.uname().release}) has no BPF", NEEDS)
    # bcc looks for kernel headers here; these few stand in for them, so none need be installed.
    os.environ["BCC_KERNEL_SOURCE"] = str(_HERE)
    events_per_wakeup = max(1, RING_BYTES // RECORD.size // 2 // possible_cpus())
    try:
        bcc = importlib.import_module("bcc")
        module = bcc.BPF(
            src_file=str(_HERE / "handshake.bpf.c").encode(),
            cflags=[
                f"-DEVENTS_PER_WAKEUP={events_per_wakeup}",
                f"-DPASSING_MAX={PASSING_MAX if is_forwarding else 1}",
            ],
        )
        return _taken_out(module)
    except ImportError as error:
        raise missing_bcc(f"bcc cannot be imported ({error})") from error
    except Exception as error:  # bcc raises nothing narrower.
        raise cannot_prepare(str(error)) from error


def cannot_prepare(why: str) -> KernelUnsupported:
    """What is told when bcc does not do it."""
    return KernelUnsupported(f"bcc cannot prepare the probe: {why}", NEEDS)


def _taken_out(module: Any) -> Compiled:
    """What a bcc.BPF made; it is let go of itself."""
    with ExitStack() as stack:
        stack.callback(module.cleanup)
        code = {name: bytes(module.dump_func(name.encode())) for name in FUNCTIONS}
        tables = {name: int(module[name.encode()].map_fd) for name in TABLES}
        theirs = {*tables.values(), *(map_fd for each in code.values() for map_fd in _maps_in(each))}
        compiled = Compiled(code, tables, tuple(sorted(theirs)))
        return compiled.moved({map_fd: os.dup(map_fd) for map_fd in compiled.map_fds})


def _places(code: bytes) -> Iterable[int]:
    """Where in it a map's descriptor is loaded."""
    return (
        at for at in range(0, len(code), 8) if code[at] == _LOAD_MAP and code[at + 1] >> 4 == _PSEUDO_MAP_FD
    )


def _maps_in(code: bytes) -> set[int]:
    return {struct.unpack_from("=i", code, at + 4)[0] for at in _places(code)}


def _moved(code: bytes, places: Mapping[int, int]) -> bytes:
    changed = bytearray(code)
    for at in _places(code):
        struct.pack_into("=i", changed, at + 4, places[struct.unpack_from("=i", code, at + 4)[0]])
    return bytes(changed)
