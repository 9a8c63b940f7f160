"""The command itself: `tcplat`, or `python -m tui`. It imports nothing before it can be interrupted in good order."""

from __future__ import annotations

import sys
from collections.abc import Sequence

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `tcplat`; return its exit status."""
    try:
        from tui.command_line import run

        return run(arguments, owns_process=True)
    except KeyboardInterrupt:  # Before or after the loops, which take it themselves.
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
