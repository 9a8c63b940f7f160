"""What is wrong with a filter, and where."""

from __future__ import annotations

_SHOWN = 24


class FilterError(ValueError):
    """One line that says what is wrong with characters `start` to `end - 1` of the text (never none of them)."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end


def cited(text: str) -> str:
    """What was typed, in quotation marks and short enough for a message."""
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[: _SHOWN - 3]}...'"
