"""The kernel boundary: packets in, handshakes out. Knows nothing of `tui`."""
