"""A page of the manual, as man(7) writes it. Text stays text: no character of it is taken for a command."""

from __future__ import annotations

from collections.abc import Iterable

_SIGNS = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "^": r"\(ha", "~": r"\(ti", "`": r"\(ga"}
"""What roff would make something else of."""


class Page:
    """Lines of a page, in order."""

    def __init__(self, name: str, section: int, day: str, version: str) -> None:
        """`day`: of its last change; `version`: of what it is about."""
        title = f'"{name} {version}" "User Commands"'
        self._lines = [f".TH {name.upper()} {section} {day} {title}"]

    def heading(self, text: str) -> None:
        """Begin a section."""
        self._lines.append(f".SH {_quoted(text.upper())}")

    def subheading(self, text: str) -> None:
        """Begin a part of one."""
        self._lines.append(f".SS {_quoted(text)}")

    def paragraphs(self, text: str) -> None:
        """Write paragraphs, which empty lines separate."""
        for each in text.strip().split("\n\n"):
            self._begin()
            self._lines += _text(" ".join(each.split()))

    def terms(self, entries: Iterable[tuple[str, str]]) -> None:
        """Write terms, in bold, and what each is."""
        for term, told in entries:
            self._lines += [".TP", rf"\fB{_escaped(term)}\fR", *_text(told)]

    def as_is(self, text: str) -> None:
        """Write lines that stay as they are."""
        self._begin()
        self._lines += [".nf", *(line for each in text.splitlines() for line in _text(each)), ".fi"]

    def _begin(self) -> None:
        if not self._lines[-1].startswith((".SH", ".SS")):
            self._lines.append(".PP")

    @property
    def source(self) -> str:
        """What man reads."""
        return "\n".join(self._lines) + "\n"


def _text(line: str) -> list[str]:
    """A line which is none of roff's, whatever it begins with."""
    escaped = _escaped(line)
    return [rf"\&{escaped}" if escaped.startswith(".") else escaped]


def _escaped(text: str) -> str:
    return "".join(_SIGNS.get(each, each) if each.isascii() else rf"\[u{ord(each):04X}]" for each in text)


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'
