"""Case distinctions in text: `Piecewise((value, condition), ..., (value, True))`, as SymPy writes them."""

from collections.abc import Callable
from typing import Any

import sympy as sp

from .cursor import Cursor
from .sizes import surely_real
from .tokens import Token

EXAMPLE = "Piecewise((..., V > 0), (..., True))"
#: Words of conditions, which no state or parameter may be called.
WORDS = frozenset({"Piecewise", "True", "False", "and", "or", "not"})
_RELATIONS: dict[str, Any] = {"<": sp.Lt, "<=": sp.Le, ">": sp.Gt, ">=": sp.Ge}
Read = Callable[[], Any]
_AND, _OR = ("and", "&"), ("or", "|")


def read_piecewise(reader: Cursor, expression: Read, name: Token) -> Any:
    """Read what follows the word `Piecewise`."""
    if reader.take("(") is None:
        raise reader.source.error(name.position, f"'Piecewise' lists cases; write {EXAMPLE}")
    cases: list[tuple[sp.Expr, Any]] = []
    is_last = False
    while not is_last:
        opening = _expect(reader, "(", f"a case such as (V**2, V > 0), as in {EXAMPLE}")
        value = expression()
        _expect(reader, ",", "',' and the condition of this case")
        is_last = reader.next.text == "True"
        if is_last:
            reader.skip()
        cases.append((value, sp.true if is_last else _alternatives(reader, expression)))
        _expect(reader, ")", f"')' after the condition of the case at column {_column(reader, opening)}")
        if is_last or not _take(reader, ","):
            break
    if not is_last and reader.next.text == ")":
        problem = "no case is left for all other values; make the last condition True, as in (0, True)"
        raise reader.source.error(reader.next.position, problem)
    if is_last and reader.next.text == ",":
        raise reader.source.error(reader.next.position, "cases after the condition True are never used; remove them")
    _expect(reader, ")", "',' and a case, or ')' after the last one")
    return sp.Piecewise(*cases)


def _alternatives(reader: Cursor, expression: Read) -> Any:
    """One or several conditions joined by `or`, which binds less than `and`."""
    return _joined(reader, lambda: _joined(reader, lambda: _condition(reader, expression), _AND, sp.And), _OR, sp.Or)


def _joined(reader: Cursor, read: Callable[[], Any], words: tuple[str, ...], join: Any) -> Any:
    start = reader.next
    found = [read()]
    while reader.next.text in words:
        reader.skip()
        found.append(read())
    condition = join(*found)
    if len(found) > 1 and not _is_simple(condition):
        problem = "only comparisons of the first degree may be joined; compare a variable with numbers"
        raise reader.source.error(start.position, problem)
    return condition


def _is_simple(condition: Any) -> bool:
    """Whether SymPy solves a condition at once; joined ones in a single variable it always tries to solve."""
    names = condition.free_symbols
    if len(names) != 1:
        return True
    slopes = [sp.diff(relation.lhs - relation.rhs, *names) for relation in condition.atoms(sp.Rel)]
    return all(slope.is_Rational for slope in slopes)


def _condition(reader: Cursor, expression: Read) -> Any:
    """A comparison, or conditions in parentheses."""
    start = reader.next
    if start.text in ("True", "False", "not"):
        advice = "True stands alone, in the last case" if start.text == "True" else "write a comparison such as V > 0"
        raise reader.source.error(start.position, f"{start} cannot stand here; {advice}")
    if start.text == "(" and _holds_comparison(reader):
        reader.skip()
        condition = reader.deeper(lambda: _alternatives(reader, expression))
        _expect(reader, ")", "')'")
        return condition
    left = expression()
    operator = _relation(reader)
    right = expression()
    for side in (left, right):
        if side.has(sp.Piecewise):
            raise reader.source.error(start.position, "a condition may not hold a Piecewise; write its cases apart")
        if not surely_real(side):
            message = "a side of this comparison may not be real; inside it write roots and log of abs(...)"
            raise reader.source.error(operator.position, message)
    if reader.next.text in _RELATIONS:
        raise reader.source.error(reader.next.position, "a second comparison; join two with 'and': 0 < V and V < 1")
    return _RELATIONS[operator.text](left, right)


def _relation(reader: Cursor) -> Token:
    operator = reader.next
    if operator.text not in _RELATIONS:
        raise reader.source.error(operator.position, f"expected a comparison with <, <=, > or >=, found {operator}")
    reader.skip()
    return operator


def _holds_comparison(reader: Cursor) -> bool:
    """Whether the parenthesis to be read holds a condition, not just the left side of one."""
    depth = 0
    for token in reader.tokens[reader.index :]:
        if token.text in ("(", ")"):
            depth += 1 if token.text == "(" else -1
        if depth == 0:
            return False
        if token.text in _RELATIONS:
            return True
    return False


def _expect(reader: Cursor, text: str, expected: str) -> Token:
    token = reader.next
    if not _take(reader, text):
        raise reader.source.error(token.position, f"expected {expected}, found {token}")
    return token


def _take(reader: Cursor, text: str) -> bool:
    """Read the next token if it is this one; unlike `Reader.take` also a comma."""
    is_found = reader.next.text == text
    if is_found:
        reader.skip()
    return is_found


def _column(reader: Cursor, token: Token) -> int:
    return token.position - reader.source.text.rfind("\n", 0, token.position)
