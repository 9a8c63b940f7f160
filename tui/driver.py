"""The terminal, as Textual speaks to it, with one thing left out."""

from __future__ import annotations

from textual.drivers.linux_driver import LinuxDriver


class QuietMouseDriver(LinuxDriver):
    """Clicks and wheel only: told of every motion, a moving mouse costs half a megabyte a second over SSH."""

    def write(self, data: str) -> None:
        """Write to the terminal, but for the request for motion events."""
        super().write(data.replace("\x1b[?1003h", ""))
