"""bcc compiles the C source. Loads nothing.

The only module that imports bcc, and it does so when a program is compiled. What is compiled needs bcc no more.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bpf import maps, syscall
from bpf.compiled import Compiled, maps_in, moved
from bpf.errors import KernelUnsupported
from bpf.flows import PASSING_MAX
from bpf.requirements import missing_bcc, require_bcc, require_permission

NEEDS = "tcplat needs Linux 5.8 or later with CONFIG_BPF_SYSCALL, and bcc 0.18 or later"
TABLES = (
    "bell",
    "accounts",
    "pending_outbound",
    "pending_inbound",
    "reported",
    "awaited_acks",
)
"""Those that are used by name; all others only by the code."""
FUNCTIONS = ("handshake", "forget", "connect4", "connect6")
_HERE = Path(__file__).resolve().parent
_SOURCE = _HERE / "handshake.bpf.c"
_STORES_IN_ORDER = ("x86_64", "s390x")
"""Where what one processor writes is seen by all others in that order."""
_COMPILERS = re.compile(r"/\S*/lib(?:bcc|clang|LLVM)\S*\.so\S*")


def compile_program(*, is_forwarding: bool) -> Compiled:
    """Let bcc compile the program, in this process (0.4 s and more). Raises TcplatError."""
    require_bcc()
    require_permission()
    if not syscall.is_available():  # Asked first, since bcc would say so on stderr, where Textual draws.
        raise KernelUnsupported(f"this kernel ({os.uname().release}) has no BPF", NEEDS)
    # bcc looks for kernel headers here; these few stand in for them, so none need be installed.
    os.environ["BCC_KERNEL_SOURCE"] = str(_HERE)
    try:
        bcc = importlib.import_module("bcc")
        module = bcc.BPF(src_file=str(_SOURCE).encode(), cflags=_flags(is_forwarding=is_forwarding))
        return _taken_out(module)
    except ImportError as error:
        raise missing_bcc(f"bcc cannot be imported ({error})") from error
    except Exception as error:  # bcc raises nothing narrower.
        raise cannot_prepare(str(error)) from error


def cannot_prepare(why: str) -> KernelUnsupported:
    """What is told when bcc does not do it."""
    return KernelUnsupported(f"bcc cannot prepare the probe: {why}", NEEDS)


def ingredients(*, is_forwarding: bool) -> str:
    """All that the code depends on, but for the compiler's own files."""
    machine = os.uname()
    sources = [_SOURCE, *sorted((_HERE / "include").rglob("*.h"))]
    return repr(
        (
            (machine.release, machine.version, machine.machine, sys.byteorder),
            (TABLES, FUNCTIONS, _flags(is_forwarding=is_forwarding)),
            [(str(each.relative_to(_HERE)), each.read_text()) for each in sources],
        )
    )


def compiler_files() -> Iterator[Path]:
    """bcc and what it compiles with, once this process has compiled."""
    yield Path(str(sys.modules["bcc"].__file__))
    yield from map(Path, sorted(set(_COMPILERS.findall(Path("/proc/self/maps").read_text()))))


def _flags(*, is_forwarding: bool) -> list[str]:
    return [
        f"-DPASSING_MAX={PASSING_MAX if is_forwarding else 1}",
        f"-DHAS_ATOMICS={int(syscall.has_atomics())}",
        f"-DSTORES_IN_ORDER={int(os.uname().machine in _STORES_IN_ORDER)}",
        "-g0",  # Nobody debugs it: a tenth of the time.
    ]


def _taken_out(module: Any) -> Compiled:
    """What a bcc.BPF made; it is let go of itself."""
    with ExitStack() as stack:
        stack.callback(module.cleanup)
        code = {name: bytes(module.dump_func(name.encode())) for name in FUNCTIONS}
        tables = {name: int(module[name.encode()].map_fd) for name in TABLES}
        map_fds = sorted({*tables.values(), *(map_fd for each in code.values() for map_fd in maps_in(each))})
        numbers = {map_fd: number for number, map_fd in enumerate(map_fds)}
        return Compiled(
            {name: moved(each, numbers) for name, each in code.items()},
            tuple(map(maps.shape_of, map_fds)),
            {name: numbers[map_fd] for name, map_fd in tables.items()},
        )
