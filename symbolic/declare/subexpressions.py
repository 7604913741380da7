"""Names for parts of equations, as in `Isyn = g*(E - V)`: each stands for its expression wherever it is used."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .expressions import RESERVED, Reader, Scope
from .tokens import Source, Token


@dataclass(frozen=True)
class Subexpression:
    """A named part of equations, yet to be read.

    Attributes:
        name: Where it is named.
        reader: Of its right-hand side.
    """

    name: Token
    reader: Reader


def require_new_name(source: Source, token: Token, others: Mapping[str, str]) -> None:
    """Refuse a name that a subexpression cannot have; `others` says what else is called so."""
    name = token.text
    if name in RESERVED or name == "t":
        raise source.error(token.position, f"the name {name!r} is taken; rename it, for example to '{name}_0'")
    if name in others:
        raise source.error(token.position, f"{name!r} is {others[name]} and a subexpression, too; rename one of them")


def with_subexpressions(scope: Scope, found: Mapping[str, Subexpression]) -> Scope:
    """Return a scope that knows subexpressions by name, which may be written in any order.

    Raises:
        ModelError: if one cannot be read, or is defined by itself.
    """
    known: dict[str, Any] = dict(scope.symbols)
    waiting: list[str] = []

    def read(name: str) -> None:
        each, source = found[name], found[name].reader.source
        waiting.append(name)
        for token in each.reader.tokens[each.reader.index :]:
            if token.kind != "name" or token.text not in found or token.text in known:
                continue
            if token.text in waiting:
                circle = " -> ".join([*waiting[waiting.index(token.text) :], token.text])
                message = f"{token.text!r} is defined by itself ({circle}); a state has an equation d{token.text}/dt"
                raise source.error(token.position, f"{message} = ...")
            read(token.text)
        known[name] = each.reader.copy().whole_expression(replace(scope, symbols=known))
        waiting.pop()

    for name in found:
        if name not in known:
            read(name)
    return replace(scope, symbols=known)
