"""What is typed of a fleet: `--fleet`, and what goes with it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # Who asks no server does not wait for the import.
    from tui.fleet.address import ServerAddress

_is_label = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII).fullmatch
_OTHERS = ("form", "listen", "read", "demo", "record", "flows", "forwarded", "interfaces")
"""What is of a box itself."""
_TYPED = {"form": "--log and --json", "interfaces": "an interface"}


class _Options(Protocol):
    """What options are added to: a parser, or a group of it."""

    @property
    def add_argument(self) -> Callable[..., argparse.Action]:
        """As argparse has it."""


def add_to(parser: _Options) -> None:
    """Add the options."""
    parser.add_argument(
        "--fleet",
        type=_address,
        metavar="URL",
        help="the screen of many boxes that run --listen, as the Prometheus server at URL knows them; needs no root",
    )
    parser.add_argument(
        "--box-label",
        type=_label,
        metavar="NAME",
        help="with --fleet: the label that tells boxes apart (default: instance)",
    )
    parser.add_argument(
        "--fleet-password",
        metavar="FILE",
        help="with --fleet: the password of the user in URL is the first line of FILE (or in TCPLAT_FLEET_PASSWORD)",
    )
    parser.add_argument(
        "--fleet-token",
        metavar="FILE",
        help="with --fleet: a bearer token is the first line of FILE (or in TCPLAT_FLEET_TOKEN)",
    )


def contradiction(options: argparse.Namespace) -> str:
    """Say what does not go together; empty: all does."""
    if options.fleet:
        for other in _OTHERS:
            if getattr(options, other):
                typed = _TYPED.get(other, f"--{other}")
                return f"--fleet shows what a server knows: {typed} goes with a box itself"
        if options.fleet_password and options.fleet_token:
            return "--fleet-password and --fleet-token contradict each other"
        return ""
    for name in ("box_label", "fleet_password", "fleet_token"):
        if getattr(options, name) is not None:
            return f"--{name.replace('_', '-')} goes with --fleet"
    return ""


def _address(text: str) -> ServerAddress:
    from tui.fleet.address import server_address

    try:
        return server_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _label(text: str) -> str:
    if not _is_label(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a label, such as instance")
    return text
