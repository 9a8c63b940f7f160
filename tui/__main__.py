"""The command itself: `tcplat`, or `python -m tui`. It imports nothing before it can be interrupted in good order."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `tcplat`; return its exit status."""
    try:
        _fill_streams()
        from tui.command_line import run

        return run(arguments, owns_process=True)
    except KeyboardInterrupt:  # Before or after the loops, which take it themselves.
        return EXIT_INTERRUPTED


def _fill_streams() -> None:
    """Where a stream is closed let there be /dev/null, or what is opened next is taken for it."""
    if None in (sys.stdin, sys.stdout, sys.stderr):
        while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(opened)


if __name__ == "__main__":
    sys.exit(main())
