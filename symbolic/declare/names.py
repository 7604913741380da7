"""The names of a declaration in text, and where each may be used."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from ..errors import ModelError
from .expressions import RESERVED, Scope, close_name
from .rules import weight
from .subexpressions import Subexpression, require_new_name
from .tokens import MAX_NAME, Source, Token

_WEIGHT_ELSEWHERE = "'weight', the weight of an input spike, may only be named in inputs"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def declared_symbol(name: str, *, is_positive: bool = False) -> sp.Symbol:
    """Make the symbol of a state or parameter, with its assumptions."""
    return sp.Symbol(name, positive=True) if is_positive else sp.Symbol(name, real=True)


class DeclaredNames:
    """All symbols of a declaration by name, and where each may be used."""

    def __init__(
        self,
        states: Iterable[str],
        parts: Mapping[str, Subexpression],
        parameters: Iterable[str],
        positive: frozenset[str],
        currents: Iterable[str],
    ) -> None:
        self.states = {name: declared_symbol(name) for name in states}
        self.parameters = {_checked(name): declared_symbol(name, is_positive=name in positive) for name in parameters}
        for name in self.parameters:
            if name in self.states:
                raise ModelError(f"{name} is declared both as a state and as a parameter; remove it from one of them")
        self.currents = {_checked(name, "currents"): declared_symbol(name) for name in currents}
        for name in self.currents:
            if name in self.states or name in self.parameters:
                kind = "state" if name in self.states else "parameter"
                raise ModelError(f"{name} is declared both as a {kind} and as a current; remove it from one of them")
        kinds = ("a state", self.states), ("a parameter", self.parameters), ("a current", self.currents)
        called = {name: kind for kind, names in kinds for name in names}
        for part in parts.values():
            require_new_name(part.reader.source, part.name, called)
        no_weight = {"weight": _WEIGHT_ELSEWHERE} | {
            name: f"{name!r} is a subexpression, which only stands in equations; write it out here" for name in parts
        }
        no_state = {name: f"this may not depend on the state {name!r}; use numbers and parameters" for name in states}
        no_current = {
            name: f"this may not depend on the current {name!r}, which only stands in equations"
            for name in self.currents
        }
        self.rates = Scope(self.states | self.parameters | self.currents, {"weight": _WEIGHT_ELSEWHERE})
        self.all = Scope(self.states | self.parameters, no_weight | no_current)
        self.jumps = Scope(self.states | self.parameters | {"weight": weight}, no_weight | no_current)
        self.thresholds = Scope(self.states | self.parameters, no_weight | no_current)
        self.constants = Scope(self.parameters, no_weight | no_state | no_current)

    def any(self, name: Any) -> sp.Symbol:
        """The state, parameter or current of this name."""
        known = self.states | self.parameters | self.currents
        if name not in known:
            raise ModelError(f"units of {name!r}: no such state or parameter; there are {', '.join(known)}")
        return known[name]

    def state(self, source: Source, token: Token) -> sp.Symbol:
        """The state of this name."""
        name = token.text
        if name in self.states:
            return self.states[name]
        if name in self.parameters:
            problem = f"{name!r} is a parameter, not a state; name one of {', '.join(self.states)}"
        elif name in RESERVED:
            problem = f"{name!r} is not a state; name one of {', '.join(self.states)}"
        else:
            guess = close_name(name, list(self.states))
            problem = f"{name!r} has no equation; " + (f"did you mean {guess!r}?" if guess else f"add d{name}/dt = ...")
        raise source.error(token.position, problem)


def _checked(name: Any, where: str = "parameters") -> str:
    """Check the name of a parameter or current."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ModelError(f"{where}: {name!r} is not a name; write text of letters a-z, A-Z, digits and _, as 'tau_m'")
    if name in RESERVED:
        raise ModelError(f"{where}: the name {name!r} is taken; rename it, for example to '{name}_0'")
    return name
