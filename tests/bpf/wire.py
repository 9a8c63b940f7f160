"""Packets put through the loaded kernel program by BPF_PROG_TEST_RUN, as if one interface had carried them."""

from __future__ import annotations

from bpf import syscall
from bpf.event import Handshake
from bpf.interfaces import Layer
from bpf.lab import packets
from bpf.program import Program

IFINDEX = 1
"""Test runs happen on the namespace's loopback device unless told otherwise."""


class Wire:
    """One interface, watched and with empty tables when entered."""

    def __init__(self, program: Program, layer: Layer) -> None:
        self._program = program
        self._layer = layer

    def __enter__(self) -> Wire:
        self._loaded = self._program.load(self._layer)
        self._program.read()
        return self

    def __exit__(self, *_: object) -> None:
        self._program.pending.forget(IFINDEX)
        self._program.unload(self._loaded)

    @property
    def account(self) -> int:
        """The number of this interface's account."""
        return self._loaded.account

    def receives(self, packet: bytes, **frame: object) -> int:
        """Let an IP packet arrive; return the program's verdict."""
        return self.carries(self._framed(packet, frame), is_ingress=True)

    def sends(self, packet: bytes, **frame: object) -> int:
        """Let an IP packet leave; return the program's verdict."""
        return self.carries(self._framed(packet, frame), is_ingress=False)

    def carries(self, data: bytes, *, is_ingress: bool) -> int:
        """Let bytes pass as they are; return the program's verdict."""
        program_fd = self._loaded.ingress_fd if is_ingress else self._loaded.egress_fd
        return syscall.test_run(program_fd, data, IFINDEX)[0]

    def events(self) -> list[Handshake]:
        """What the program reported since the last time."""
        return list(self._program.read()[0])

    def counters(self) -> dict[str, int]:
        """The account of this interface."""
        return self._program.accounts.read(self.account)

    def _framed(self, packet: bytes, frame: dict[str, object]) -> bytes:
        return packets.ethernet(packet, **frame) if self._layer is Layer.ETHERNET else packet  # type: ignore[arg-type]
