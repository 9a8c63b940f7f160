"""The themes: what colours are sent to the terminal, of sixteen, of all, or none.

Textual's ansi-dark is ours by default: the terminal's own colours and a few accents are half the bytes of an RGB theme.
Where there is to be no colour, Textual sends grey ones; `mono` sends none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

from rich.color import Color, ColorSystem, ColorType
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color as Background
from textual.filter import LineFilter, Monochrome, NoColor
from textual.theme import BUILTIN_THEMES, Theme

ReturnType = TypeVar("ReturnType")

AUTO = "auto"
"""What is configured when `choose` is to choose."""
DEFAULT = "ansi-dark"
MONO = "mono"

_SIXTEEN = ("ansi-dark", "ansi-light")
_COLOURLESS_TERMINAL = re.compile(r"vt\d+.*|.*-(m|mono)")
"""By TERM: DEC's, and those whose terminfo name says monochrome (term(7)). `linux` has sixteen colours."""

_MONO_THEME = Theme(
    name=MONO,
    ansi=True,
    # Each but the default stands for an attribute: see _without_colour.
    primary="ansi_default",
    secondary="ansi_default",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_default",
    accent="ansi_default",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border": "ansi_default",
        "border-blurred": "ansi_default",
        "block-cursor-background": "ansi_white",
        "block-cursor-blurred-background": "ansi_white",
        "footer-key-foreground": "ansi_red",
        "input-cursor-background": "ansi_white",
        "input-selection-background": "ansi_white",
        "screen-selection-background": "ansi_white",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
    },
)
_STANDS_FOR = {1: Style(bold=True), 3: Style(underline=True)}
"""Attributes for foregrounds of the palette: errors (red) are bold, warnings (yellow) underlined."""


class Colourless(LineFilter):
    """Takes all colours out, and leaves attributes in their place."""

    def apply(self, segments: list[Segment], background: Background) -> list[Segment]:
        """Return the segments without colours."""
        return [Segment(text, style and _without_colour(style), control) for text, style, control in segments]


class Sixteen(LineFilter):
    """Keeps to the terminal's sixteen colours: what is mixed (half a colour over another) comes as RGB."""

    def apply(self, segments: list[Segment], background: Background) -> list[Segment]:
        """Return the segments with the nearest colours of the sixteen."""
        return [Segment(text, style and _of_sixteen(style), control) for text, style, control in segments]


_COLOURLESS = Colourless()
_SIXTEEN_ONLY = Sixteen()
"""One of each, for Textual keeps filtered lines by filter."""


def names() -> list[str]:
    """All themes, in the order a key goes through them: few bytes, no colours, then Textual's RGB ones."""
    first = [*_SIXTEEN, MONO]
    return [*first, *(name for name in BUILTIN_THEMES if name not in first)]


def choose(environment: Mapping[str, str], configured: str) -> str:
    """The theme that is `configured`; if that is `auto`, the one that fits NO_COLOR and TERM.

    As no-color.org has it: set and not empty; a person's own configuration goes before.
    """
    if configured != AUTO:
        return configured
    if environment.get("NO_COLOR") or _COLOURLESS_TERMINAL.fullmatch(environment.get("TERM", "")):
        return MONO
    return DEFAULT


def apply(app: App[ReturnType], name: str) -> None:
    """Show `app` in the theme called `name`. Its `get_line_filters` must return what `filters` does."""
    if MONO not in app.available_themes:
        app.register_theme(_MONO_THEME)
    app.no_color = name == MONO
    app.theme = name


def filters(name: str, textual: Sequence[LineFilter]) -> list[LineFilter]:
    """What all that is drawn in the theme goes through. `textual` is what Textual does: of that, not its NO_COLOR."""
    if name == MONO:
        return [_COLOURLESS]
    kept = [each for each in textual if not isinstance(each, (Monochrome, NoColor))]
    return [*kept, _SIXTEEN_ONLY] if name in _SIXTEEN else kept


@lru_cache(1024)
def _without_colour(style: Style) -> Style:
    plain = _coloured(style, None, None)
    if style.color and style.color.type is ColorType.STANDARD:
        plain += _STANDS_FOR.get(style.color.number or 0, Style.null())
    # What is highlighted by its background, a cursor say, is reversed. A mixed one (RGB) only shades.
    return (
        plain + Style(reverse=True) if style.bgcolor and style.bgcolor.type is ColorType.STANDARD else plain
    )


@lru_cache(1024)
def _of_sixteen(style: Style) -> Style:
    return _coloured(style, _nearest(style.color), _nearest(style.bgcolor))


def _nearest(color: Color | None) -> Color | None:
    """One of the sixteen; None, which costs no bytes, for the terminal's own: every run of text ends with a reset."""
    return None if color is None or color.is_default else color.downgrade(ColorSystem.STANDARD)


def _coloured(style: Style, color: Color | None, background: Color | None) -> Style:
    """`style` with other colours, or none. What a click there does (its meta) stays, which Rich would drop."""
    return style.without_color + Style.from_meta(style.meta) + Style(color=color, bgcolor=background)
