"""The command line: what was typed, checked as far as that goes without opening anything."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, NoReturn

from bpf.event import printable
from tui.exporter import arguments as listening
from tui.fleet import arguments as asking
from tui.record.rotation import Rotation, rotation

if TYPE_CHECKING:  # Imported when it is needed: it takes 35 ms.
    from tui.core.filter import Filter

_DESCRIPTION = """\
top for TCP latency: how long every remote host takes to answer, as seen by an eBPF probe at an interface.
It sends no packet."""
_EPILOG = """\
examples:
  tcplat                             the screen, on the default route's interface
  tcplat eth0 --record eth0.jsonl.gz the screen, and every handshake into a file
  tcplat --read eth0.jsonl.gz        the same screen, later, elsewhere, without root
  ssh box tcpdump -U -w - | tcplat --read -
  tcplat eth0 --json | jq .          a JSON object a line
  tcplat lo --log --duration 10      a line a handshake, for ten seconds
  tcplat eth0 --listen :9811         no screen, but metrics for Prometheus, on this machine only
  tcplat --fleet http://prom:9090    the same screen, of all boxes that a Prometheus server scrapes
  tcplat --demo                      a private network of known hosts to look at

exit status: 0 done, 1 failed, 2 bad arguments, 130 interrupted"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every other error is said, not below three of usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


class _Version(argparse.Action):
    """Says the version. Asking for it takes 20 ms, which only who wants to know it waits for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"tcplat {version('tcplat')}")
        parser.exit()


class _Once(argparse.Action):
    """Takes one value, where argparse would let the last of several win without a word."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option} can be given once")
        setattr(namespace, self.dest, values)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line, or `arguments`. Exits with status 2 and one line if they make no sense."""
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.forwarded and options.flows is None:
        options.flows = True
    trouble = _contradiction(options) or listening.contradiction(options) or asking.contradiction(options)
    if trouble:
        parser.error(trouble)
    return options


def make_parser() -> argparse.ArgumentParser:
    """What can be typed; also what the manual and the completions are made of."""
    parser = _Parser(
        prog="tcplat",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "interfaces",
        nargs="*",
        metavar="INTERFACE",
        help="what to watch, one or several; any: all that are up (default: the default route's interface; "
        "with --read: all)",
    )
    _add_output(parser)
    _add_input(parser)
    asking.add_to(parser)
    parser.add_argument(
        "--timeout",
        type=_seconds,
        metavar="S",
        default=10.0,
        help="call a SYN unanswered after S seconds (default: 10)",
    )
    parser.add_argument(
        "--attach",
        choices=("auto", "tcx", "clsact"),
        default="auto",
        help="how to hang on the interface: TCX links (Linux 6.6), clsact filters, or what the kernel has (default)",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version, and end")
    return parser


def _add_output(parser: argparse.ArgumentParser) -> None:
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
    listening.add_to(parser, stream, _count)
    parser.add_argument(
        "--duration", type=_seconds, metavar="S", help="end after S seconds (with --log or --json)"
    )
    parser.add_argument(
        "--count", type=_count, metavar="N", help="end after N handshakes (with --log or --json)"
    )
    parser.add_argument(
        "--flows",
        action=argparse.BooleanOptionalAction,
        help="also what TCP measures of connections that stay open, as they send: on the screen and with --listen "
        "they are anyway, with --json and --record when asked for",
    )
    parser.add_argument(
        "--forwarded",
        action="store_true",
        help="as --flows, and of connections that this machine only forwards an estimate of both sides' round trips",
    )
    parser.add_argument(
        "--flow-interval",
        type=_seconds,
        metavar="S",
        default=1.0,
        help="sample each open connection every S seconds at most (default: 1)",
    )
    parser.add_argument(
        "--record",
        type=_file,
        action=_Once,
        metavar="FILE",
        help="also write every handshake to FILE, packed if its name ends in .gz or .zst",
    )
    parser.add_argument(
        "--record-rotate",
        type=_rotation,
        metavar="64M|1h",
        help="begin a new file at that size or age; eight older ones are kept",
    )

    parser.add_argument(
        "--filter",
        type=_filter,
        metavar="EXPR",
        help="only what passes, in the language of / on the screen: 'dir:out p95>80ms', 'port:443 !10.0.0.0/8'",
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="settings of the screen (default: ~/.config/tcplat/config.toml, if it is there)",
    )
    parser.add_argument(
        "--print-config",
        action="store_true",
        help="write all settings with their defaults, explained, and end",
    )


def _add_input(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--read",
        type=_file,
        action=_Once,
        metavar="FILE",
        help="show a recording, or a capture (pcap, pcapng), packed or not; - is stdin; needs no root",
    )
    source.add_argument(
        "--demo", action="store_true", help="watch a private network of known hosts, made for this run"
    )
    parser.add_argument(
        "--local",
        action="append",
        type=_network,
        default=[],
        metavar="NET",
        help="with --read: a network of our side, to tell directions where a capture does not",
    )


def _contradiction(options: argparse.Namespace) -> str:
    """Say what does not go together; empty: all does."""
    if not options.form and (options.duration is not None or options.count is not None):
        return "--duration and --count go with --log or --json"
    if options.record_rotate and not options.record:
        return "--record-rotate goes with --record"
    if options.record and options.read and not options.form:
        return "--record goes with --read only if --log or --json is there too"
    if options.forwarded and not options.flows:
        return "--forwarded and --no-flows contradict each other"
    flows = "--forwarded" if options.forwarded else "--flows"
    if options.flows and options.read:
        return f"{flows} goes with a live interface: a recording has the samples it has"
    if options.flows and options.form == "log" and not options.record:
        return f"{flows} goes with --json, --record or the screen: a line of --log is a handshake"
    if options.config and (options.form or options.listen):
        return "--config is for the screen, not for --log, --json or --listen"
    if options.local and not options.read:
        return "--local goes with --read"
    if options.demo and options.interfaces:
        return "--demo has an interface of its own: name none"
    return ""


def _file(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("the name of the file is empty")
    return text


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


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text, strict=False)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a network such as 10.0.0.0/8") from error


def _filter(text: str) -> Filter:
    from tui.core.filter import FilterError
    from tui.core.filter import parse as parse_filter

    try:
        return parse_filter(text)
    except FilterError as error:
        said = f"{error.message} (at character {error.start + 1})"
        raise argparse.ArgumentTypeError(printable(said)) from error


def _rotation(text: str) -> Rotation:
    try:
        return rotation(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
