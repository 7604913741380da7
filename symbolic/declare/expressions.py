"""From tokens to SymPy expressions: a small parser that knows a few functions and evaluates no code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import sympy as sp

from .approximate import FUNCTIONS, approximate
from .tokens import Source, Token

#: Words with a fixed meaning, which no state or parameter may be called.
RESERVED = frozenset({*FUNCTIONS, "pi", "oo", "weight"})
MAX_DEPTH = 30
MAX_TOKENS = 400
MAX_EXPONENT = 20
MAX_DIGITS = 300
#: SymPy tells numbers apart by a hundred digits; far below that it does so reliably.
LARGEST = 1e50
_BINDING = {"+": 10, "-": 10, "*": 20, "/": 20, "**": 40, "^": 40}
# of these SymPy works out real and imaginary parts, which may take minutes unless the argument is real
_SPLIT = frozenset({"tan", "sinh", "cosh", "tanh", "abs", "Abs"})
_SIGN_BINDING = 30  # -V**2 is -(V**2), and -V*I is (-V)*I
_OTHER_NAMES = {"ln": "log", "arctan": "atan", "arctg": "atan", "tg": "tan", "inf": "oo", "fabs": "abs"}


@dataclass(frozen=True)
class Scope:
    """The names that an expression may use, and for names known but not allowed here the reason."""

    symbols: Mapping[str, sp.Symbol]
    refused: Mapping[str, str] = field(default_factory=dict)

    def explain(self, name: str) -> str:
        """Say why `name` cannot be used, and what to write instead.

        Example:
            >>> Scope({"tau_m": sp.Symbol("tau_m")}).explain("tau_n")
            "'tau_n' is neither a state nor a parameter; did you mean 'tau_m'?"
        """
        if name in self.refused:
            return self.refused[name]
        if name == "oo":
            return "'oo' may only stand alone or after a sign: in spike, reset and bounds"
        if name == "t":
            return "equations must be autonomous: they may not name time; make t a state (dt/dt = 1)"
        unknown = f"{name!r} is neither a state nor a parameter"
        if name in ("e", "E"):
            return f"{unknown}; for the base of the natural logarithm write exp(1)"
        guess = close_name(name, [*self.symbols, *FUNCTIONS, "pi"])
        if guess is not None:
            return f"{unknown}; did you mean {guess!r}?"
        return f"{unknown}; add {name!r} to parameters, or give it an equation"


def close_name(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that `name` may be a misspelling of.

    Example:
        >>> close_name("v_TH", ["V_th", "I"]), close_name("g", ["V_th", "I"])
        ('V_th', None)
    """
    if name in _OTHER_NAMES and _OTHER_NAMES[name] in known:
        return _OTHER_NAMES[name]
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(name.lower(), list(by_lower), n=1)
    return by_lower[found[0]] if found else None


class Reader:
    """Reads one statement from left to right.

    Example:
        >>> from symbolic.declare.tokens import statements
        >>> source = Source("initial", "2*V^2/4")
        >>> Reader(source, statements(source)[0]).whole_expression(Scope({"V": sp.Symbol("V", real=True)}))
        V**2/2
    """

    def __init__(self, source: Source, tokens: Sequence[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.index = 0
        self.depth = 0
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

    def end(self) -> None:
        """Require that everything has been read."""
        token, previous = self.next, self.tokens[max(self.index - 1, 0)]
        if token.kind == "end":
            return
        advice = "remove it"
        if token.text == ")":
            advice = "it closes no '('"
        elif token.text == ":":
            advice = "units are not supported; leave them out, all numbers are in the unit of the time constants"
        elif token.text in ("=", "==", "<", ">", "<=", ">=", "->"):
            advice = "an expression has no comparison or second '='"
        elif token.kind == previous.kind == "number":
            advice = "put an operator between the numbers"
        elif token.kind in ("name", "number") or token.text == "(":
            advice = f"write {previous.text}*{token.text} for a product"
        raise self.source.error(token.position, f"unexpected {token}; {advice}")

    def infinity(self) -> sp.Expr | None:
        """Read `oo`, `+oo` or `-oo` if the rest of the statement is that."""
        rest = [token.text for token in self.tokens[self.index : -1]]
        if rest not in (["oo"], ["+", "oo"], ["-", "oo"]):
            return None
        self.index = len(self.tokens) - 1
        return -sp.oo if rest[0] == "-" else sp.oo

    def whole_expression(self, scope: Scope) -> sp.Expr:
        """Read an expression up to the end of the statement.

        Raises:
            ModelError: if it is not one, or is not finite and real.
        """
        start = self.next
        result = self._expression(scope, 0)
        self.end()
        return self._accept(result, start, everywhere=True)

    def _expression(self, scope: Scope, binding: int) -> sp.Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.source.error(self.next.position, f"nested more than {MAX_DEPTH} deep; simplify the expression")
        left = self._operand(scope)
        while _BINDING.get(self.next.text, -1) > binding:
            operator = self.next
            self.skip()
            # powers group from the right, the others from the left
            is_power = operator.text in ("**", "^")
            right = self._expression(scope, _BINDING[operator.text] - (1 if is_power else 0))
            left = self._accept(self._combine(left, operator, right), operator)
        self.depth -= 1
        return left

    def _operand(self, scope: Scope) -> sp.Expr:
        token = self.next
        self.skip()
        if token.kind == "number":
            return self._accept(_exact_number(self.source, token), token)
        if token.kind == "name":
            return self._named(scope, token)
        if token.text == "(":
            return self._closed(scope, token)
        if token.text in ("+", "-"):
            value = self._expression(scope, _SIGN_BINDING)
            return -value if token.text == "-" else value
        raise self.source.error(token.position, f"expected a number, a name or '(', found {token}")

    def _named(self, scope: Scope, token: Token) -> sp.Expr:
        name, opening = token.text, self.take("(")
        if name in FUNCTIONS:
            if opening is None:
                raise self.source.error(token.position, f"{name!r} is a function; write {name}(...)")
            argument = self._closed(scope, opening)
            if name in _SPLIT and not _surely_real(argument):
                message = f"the argument of {name} may not be real; inside it write roots and log of abs(...)"
                raise self.source.error(token.position, message)
            return self._accept(FUNCTIONS[name][0](argument), token)
        known = sp.pi if name == "pi" else scope.symbols.get(name)
        if opening is not None:
            if known is not None:
                raise self.source.error(
                    opening.position, f"{name!r} is not a function; write {name}*(...) for a product"
                )
            guess = close_name(name, list(FUNCTIONS))
            advice = f"did you mean {guess!r}?" if guess else f"the functions are {', '.join(FUNCTIONS)}"
            raise self.source.error(token.position, f"unknown function {name!r}; {advice}")
        if known is None:
            raise self.source.error(token.position, scope.explain(name))
        return known

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
        self._accept_exponent(right, operator)
        if left == 0 and not right.is_positive:
            raise self.source.error(operator.position, "0 to a power that may not be positive; write another base")
        if left.is_number and self._value(left, operator) < 0 and not right.is_integer:
            message = "a negative number to a power that may not be an integer is not real; write another base"
            raise self.source.error(operator.position, message)
        return sp.Pow(left, right)

    def _accept(self, result: sp.Expr, token: Token, *, everywhere: bool = False) -> sp.Expr:
        """Refuse what is not finite and real, and numbers that would keep SymPy busy."""
        for part in sp.preorder_traversal(result) if everywhere else (result, *result.args):
            if part in (sp.zoo, sp.nan, sp.oo, -sp.oo):
                raise self.source.error(token.position, "this has no finite value (division by zero?)")
            if part is sp.I:
                raise self.source.error(token.position, "this is not a real number")
            if isinstance(part, sp.Rational) and max(abs(part.p), part.q) > 10**MAX_DIGITS:
                message = f"a number of more than {MAX_DIGITS} digits arises; use numbers of ordinary size"
                raise self.source.error(token.position, message)
            if isinstance(part, sp.Pow) and not isinstance(part, sp.exp):
                self._accept_exponent(part.exp, token)
        if result.is_number:
            self._value(result, token)
        return result

    def _accept_exponent(self, exponent: sp.Expr, token: Token) -> None:
        # SymPy may split 2**(9**9 + V) into factors and work out the first, so no number in it may be large
        numbers = exponent.atoms(sp.Rational)
        if any(abs(number) > MAX_EXPONENT for number in numbers) or (
            exponent.is_number and abs(self._value(exponent, token)) > MAX_EXPONENT
        ):
            message = f"an exponent with numbers larger than {MAX_EXPONENT}; write smaller ones"
            raise self.source.error(token.position, message)

    def _value(self, number: sp.Expr, token: Token) -> float:
        try:
            value = approximate(number)
        except ArithmeticError:
            value = 2 * LARGEST
        if number != 0 and not 1 / LARGEST <= abs(value) <= LARGEST:
            message = f"this is not a real number of ordinary size ({1 / LARGEST:g} to {LARGEST:g})"
            raise self.source.error(token.position, message)
        return value


def _surely_real(expression: sp.Expr) -> bool:
    """Whether an expression is real wherever it is defined, judged by its roots and logarithms."""
    roots: set[Any] = {power.base for power in expression.atoms(sp.Pow) if not power.exp.is_integer}
    logarithms: set[Any] = {logarithm.args[0] for logarithm in expression.atoms(sp.log)}
    return all(part.is_extended_nonnegative for part in roots | logarithms)


def _exact_number(source: Source, token: Token) -> sp.Expr:
    digits, _, power = token.text.lower().partition("e")
    if len(digits) > MAX_DIGITS or len(power) > 4 or abs(int(power or "0")) > MAX_DIGITS:
        message = f"a number of more than {MAX_DIGITS} digits; write a number of ordinary size"
        raise source.error(token.position, message)
    return sp.Rational(token.text)
