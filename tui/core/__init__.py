"""The pure heart: handshakes in, rows out. No input or output, no clock (`now_ns` is a parameter), no Textual."""
