"""A small parser from tokens to SymPy expressions; it evaluates no code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, TypeVar

import sympy as sp

from .cases import EXAMPLE, WORDS, read_piecewise
from .cursor import Cursor
from .sizes import (
    exact_number,
    ordinary_value,
    require_argument,
    require_exponent,
    require_exponential,
    require_ordinary,
    surely_real,
)
from .tokens import Token

T = TypeVar("T")

#: The functions that declarations in text may use.
FUNCTIONS: dict[str, Any] = {
    "exp": sp.exp, "log": sp.log, "sqrt": sp.sqrt, "sin": sp.sin, "cos": sp.cos, "tan": sp.tan, "atan": sp.atan,
    "sinh": sp.sinh, "cosh": sp.cosh, "tanh": sp.tanh, "abs": sp.Abs, "Abs": sp.Abs,
}  # fmt: skip
#: Words with a fixed meaning, which no state or parameter may be called.
RESERVED = frozenset({*FUNCTIONS, *WORDS, "pi", "oo", "weight"})
#: For each function around an expression SymPy asks everything below it anew: time is exponential in their nesting.
MAX_NESTED = 5
_TOO_NESTED = f"more than {MAX_NESTED} functions inside one another; simplify the expression"
_BINDING = {"+": 10, "-": 10, "*": 20, "/": 20, "**": 40, "^": 40}
# of these SymPy computes real and imaginary parts, which may take minutes unless the argument is real
_SPLIT = frozenset({"tan", "sinh", "cosh", "tanh", "abs", "Abs"})
_SIGN_BINDING = 30  # -V**2 is -(V**2), and -V*I is (-V)*I
_OTHER_NAMES = {"ln": "log", "arctan": "atan", "arctg": "atan", "tg": "tan", "fabs": "abs"}
#: Functions of other tools that are case distinctions here.
_CASES = frozenset({"max", "min", "Max", "Min", "sign", "where", "clip", "int", "Heaviside", "ifelse", "piecewise"})


@dataclass(frozen=True)
class Scope:
    """What an expression may use by name, and for names that are known but not allowed here the reason."""

    symbols: Mapping[str, Any]
    refused: Mapping[str, str] = field(default_factory=dict)

    def explain(self, name: str) -> str:
        """Say why `name` cannot be used, and what to write instead."""
        if name in self.refused:
            return self.refused[name]
        if name == "oo":
            return "'oo' may only stand alone or after a sign: in spike, reset and bounds"
        if name.lower() in ("inf", "infinity"):
            return f"for infinity write oo, not {name!r}"
        if name == "t":
            return "equations must be autonomous: they may not name time; make t a state (dt/dt = 1)"
        if name in WORDS:
            return f"{name!r} only stands as a condition, as in {EXAMPLE}"
        unknown = f"{name!r} is neither a state nor a parameter"
        if name in ("e", "E"):
            return f"{unknown}; for the base of the natural logarithm write exp(1)"
        guess = close_name(name, [*self.symbols, *FUNCTIONS, "pi"])
        if guess is not None:
            return f"{unknown}; did you mean {guess!r}?"
        return f"{unknown}; add {name!r} to parameters, or give it an equation"


def close_name(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that `name` may be a misspelling of."""
    if name in _OTHER_NAMES and _OTHER_NAMES[name] in known:
        return _OTHER_NAMES[name]
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(name.lower(), list(by_lower), n=1)
    return by_lower[found[0]] if found else None


class Reader(Cursor):
    """Reads one statement from left to right."""

    def copy(self) -> "Reader":
        """Return a reader that is as far as this one, to look ahead."""
        other = Reader(self.source, self.tokens)
        other.index = self.index
        return other

    def end(self) -> None:
        """Require that everything has been read."""
        token, previous = self.next, self.tokens[max(self.index - 1, 0)]
        if token.kind == "end":
            return
        advice = "remove it"
        if token.text == ")":
            advice = "it closes no '('"
        elif token.text == ":":
            advice = (
                "equations have no units; a unit belongs to a value, as in parameters={'tau_m': '20 ms'}, or to a "
                "name, as in units={'V': 'mV'}"
            )
        elif token.text in ("=", "==", "<", ">", "<=", ">=", "->"):
            advice = f"a comparison only stands in a case, as in {EXAMPLE}; an expression has no second '='"
        elif token.text in WORDS or token.text in ("&", "|", "!="):
            advice = f"conditions only stand in cases, as in {EXAMPLE}"
        elif token.kind == previous.kind == "number":
            advice = "put an operator between the numbers"
        elif token.kind in ("name", "number") or token.text == "(":
            advice = f"write {previous.text}*{token.text} for a product"
        raise self.source.error(token.position, f"unexpected {token}; {advice}")

    def whole_expression(self, scope: Scope) -> sp.Expr:
        """Read an expression up to the end of the statement."""
        start = self.next
        result = self._expression(scope, 0)
        self.end()
        return self._accept(result, start, everywhere=True)

    def expression(self, scope: Scope) -> sp.Expr:
        """Read an expression as far as it reaches."""
        return self._expression(scope, 0)

    def _expression(self, scope: Scope, binding: int) -> sp.Expr:
        return self.deeper(lambda: self._operation(scope, binding))

    def _operation(self, scope: Scope, binding: int) -> sp.Expr:
        left = self._operand(scope)
        while _BINDING.get(self.next.text, -1) > binding:
            operator = self.next
            self.skip()
            # powers group from the right, the others from the left
            is_power = operator.text in ("**", "^")
            right = self._expression(scope, _BINDING[operator.text] - (1 if is_power else 0))
            left = self._accept(self._combine(left, operator, right), operator)
        return left

    def _operand(self, scope: Scope) -> sp.Expr:
        token = self.next
        self.skip()
        if token.kind == "number":
            return self._accept(exact_number(self.source, token), token)
        if token.kind == "name":
            return self._named(scope, token)
        if token.text == "(":
            return self._closed(scope, token)
        if token.text in ("+", "-"):
            value = self._expression(scope, _SIGN_BINDING)
            return -value if token.text == "-" else value
        raise self.source.error(token.position, f"expected a number, a name or '(', found {token}")

    def _named(self, scope: Scope, token: Token) -> sp.Expr:
        if token.text == "Piecewise":
            return self._accept(
                self._inside(token, lambda: read_piecewise(self, lambda: self.expression(scope), token)), token
            )
        name, opening = token.text, self.take("(")
        if name in FUNCTIONS:
            if opening is None:
                raise self.source.error(token.position, f"{name!r} is a function; write {name}(...)")
            argument = self._inside(token, lambda: self._closed(scope, opening))
            if name in _SPLIT and not surely_real(argument):
                message = f"the argument of {name} may not be real; inside it write roots and log of abs(...)"
                raise self.source.error(token.position, message)
            require_argument(argument, self.source, token)
            if name == "exp":
                require_exponential(argument, self.source, token)
            return self._accept(FUNCTIONS[name](argument), token)
        known = sp.pi if name == "pi" else scope.symbols.get(name)
        if opening is not None:
            if known is not None:
                raise self.source.error(
                    opening.position, f"{name!r} is not a function; write {name}*(...) for a product"
                )
            raise self.source.error(token.position, f"unknown function {name!r}; {_other_function(name)}")
        if known is None:
            raise self.source.error(token.position, scope.explain(name))
        if not known.is_Atom and self.nested + _nesting(known) > MAX_NESTED:
            raise self.source.error(token.position, _TOO_NESTED)
        return known

    def _inside(self, token: Token, read: Callable[[], sp.Expr]) -> sp.Expr:
        """Read the argument of a function."""
        self.nested += 1
        if self.nested > MAX_NESTED:
            raise self.source.error(token.position, _TOO_NESTED)
        argument = read()
        self.nested -= 1
        return argument

    def _closed(self, scope: Scope, opening: Token) -> sp.Expr:
        value = self._expression(scope, 0)
        if self.take(")") is None:
            if self.next.kind == "end":
                raise self.source.error(opening.position, "this '(' is never closed; add ')'")
            if self.next.text == ",":
                raise self.source.error(self.next.position, "unexpected ','; every function takes one argument")
            self.end()
        return value

    def _combine(self, left: sp.Expr, operator: Token, right: sp.Expr) -> sp.Expr:
        if operator.text == "+":
            return left + right
        if operator.text == "-":
            return left - right
        if operator.text == "*":
            return left * right
        if operator.text == "/":
            if right == 0:
                raise self.source.error(operator.position, "division by zero; write a divisor that is not 0")
            return left / right
        # these are refused before SymPy works them out
        require_exponent(left, right, self.source, operator)
        if left == 0 and not right.is_positive:
            raise self.source.error(operator.position, "0 to a power that may not be positive; write another base")
        if left.is_number and ordinary_value(left, self.source, operator) < 0 and not right.is_integer:
            message = "a negative number to a power that may not be an integer is not real; write another base"
            raise self.source.error(operator.position, message)
        return sp.Pow(left, right)

    def _accept(self, result: sp.Expr, token: Token, *, everywhere: bool = False) -> sp.Expr:
        return require_ordinary(result, self.source, token, everywhere=everywhere)


def _other_function(name: str) -> str:
    guess = close_name(name, [*FUNCTIONS, "Piecewise"])
    if name in _CASES:
        return f"distinguish cases as in {EXAMPLE}"
    return f"did you mean {guess!r}?" if guess else f"the functions are {', '.join(FUNCTIONS)} and Piecewise"


def _nesting(expression: Any) -> int:
    """How deep functions stand inside one another in an expression, up to one more than may be."""
    depth = 0
    layer = [expression]
    while depth <= MAX_NESTED:
        inner = [part for each in layer for part in _outermost_functions(each)]
        if not inner:
            return depth
        depth += 1
        layer = [argument for part in inner for argument in part.args]
    return depth


def _outermost_functions(expression: Any) -> list[Any]:
    if expression.is_Function or expression.is_Piecewise:
        return [expression]
    return [part for argument in expression.args for part in _outermost_functions(argument)]
