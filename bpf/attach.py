"""Hanging the two programs on an interface's TC hook: by TCX links, or by clsact filters before Linux 6.6.

What hangs them does so when made, and takes them away when closed. A TCX link dies with its descriptor, so even SIGKILL
leaves nothing.
"""

from __future__ import annotations

import enum
import errno
import os
from dataclasses import dataclass
from typing import Protocol

from bpf import syscall
from bpf.errors import AttachFailed, KernelUnsupported


class AttachMode(enum.Enum):
    """What the user asked for."""

    AUTO = "auto"
    TCX = "tcx"
    CLSACT = "clsact"


@dataclass(frozen=True, slots=True)
class Hook:
    """Where to attach what: an interface, and the programs for its two sides."""

    ifindex: int
    interface: str
    ingress_fd: int
    egress_fd: int


class Attachment(Protocol):
    """Programs that hang on a hook until closed."""

    kind: str

    def programs_ahead(self) -> int | None:
        """Count the programs of others that run before ours, on both sides; None: ours were detached by somebody."""

    def close(self) -> None:
        """Detach. Never raises for an interface that is gone."""


class TcxLinks:
    """A pair of TCX links (Linux 6.6)."""

    kind = "tcx"

    def __init__(self, hook: Hook) -> None:
        """Attach; raises OSError, with nothing attached."""
        self._hook = hook
        self._fds: list[int] = []
        try:
            self._fds.append(syscall.create_link(hook.ingress_fd, hook.ifindex, syscall.TCX_INGRESS))
            self._fds.append(syscall.create_link(hook.egress_fd, hook.ifindex, syscall.TCX_EGRESS))
        except OSError:
            self.close()
            raise

    def programs_ahead(self) -> int | None:
        """Count the programs of others that run before ours, on both sides; None: ours were detached by somebody."""
        sides = ((self._hook.ingress_fd, syscall.TCX_INGRESS), (self._hook.egress_fd, syscall.TCX_EGRESS))
        ahead = 0
        for program_fd, attach_type in sides:
            try:
                ids = syscall.attached(self._hook.ifindex, attach_type)
            except OSError:  # The interface is gone.
                return 0
            ours = syscall.program_id(program_fd)
            if ours not in ids:
                return None
            ahead += ids.index(ours)
        return ahead

    def close(self) -> None:
        """Detach."""
        while self._fds:
            os.close(self._fds.pop())


def attach(hook: Hook, mode: AttachMode) -> Attachment:
    """Attach in the way asked for; `AUTO` takes TCX where the kernel has it. Raises TcplatError."""
    if mode is not AttachMode.CLSACT:
        try:
            return TcxLinks(hook)
        except OSError as error:
            # Kernels before 6.6 do not know the attach type (EINVAL).
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise AttachFailed(
                    f"cannot attach to {hook.interface}: {error.strerror}",
                    "try --attach clsact",
                ) from error
            if mode is AttachMode.TCX:
                raise KernelUnsupported(
                    f"this kernel ({os.uname().release}) has no TCX links, which came with Linux 6.6",
                    "leave out --attach tcx",
                ) from error
    from bpf.clsact import (
        hang_filters,  # It imports pyroute2, which takes longer than all the rest of attaching.
    )

    return hang_filters(hook)
