"""The language of `/` and `--filter`: text to a function that says which rows to show.

The grammar is `GRAMMAR`; the keys are `KEYS`. What it leaves open:

- A term on what a row does not have is false, so `!p95>80ms` lets rows without a p95 through.
- Of a row with several ports, processes, directions or addresses, one that fits is enough: `port:443` is true if any is
  443, `!port:443` if none is.
- `key:value` is a part of the text for names, the whole name for an interface, and exact for numbers, times included.
- Case never matters. Plain numbers are milliseconds, for `age` seconds. In `80-120ms` both are milliseconds.
- No pattern takes for ever: see `automaton`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tui.core.filter.expression import Filter
from tui.core.filter.subject import Predicate, Subject

if TYPE_CHECKING:
    from tui.core.filter.completion import Completion, complete
    from tui.core.filter.error import FilterError
    from tui.core.filter.keys import KEYS, Key
    from tui.core.filter.parser import parse
    from tui.core.filter.tokens import Token, TokenKind, tokens

__all__ = [
    "GRAMMAR",
    "KEYS",
    "Completion",
    "Filter",
    "FilterError",
    "Key",
    "Predicate",
    "Subject",
    "Token",
    "TokenKind",
    "complete",
    "parse",
    "tokens",
]

GRAMMAR = """\
filter   = [ any ]                                 nothing: every row
any      = all { "or" all }
all      = negated { [ "and" ] negated }           a space is "and", which binds stronger than "or"
negated  = { "!" | "not" } term
term     = "(" any ")" | word | pattern | network | comparison
word     = characters | '"' characters '"'         part of an address, name, service or process
pattern  = "/" regular expression "/"              the same, by regular expression
network  = address "/" bits                        short for ip:address/bits
comparison
         = key ( ":" | "!=" ) value { "," value }  any of the values; "=" is the same as ":"
         | key ( ":" | "!=" ) pattern              for names
         | key ( ">" | ">=" | "<" | "<=" ) number  spaces may surround the sign
value    = word | network | number [ "-" number ]
number   = digits [ "." digits ] [ unit ]          unit: ns us ms s for times, s m h for age, k M G for counts
"""
"""The grammar, for people."""

_HOMES = {
    "KEYS": "keys",
    "Completion": "completion",
    "FilterError": "error",
    "Key": "keys",
    "Token": "tokens",
    "TokenKind": "tokens",
    "complete": "completion",
    "parse": "parser",
    "tokens": "tokens",
}
"""What is imported when it is first asked for: until a filter is typed, nobody waits for the parser."""


def __getattr__(name: str) -> object:
    """Import what is at home in another module of this package."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
