"""The application: handshakes in, a screen or a stream of lines out."""
