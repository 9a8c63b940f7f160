"""Who called connect(): two small programs on the root cgroup that remember it by socket cookie.

They run in the caller's own context, so they know and need not guess. Where the kernel or the machine does not allow
them (no cgroup v2, an older kernel, somebody's exclusive program there), processes are simply not known. Their links
die with this process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bpf import syscall

_HOOKS = {"connect4": syscall.CGROUP_INET4_CONNECT, "connect6": syscall.CGROUP_INET6_CONNECT}


@contextmanager
def callers(code_of: Callable[[bytes], bytes]) -> Iterator[str]:
    """Remember callers as long as the `with` lasts; yields why they are not known, or nothing if they are."""
    with ExitStack() as stack:
        try:
            root = cgroup_root()
            if root is None:
                raise FileNotFoundError("there is no cgroup v2 hierarchy")
            root_fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, root_fd)
            for name, hook in _HOOKS.items():
                program_fd = syscall.load_connect_hook("tcplat_" + name, code_of(name.encode()), hook)
                stack.callback(os.close, program_fd)
                stack.callback(os.close, syscall.create_link(program_fd, root_fd, hook))
        except OSError as error:
            stack.close()
            yield f"processes are not known: {error.strerror or error}"
        else:
            yield ""


def cgroup_root(mounts: Path = Path("/proc/self/mounts")) -> Path | None:
    """Where cgroup v2 is mounted (alone, or beside v1); None: nowhere."""
    for line in mounts.read_text().splitlines():
        fields = line.split()
        if len(fields) > 2 and fields[2] == "cgroup2":
            return Path(fields[1].encode().decode("unicode_escape"))
    return None
