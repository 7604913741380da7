"""Expressions as text that is read back exactly: the same SymPy object, built node by node without evaluation.

The text is ordinary notation in which every operand is written out: `(V*(V + -1) + I)*tau_m**-1`. Only the classes
listed here can arise and none of them is evaluated, so that reading a text runs no code and computes nothing.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from ..errors import ModelError
from .sizes import MAX_OPERATIONS

_FUNCTIONS: dict[str, Any] = {
    each.__name__: each
    for each in (
        sp.exp, sp.log, sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.csc, sp.asin, sp.acos, sp.atan, sp.acot, sp.asec,
        sp.acsc, sp.atan2, sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch, sp.asinh, sp.acosh, sp.atanh, sp.acoth,
        sp.sinc, sp.Abs, sp.sign, sp.floor, sp.ceiling, sp.frac, sp.Max, sp.Min, sp.Heaviside, sp.erf, sp.erfc, sp.erfi,
        sp.gamma, sp.loggamma, sp.digamma, sp.LambertW, sp.And, sp.Or, sp.Not,
    )
}  # fmt: skip
_CONSTANTS: dict[str, Any] = {
    "pi": sp.pi, "E": sp.E, "EulerGamma": sp.EulerGamma, "GoldenRatio": sp.GoldenRatio, "Catalan": sp.Catalan,
    "oo": sp.oo, "-oo": -sp.oo, "True": sp.true, "False": sp.false,
}  # fmt: skip
_RELATIONS: dict[str, Any] = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge, "==": sp.Eq, "!=": sp.Ne}
_OPERATIONS: dict[str, tuple[Any, int]] = {"+": (sp.Add, 1), "*": (sp.Mul, 2), "**": (sp.Pow, 3)}
_BINDING: dict[Any, tuple[str, int]] = {kind: (sign, level) for sign, (kind, level) in _OPERATIONS.items()}
_TOKEN = re.compile(r"\s*(-?[0-9]+(?:/[0-9]+)?|-oo|[A-Za-z_][A-Za-z0-9_]*|\*\*|<=|>=|==|!=|[+*<>(),])")
_NUMBER = re.compile(r"-?[0-9]+(?:/[0-9]+)?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ATOM = 4
#: SymPy goes into expressions by recursion, too.
_DEEPEST = 100


def can_name(text: str) -> bool:
    """Whether a symbol may have this name in a text."""
    is_taken = text in _FUNCTIONS or text in _CONSTANTS or text in ("Piecewise", "Float")
    return _NAME.fullmatch(text) is not None and not is_taken


def written(expression: Any, names: Mapping[Any, str], where: str) -> str:
    """Write an expression as text.

    Args:
        expression: An expression or condition of SymPy.
        names: The name of every symbol in it.
        where: What it belongs to, for messages.

    Raises:
        ModelError: if something in it has no notation here.
    """

    def write(part: Any, depth: int) -> str:
        if depth > _DEEPEST:
            raise ModelError(f"{where}: nested more than {_DEEPEST} deep, which cannot be saved; simplify it")
        if part in names:
            return names[part]
        if isinstance(part, sp.Rational):
            return f"{part.p}" if part.q == 1 else f"{part.p}/{part.q}"
        if isinstance(part, sp.Float):
            sign, mantissa, exponent, _ = part._mpf_
            return f"Float({'-' if sign else ''}{int(mantissa)}, {exponent}, {part._prec})"
        for name, constant in _CONSTANTS.items():
            if part is constant:
                return name
        return compound(part, depth)

    def compound(part: Any, depth: int) -> str:
        if part.func in _BINDING and len(part.args) > 1:
            sign, level = _BINDING[part.func]
            return (" + " if sign == "+" else sign).join(operand(each, level, depth) for each in part.args)
        if part.func in _RELATIONS.values():
            sign = next(sign for sign, kind in _RELATIONS.items() if kind is part.func)
            return f" {sign} ".join(operand(each, 0, depth) for each in part.args)
        if isinstance(part, sp.Piecewise):
            cases: Any = part.args
            return f"Piecewise({', '.join(f'({write(v, depth + 2)}, {write(c, depth + 2)})' for v, c in cases)})"
        if _FUNCTIONS.get(part.func.__name__) is part.func:
            return f"{part.func.__name__}({', '.join(write(each, depth + 1) for each in part.args)})"
        what = f"the symbol {part}" if isinstance(part, sp.Symbol) else f"{part}, of the class {part.func.__name__},"
        raise ModelError(f"{where}: {what} cannot be saved; write it with {', '.join(_FUNCTIONS)} or Piecewise")

    def operand(part: Any, level: int, depth: int) -> str:
        """Write an operand, in parentheses unless it binds more than the operation that it is in."""
        own = _BINDING[part.func][1] if part.func in _BINDING else 0 if part.func in _RELATIONS.values() else _ATOM
        own = 0 if level == _BINDING[sp.Pow][1] and part.is_Rational and part.q != 1 else own
        text = write(part, depth + 1)
        return text if own > level else f"({text})"

    return write(expression, 0)


def read_exact(text: str, symbols: Mapping[str, sp.Symbol], where: str) -> Any:
    """Read what `written` wrote.

    Raises:
        ModelError: if the text has another form, or names an unknown symbol.
    """
    return _Reader(text, symbols, where).whole()


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str, symbols: Mapping[str, sp.Symbol], where: str) -> None:
        self.where, self.symbols, self.text = where, symbols, text
        self.tokens: list[str] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.error(f"unexpected {text[position : position + 1]!r}")
            self.tokens.append(match.group(1))
            position = match.end()
        if len(self.tokens) > 4 * MAX_OPERATIONS:
            raise self.error(f"more than {4 * MAX_OPERATIONS} numbers, names and signs")
        self.tokens.append("")
        self.place = self.depth = 0

    def error(self, problem: str) -> ModelError:
        shown = self.text if len(self.text) <= 100 else f"{self.text[:100]}..."
        return ModelError(f"{self.where}: {shown!r} is not an expression as declarations are saved: {problem}")

    def take(self, token: str) -> bool:
        is_next = self.tokens[self.place] == token
        self.place += is_next
        return is_next

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise self.error(f"expected {token!r}, found {self.tokens[self.place] or 'the end'!r}")

    def whole(self) -> Any:
        found = self.condition()
        if self.tokens[self.place]:
            raise self.error(f"unexpected {self.tokens[self.place]!r}")
        return found

    def condition(self) -> Any:
        """An expression, or a comparison of two."""
        left = self.operation(1)
        relation = _RELATIONS.get(self.tokens[self.place])
        if relation is None:
            return left
        self.place += 1
        return self.made(relation, [left, self.operation(1)])

    def operation(self, level: int) -> Any:
        """Operands joined by signs that bind at least so much."""
        self.depth += 1
        if self.depth > 2 * _DEEPEST:
            raise self.error("nested too deep")
        found = self.operand()
        while (sign := self.tokens[self.place]) in _OPERATIONS and _OPERATIONS[sign][1] >= level:
            kind, own = _OPERATIONS[sign]
            operands = [found]
            while self.take(sign):
                operands.append(self.operation(own + 1))
            found = self.made(kind, operands)
        self.depth -= 1
        return found

    def operand(self) -> Any:
        token = self.tokens[self.place]
        self.place += 1
        if token == "(":
            inside = self.condition()
            self.expect(")")
            return inside
        if token == "Piecewise":
            return sp.Piecewise(*self.listed(self.case), evaluate=False)
        if token == "Float":
            mantissa, exponent, precision = (int(each) for each in self.listed(self.condition))
            if not mantissa:
                return sp.Float(0, precision=precision)
            return sp.Float((int(mantissa < 0), abs(mantissa), exponent, mantissa.bit_length()), precision=precision)
        if token in _FUNCTIONS:
            return self.made(_FUNCTIONS[token], self.listed(self.condition))
        if token in _CONSTANTS:
            return _CONSTANTS[token]
        if token in self.symbols:
            return self.symbols[token]
        if _NUMBER.fullmatch(token) and not token.endswith("/0"):
            return sp.Rational(token)
        raise self.error(f"{token or 'the end'!r} is neither a number nor a known name")

    def case(self) -> tuple[Any, Any]:
        self.expect("(")
        value = self.condition()
        self.expect(",")
        condition = self.condition()
        self.expect(")")
        return value, condition

    def listed(self, read: Callable[[], Any]) -> list[Any]:
        self.expect("(")
        found = [read()]
        while self.take(","):
            found.append(read())
        self.expect(")")
        return found

    def made(self, kind: Any, operands: list[Any]) -> Any:
        try:
            return kind(*operands, evaluate=False)
        except (TypeError, ValueError, AttributeError) as error:
            raise self.error(f"{kind.__name__} of {len(operands)} operands: {error}") from error
