"""What a table shows, as text for other programs: CSV, JSON, and the clipboard. Numbers stay numbers.

Names from the net and from other users' processes are among the texts, so no text is trusted: what cannot be printed
becomes U+FFFD, also so that no cell breaks its line, and, but for JSON, which no spreadsheet opens as a sheet, a text
that one would take for a formula gets an apostrophe before it, which spreadsheets read as "what follows is text".
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence

Cell = str | int | float | None
"""A number is written as it is, its unit in the header (`p95_ns`); None: there is no such figure."""

# Also after what separates cells where the decimal point is a comma: there, a spreadsheet opens the file by that. The
# wide forms of the characters are taken for the narrow ones by some.
_begins_formula = re.compile(r"(^|[;,|])(?=[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20])")
_UNPRINTABLE = "\ufffd"


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Write the header and the rows as CSV (RFC 4180, but lines end as Linux ends them)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(map(_defused, rows))
    return text.getvalue()


def json_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Write the rows as a JSON array of objects, one a line, in ASCII. Raises ValueError if a row is not as long."""
    objects = (json.dumps(dict(zip(header, row, strict=True))) for row in rows)
    return "[\n" + ",\n".join(objects) + "\n]\n"


def clipboard_text(rows: Iterable[Sequence[Cell]], header: Sequence[str] = ()) -> str:
    """Write rows for pasting into a spreadsheet: separated by tabs, and after the header, if there is one.

    The last line does not end, so that a single row can be pasted anywhere.
    """
    lines = [*([header] if header else []), *map(_defused, rows)]
    return "\n".join("\t".join("" if cell is None else str(cell) for cell in line) for line in lines)


def _defused(row: Sequence[Cell]) -> list[Cell]:
    return [_begins_formula.sub(r"\1'", printable(cell)) if isinstance(cell, str) else cell for cell in row]


def printable(text: str) -> str:
    """Put U+FFFD for every character that prints nothing: control, format and half characters, odd blanks."""
    return (
        text if text.isprintable() else "".join(each if each.isprintable() else _UNPRINTABLE for each in text)
    )
