"""Captures of packets, pcap and pcapng: read, and played through the matcher."""

from __future__ import annotations

from bpf.captures.capture import Capture, is_capture

__all__ = ["Capture", "is_capture"]
