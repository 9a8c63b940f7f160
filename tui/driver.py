"""The terminal, as Textual speaks to it, but for what is told of the mouse, and after a stop."""

from __future__ import annotations

from textual.drivers.linux_driver import LinuxDriver


class QuietMouseDriver(LinuxDriver):
    """Clicks and wheel only: told of every motion, a moving mouse costs half a megabyte a second over SSH."""

    def write(self, data: str) -> None:
        """Write to the terminal, but for the request for motion events."""
        super().write(data.replace("\x1b[?1003h", ""))

    def _sigcont_application(self, *arguments: object) -> None:
        """Take the terminal again, which a shell has used meanwhile.

        A SIGSTOP comes without a word: what Textual began would go on beside what it begins now, and eat every other
        key.
        """
        if self._auto_restart and not self._must_signal_resume:
            self.suspend_application_mode()
        super()._sigcont_application(*arguments)
