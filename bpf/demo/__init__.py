"""`tcplat --demo`: a private network of known hosts, with the real kernel and the real probe. See `demo`."""

from __future__ import annotations

from bpf.demo.network import demo

__all__ = ["demo"]
