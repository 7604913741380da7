"""A place in the tokens of a statement, from which it is read."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import sympy as sp

from .tokens import Source, Token

T = TypeVar("T")
MAX_DEPTH, MAX_TOKENS = 30, 400


class Cursor:
    """Reads one statement from left to right."""

    def __init__(self, source: Source, tokens: Sequence[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.index = 0
        self.depth = 0
        self.nested = 0
        if len(tokens) > MAX_TOKENS:
            where = tokens[MAX_TOKENS].position
            raise source.error(where, f"more than {MAX_TOKENS} numbers, names and operators; shorten the expression")

    @property
    def next(self) -> Token:
        """The token to be read next."""
        return self.tokens[self.index]

    def skip(self) -> None:
        """Read the next token, whatever it is; nothing comes after the last, `end`."""
        self.index = min(self.index + 1, len(self.tokens) - 1)

    def take(self, *texts: str) -> Token | None:
        """Read the next token if it is a symbol among `texts`."""
        token = self.next
        if token.kind != "symbol" or token.text not in texts:
            return None
        self.skip()
        return token

    def name(self, expected: str) -> Token:
        """Read a name."""
        token = self.next
        if token.kind != "name":
            raise self.source.error(token.position, f"expected {expected}, found {token}")
        self.skip()
        return token

    def infinity(self) -> sp.Expr | None:
        """Read `oo`, `+oo` or `-oo` if the rest of the statement is that."""
        rest = [token.text for token in self.tokens[self.index : -1]]
        if rest not in (["oo"], ["+", "oo"], ["-", "oo"]):
            return None
        self.index = len(self.tokens) - 1
        return -sp.oo if rest[0] == "-" else sp.oo

    def deeper(self, read: Callable[[], T]) -> T:
        """Read something that is nested in what is being read."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.source.error(self.next.position, f"nested more than {MAX_DEPTH} deep; simplify the expression")
        found = read()
        self.depth -= 1
        return found
