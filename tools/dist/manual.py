"""tcplat(1), made of the parser, the keys, the columns and the filter's words: what --help and ? are made of."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

from tools.dist.options import interface_help, options
from tools.dist.roff import Page
from tui.app import TcplatApp
from tui.arguments import make_parser
from tui.core.columns import COLUMNS
from tui.core.filter import KEYS
from tui.core.format import ASCII
from tui.options import ScreenOptions
from tui.screens.help import FILTER_SIGNS, MEASURED, merged

_FILES = [
    (
        "~/.config/tcplat/config.toml",
        "Settings of the screen; in $XDG_CONFIG_HOME, if that is set. Under sudo it is still the caller's. "
        "tcplat --print-config writes one to begin with.",
    ),
]
_ENVIRONMENT = [
    ("NO_COLOR", "If it is set, no colours are sent."),
    ("LC_ALL, LC_CTYPE, LANG", "Sparklines and charts are ASCII, unless the locale is one of UTF-8."),
]
_SEE_ALSO = "ss(8), tcpdump(8), ping(8), tc-bpf(8)"


def manual(version: str, summary: str, epoch_s: int) -> str:
    """The page, as man reads it."""
    page = Page("tcplat", 1, time.strftime("%Y-%m-%d", time.gmtime(epoch_s)), version)
    page.heading("name")
    page.paragraphs(f"tcplat - {summary}")
    page.heading("synopsis")
    page.paragraphs("tcplat [OPTION ...] [INTERFACE ...]")
    page.heading("description")
    parser = make_parser()
    page.paragraphs(parser.description or "")
    page.paragraphs(MEASURED)
    page.heading("options")
    page.terms([("INTERFACE ...", interface_help())])
    page.terms((_option_line(each.names, each.takes), each.help) for each in options())
    page.heading("keys")
    for view, keys in _keys().items():
        page.subheading(view)
        page.terms(merged(keys))
    page.heading("columns")
    page.terms((column.title, column.help) for column in COLUMNS)
    page.heading("filter")
    page.paragraphs("Words are parts of an address, a name, a service or a process; /re/ is a regular expression.")
    page.terms([*((each.name, f"{each.help}: {each.example}") for each in KEYS), *FILTER_SIGNS])
    for paragraph in (parser.epilog or "").split("\n\n"):
        title, _, text = paragraph.partition(":")
        page.heading(title)
        page.as_is(text.strip("\n")) if "\n" in text else page.paragraphs(text)
    page.heading("files")
    page.terms(_FILES)
    page.heading("environment")
    page.terms(_ENVIRONMENT)
    page.heading("see also")
    page.paragraphs(_SEE_ALSO)
    return page.source


def _option_line(names: Sequence[str], takes: str) -> str:
    return ", ".join(f"{name} {takes}".strip() for name in names)


def _keys() -> Mapping[str, Sequence[tuple[str, str]]]:
    """As the help screen has them, in words rather than signs."""
    return TcplatApp(_never, list, ScreenOptions(glyphs=ASCII)).keys_told()


def _never() -> NoReturn:
    raise AssertionError("a screen that is asked for its keys opens no source")
