"""What is typed of the exporter: `--listen`, and what goes with it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tui.exporter.address import Address, address

LABEL_BY = "host"
MAX_SERIES = 1000


class _Options(Protocol):
    """What options are added to: a parser, or a group of it."""

    @property
    def add_argument(self) -> Callable[..., argparse.Action]:
        """As argparse has it."""


def add_to(parser: _Options, stream: _Options, count: Callable[[str], int]) -> None:
    """Add the options. `stream`: those of which there can be one; `count`: reads a whole number above 0."""
    stream.add_argument(
        "--listen",
        type=_address,
        metavar="[HOST]:PORT",
        help="metrics for Prometheus at http://HOST:PORT/metrics (HOST: 127.0.0.1, unless given), no screen",
    )
    parser.add_argument(
        "--label-by",
        choices=("host", "network", "service", "none"),
        help="with --listen: what the label `remote` is: a host (default), a network (/24, /48), a host and port; "
        "none: there is no such label",
    )
    parser.add_argument(
        "--max-series",
        type=count,
        metavar="N",
        help="with --listen: keep so many remotes apart, those seen last (default: 1000); all others are `other`",
    )
    parser.add_argument(
        "--web-config",
        type=Path,
        metavar="FILE",
        help="with --listen: TLS and passwords, as Prometheus's exporters have them in their --web.config.file",
    )


def contradiction(options: argparse.Namespace) -> str:
    """Say what does not go together; empty: all does."""
    if options.listen:
        return "--listen goes with a live interface, not with --read" if options.read else ""
    for option in ("--label-by", "--max-series", "--web-config"):
        if getattr(options, option[2:].replace("-", "_")) is not None:
            return f"{option} goes with --listen"
    return ""


def _address(text: str) -> Address:
    try:
        return address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
