"""Text to a filter, or to an error that points at what is wrong."""

from __future__ import annotations

from typing import NoReturn

from tui.core.filter.error import FilterError
from tui.core.filter.expression import Filter
from tui.core.filter.keys import KEY_OF, NUMERIC
from tui.core.filter.networks import Misplaced, word_network, word_text
from tui.core.filter.nodes import And, Node, Not, Or, Pattern, Within, Word
from tui.core.filter.pattern import check
from tui.core.filter.terms import listed, ordered
from tui.core.filter.tokens import LONGEST, Token, TokenKind, tokens

DEEPEST = 30
"""Parentheses and negations around one another."""

_BINARY = (TokenKind.AND, TokenKind.OR)
_VALUES = (TokenKind.VALUE, TokenKind.VALUE_PATTERN, TokenKind.COMMA)


def parse(text: str) -> Filter:
    """Read a filter; raises FilterError. The empty text lets everything pass. Takes 20 us a term."""
    found = list(tokens(text))
    if not found:
        return Filter()
    parsed = Filter(_Parser(found).whole())
    if len(str(parsed)) > LONGEST:  # so that what is printed can always be read again
        raise FilterError(f"written in full, a filter has at most {LONGEST:,} characters", 0, len(text))
    return parsed


class _Parser:
    """Recursive descent, one method a rule of the grammar."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._any()
        left = self._peek()
        if left is not None:
            raise FilterError("this parenthesis was never opened", left.start, left.end)
        return node

    def _any(self) -> Node:
        terms = [self._all()]
        while self._take(TokenKind.OR):
            terms.append(self._all())
        return terms[0] if len(terms) == 1 else Or(tuple(terms))

    def _all(self) -> Node:
        terms = [self._negated()]
        while True:
            self._take(TokenKind.AND)
            following = self._peek()
            is_more = following is not None and following.kind not in (TokenKind.OR, TokenKind.CLOSE)
            if not is_more and self._previous().kind is not TokenKind.AND:
                return terms[0] if len(terms) == 1 else And(tuple(terms))
            terms.append(self._negated())

    def _negated(self) -> Node:
        token = self._take(TokenKind.NOT)
        if not token:
            return self._term()
        self._descend(token)
        term = self._negated()
        self._depth -= 1
        return Not(term)

    def _term(self) -> Node:
        token = self._peek()
        if token is None or token.kind in _BINARY or token.kind is TokenKind.CLOSE:
            self._miss(token)
        self._at += 1
        if token.kind is TokenKind.OPEN:
            return self._group(token)
        if token.kind is TokenKind.KEY:
            return self._compared(token)
        if token.kind is TokenKind.PATTERN:
            check(token.text, token.start + 1)
            return Pattern(token.text)
        return Word(token.text) if token.kind is TokenKind.QUOTED else _bare(token)

    def _group(self, opening: Token) -> Node:
        self._descend(opening)
        node = self._any()
        self._depth -= 1
        if not self._take(TokenKind.CLOSE):
            raise FilterError("this parenthesis is never closed", opening.start, opening.end)
        return node

    def _compared(self, name: Token) -> Node:
        key = KEY_OF[name.text.lower()]
        operator = self._tokens[self._at]
        self._at += 1
        first = self._at
        while (following := self._peek()) and following.kind in _VALUES:
            self._at += 1
        found = self._tokens[first : self._at]
        if not found or found[-1].kind is TokenKind.COMMA:
            last = self._previous()
            raise FilterError(f"{key.name} takes {key.takes}", name.start, last.end)
        values = [each for each in found if each.kind is not TokenKind.COMMA]
        if operator.text in (":", "=", "=="):
            return listed(key, values)
        if operator.text == "!=":
            return Not(listed(key, values))
        if key.kind not in NUMERIC:
            message = f"{key.name} has no order, so '{operator.text}' says nothing: write {key.example}"
            raise FilterError(message, operator.start, operator.end)
        return ordered(key, operator, values)

    def _miss(self, token: Token | None) -> NoReturn:
        """There is no term where one must be: say what asked for it."""
        before = self._previous() if self._at else None
        if before is not None and before.kind is TokenKind.OPEN:
            if token is not None and token.kind is TokenKind.CLOSE:
                raise FilterError("there is nothing between these parentheses", before.start, token.end)
            if token is None:
                raise FilterError("this parenthesis is never closed", before.start, before.end)
        if before is not None and before.kind is not TokenKind.OPEN:
            raise FilterError(f"there is nothing after '{before.text}'", before.start, before.end)
        assert token is not None
        if token.kind is TokenKind.CLOSE:
            raise FilterError("this parenthesis was never opened", token.start, token.end)
        raise FilterError(f"there is nothing before '{token.text}'", token.start, token.end)

    def _descend(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise FilterError(f"more than {DEEPEST} levels deep", token.start, token.end)

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _previous(self) -> Token:
        return self._tokens[self._at - 1]

    def _take(self, kind: TokenKind) -> Token | None:
        token = self._peek()
        if token is None or token.kind is not kind:
            return None
        self._at += 1
        return token


def _bare(token: Token) -> Node:
    try:
        network = word_network(token.text)
        return Within((network,)) if network else Word(word_text(token.text))
    except Misplaced as error:
        raise FilterError(str(error), token.start, token.end) from None
