"""The options of the command, as manual and completions tell them: from the parser that reads them."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tui.arguments import make_parser


@dataclass(frozen=True, slots=True)
class Option:
    """One option, under all its names."""

    names: tuple[str, ...]
    takes: str
    """What its value is called; empty: it has none."""
    choices: tuple[str, ...]
    help: str
    is_repeatable: bool
    excludes: tuple[str, ...]
    """The names of others that do not go with it."""

    @property
    def is_file(self) -> bool:
        """Whether its value is the name of a file."""
        return self.takes == "FILE"

    @property
    def brief(self) -> str:
        """Its help without what it goes with, up to where that goes into details."""
        return re.split(r": |;| \(", re.sub(r"^with --\S+: ", "", self.help))[0]


def options() -> Sequence[Option]:
    """All, in the order of --help."""
    parser = make_parser()
    return [_option(each, parser) for each in parser._actions if each.option_strings]


def interface_help() -> str:
    """What is said of the arguments that are no options."""
    (help_,) = (each.help for each in make_parser()._actions if not each.option_strings)
    return help_ or ""


def _option(action: argparse.Action, parser: argparse.ArgumentParser) -> Option:
    groups = [each._group_actions for each in parser._mutually_exclusive_groups]
    others = [other for group in groups if action in group for other in group if other is not action]
    choices = tuple(map(str, action.choices or ()))
    has_value = action.nargs != 0
    return Option(
        tuple(action.option_strings),
        (str(action.metavar or "|".join(choices)) if has_value else ""),
        choices,
        parser._get_formatter()._expand_help(action),
        isinstance(action, argparse._AppendAction),
        tuple(name for other in others for name in other.option_strings),
    )
