"""Arguments -> source -> screen or stream: the one place that names concrete sources."""

from __future__ import annotations

import argparse
import importlib
import math
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

from bpf.errors import TcplatError
from bpf.requirements import require_bcc, require_permission
from bpf.source import Source
from tui.core.format import ASCII, UNICODE

if TYPE_CHECKING:
    from bpf.interfaces import Interface

EXIT_FAILED = 1

_DESCRIPTION = """\
top for TCP latency: how long every remote host takes to answer, as seen by an eBPF probe at an interface.
It sends no packet."""
_EPILOG = """\
examples:
  tcplat                          the screen, on the default route's interface
  tcplat eth0                     the screen, on eth0
  tcplat eth0 --json | jq .       a JSON object a line
  tcplat lo --log --duration 10   a line a handshake, for ten seconds

exit status: 0 done, 1 failed, 2 bad arguments, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `tcplat`; return its exit status."""
    options = _parse(arguments)
    try:
        return _run(options)
    except TcplatError as error:
        print(f"tcplat: {error}", file=sys.stderr)
        return EXIT_FAILED
    except KeyboardInterrupt:  # Before or after the loops, which take it themselves.
        return 130


def _run(options: argparse.Namespace) -> int:
    _check_interface(options.interface)
    require_permission()
    require_bcc()

    def open_source() -> Source:
        # Here and not above: this imports pyroute2, which the screen's first paint does not wait for.
        from bpf.attach import AttachMode
        from bpf.probe import Probe

        return Probe(options.interface, AttachMode(options.attach))

    if options.form:
        from tui import headless

        form = importlib.import_module(f"tui.out.{options.form}")
        return headless.run(open_source(), form, headless.Limits(options.duration, options.count))
    _require_terminal()
    from tui.app import TcplatApp

    def list_interfaces() -> Sequence[Interface]:
        from bpf.interfaces import interfaces

        return interfaces()

    app = TcplatApp(open_source, list_interfaces, UNICODE if _speaks_utf8(os.environ) else ASCII)
    app.run()
    if app.failure:
        # Said again: the screen that said so is gone.
        print(f"tcplat: {app.failure}", file=sys.stderr)
        return EXIT_FAILED
    return app.return_code or 0


def _check_interface(name: str | None) -> None:
    """Tell a wrong name before a screen opens."""
    if name is None:
        return
    try:
        socket.if_nametoindex(name)
    except OSError:
        from bpf.interfaces import find

        find(name)


def _require_terminal() -> None:
    # Textual reads keys from stdin and draws on stderr; a closed stream is None.
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not all(stream and stream.isatty() for stream in streams) or os.environ.get("TERM") == "dumb":
        raise TcplatError("the screen needs a terminal", "for a stream of lines add --log or --json")


def _speaks_utf8(environment: Mapping[str, str]) -> bool:
    """Ask the locale as locale(7) says; Python itself writes UTF-8 whatever LANG is."""
    chosen = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return "utf" in next(filter(None, chosen), "").lower()


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error is said, not below three of usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="tcplat",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "interface",
        nargs="?",
        metavar="INTERFACE",
        help="what to watch (default: the default route's interface)",
    )
    stream = parser.add_mutually_exclusive_group()
    stream.add_argument(
        "--log", dest="form", action="store_const", const="log", help="a line per handshake, no screen"
    )
    stream.add_argument(
        "--json",
        dest="form",
        action="store_const",
        const="jsonl",
        help="a JSON object per handshake, no screen",
    )
    parser.add_argument(
        "--duration", type=_seconds, metavar="S", help="end after S seconds (with --log or --json)"
    )
    parser.add_argument(
        "--count", type=_count, metavar="N", help="end after N handshakes (with --log or --json)"
    )
    parser.add_argument(
        "--attach",
        choices=("auto", "tcx", "clsact"),
        default="auto",
        help="how to hang on the interface: TCX links (Linux 6.6), clsact filters, or what the kernel has (default)",
    )
    parser.add_argument("--version", action="version", version=f"tcplat {version('tcplat')}")
    options = parser.parse_args(arguments)
    if not options.form and (options.duration is not None or options.count is not None):
        parser.error("--duration and --count go with --log or --json")
    return options


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _count(text: str) -> int:
    count = int(text) if text.isdecimal() else 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return count


if __name__ == "__main__":
    sys.exit(main())
