"""Running the real program inside a lab's namespace, as a person would from a shell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

Line = dict[str, Any]
PATIENCE_S = 15.0
"""How long to wait for what is certain to come; only a failing test waits so long."""


class Place(Protocol):
    """Where commands are run: a lab, or a network of more than one namespace."""

    def command(self, *words: str) -> list[str]:
        """The command line that runs `words` there."""


def tcplat(*arguments: str) -> list[str]:
    """The command line of the program."""
    return [sys.executable, "-m", "tui", *arguments]


def streaming(lab: Place, *arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """Run it without a screen, attached once the `with` begins. What it wrote to stderr up to then is read."""
    return attached(lab.command(*tcplat(*arguments)))


@contextmanager
def attached(words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """The same by the whole command line."""
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with child:
        try:
            assert child.stderr
            said = child.stderr.readline()
            assert said.startswith("tcplat: watching "), said + child.stderr.read()
            yield child
        finally:
            child.kill()


def lines_of(text: str) -> list[Line]:
    """The objects that `--json` wrote."""
    return [json.loads(line) for line in text.splitlines()]
