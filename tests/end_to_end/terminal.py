"""A real terminal inside a lab's namespace: a shell in tmux, typed into and read."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from bpf.lab import Lab
from tests.end_to_end.commands import PATIENCE_S
from tools.prometheus_server import Here

_SHELL = "env LANG=C.UTF-8 TERM=tmux-256color PS1=$ sh"


class Terminal:
    """A tmux server of its own, on a socket of its own, for as long as a `with` lasts."""

    def __init__(self, lab: Lab | Here, columns: int = 80, lines: int = 24) -> None:
        self._lab = lab
        self._directory = tempfile.TemporaryDirectory(prefix="tcplat-tmux-")
        self._size = ("-x", str(columns), "-y", str(lines))

    def __enter__(self) -> Terminal:
        self._tmux("new-session", "-d", *self._size, _SHELL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tmux("kill-server")
        self._directory.cleanup()

    @property
    def text(self) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p")

    @property
    def painted(self) -> str:
        """What is on the screen, with its attributes and colours as escape sequences."""
        return self._tmux("capture-pane", "-pe")

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def title(self) -> str:
        """What the terminal's window is called: programs may change that."""
        return self._show("#{pane_title}")

    def is_sane(self) -> bool:
        """Whether it is as a shell wants it: main screen, cursor, no mouse reports, echo and signals."""
        modes = self._show("#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{mouse_sgr_flag}")
        device = self._show("#{pane_tty}")
        settings = subprocess.run(["stty", "-aF", device], check=True, capture_output=True, text=True).stdout
        return modes == "0 1 0 0" and {"icanon", "echo", "isig", "icrnl", "opost"} <= set(settings.split())

    @property
    def child(self) -> int:
        """The process id of the program that the shell runs."""
        shell = self._show("#{pane_pid}")
        (child,) = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(child)

    def run(self, *words: str) -> None:
        """Type a command, which shows its exit status when it ends."""
        self.type(shlex.join(words))

    def type(self, line: str, end: str = "Enter") -> None:
        """Type a line of shell, which shows its exit status when it ends."""
        self._tmux("send-keys", "-l", f"clear; {line}; echo status=$?")
        self.press(end)

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def resize(self, columns: int, lines: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(lines))

    def hang_up(self) -> None:
        """Close the window, as a lost SSH connection does."""
        self._tmux("set-option", "-g", "exit-empty", "off", ";", "kill-pane")

    def until(self, wanted: Callable[[], object]) -> None:
        """Wait; raises AssertionError, which shows the screen."""
        deadline = time.monotonic() + PATIENCE_S
        while not wanted():
            assert time.monotonic() < deadline, f"never shown; the screen is\n{self.text}"
            time.sleep(0.02)

    def shows(self, text: str) -> None:
        """Wait until `text` is on the screen."""
        self.until(lambda: text in self.text)

    def _show(self, form: str) -> str:
        return self._tmux("display-message", "-p", form).strip()

    def _tmux(self, *words: str) -> str:
        command = self._lab.command("tmux", "-S", f"{self._directory.name}/socket", "-f", "/dev/null", *words)
        environment = {**os.environ, "LANG": "C.UTF-8", "TERM": "xterm-256color"}
        for name in (
            "COLUMNS",
            "LINES",
        ):  # readline, which pytest imports, sets them for pytest's own children.
            environment.pop(name, None)
        done = subprocess.run(command, check=True, capture_output=True, env=environment, timeout=PATIENCE_S)
        return done.stdout.decode()
