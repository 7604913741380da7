"""Simplification with bounded work: it always ends, and its result depends on its arguments alone.

`sp.simplify`, `sp.solve` and their like have no such bound. Here an expression is measured first; what is too large for
a step stays as it is, which is right too, only longer.
"""

from collections.abc import Mapping
from typing import Any

import sympy as sp

_MOST_NODES, _MOST_TERMS, _MOST_DIGITS = 600, 400, 60
_SIMPLE_NODES, _SIMPLE_DIGITS, _SIMPLE_SYMBOLS, _SIMPLE_ROOT = 70, 12, 6, 4
_FRACTION_TERMS, _FRACTION_DEGREE, _FRACTION_SYMBOLS = 200, 32, 6
_MOST_NODES_EXPANDED, _MOST_TERMS_EXPANDED = 3000, 500
_MOST_DEGREE = 12
_HUGE, _LONGEST_EXPONENT = 10**6, 20


def nodes(expression: Any, most: int = _MOST_NODES) -> int:
    """How many operations, symbols and numbers an expression is made of; counted up to `most`."""
    count, waiting = 0, [expression]
    while waiting and count <= most:
        part = waiting.pop()
        count += 1
        waiting.extend(part.args)
    return count


def digits(expression: Any) -> int:
    """How many digits the longest number in an expression has."""
    found = [max(abs(number.p), number.q) for number in expression.atoms(sp.Rational)]
    return max((number.bit_length() for number in found), default=1) * 3 // 10 + 1


def terms(expression: Any) -> int:
    """How many terms an expression has at most when it is multiplied out; a number above `10**6` stands for many."""
    if expression.is_Add:
        return min(sum(terms(part) for part in expression.args), _HUGE)
    count = 1
    if expression.is_Mul:
        for part in expression.args:
            count = min(count * terms(part), _HUGE)
    elif expression.is_Pow and expression.exp.is_Integer and abs(expression.exp) > 1:
        inner, power = terms(expression.base), abs(int(expression.exp))
        for step in range(min(power, 60) if inner > 1 else 0):
            count = min(count * (power + inner - 1 - step) // (step + 1), _HUGE)
            if step + 1 == inner - 1:
                break
    return count


def multiplied_out(expression: Any) -> Any:
    """Multiply products and powers of sums out, where few terms arise; arguments of functions stay as they are.

    Example:
        >>> x, z = sp.symbols("x z")
        >>> multiplied_out((x + z) * (x - z)), multiplied_out((x + z) ** 500)
        (x**2 - z**2, (x + z)**500)
    """
    if nodes(expression) > _MOST_NODES or terms(expression) > _MOST_TERMS:
        return expression
    return _multiplied_out(expression)


def _multiplied_out(expression: Any) -> Any:
    if expression.is_Add:
        return sp.Add(*map(_multiplied_out, expression.args))
    if not (expression.is_Mul or (expression.is_Pow and expression.exp.is_Integer)):
        return expression
    inner = expression.func(*(_multiplied_out(part) if part.is_Add or part.is_Mul or part.is_Pow else part
                              for part in expression.args))  # fmt: skip
    hints: Any = {"deep": False, "log": False, "power_base": False, "power_exp": False, "basic": False}
    found = sp.expand(inner, **hints)
    return sp.Add(*(term if term == inner else _multiplied_out(term) for term in sp.Add.make_args(found)))


def inserted(expression: Any, values: Mapping[Any, Any]) -> Any:
    """Substitute values for symbols.

    Example:
        >>> x = sp.Symbol("x", positive=True)
        >>> inserted(sp.sqrt(x), {x: 4})
        2
        >>> inserted(x ** sp.Rational(583, 1000), {x: 4})
        Traceback (most recent call last):
        ...
        ArithmeticError: x**(583/1000) is not evaluated at x = 4
    """
    numeric = {symbol for symbol, value in values.items() if sp.sympify(value).is_number}
    for power in expression.atoms(sp.Pow) if numeric else ():
        base, exponent = power.as_base_exp()
        is_short = exponent.is_Integer or (
            exponent.is_Rational and max(abs(exponent.p), exponent.q) <= _LONGEST_EXPONENT
        )
        changes = numeric & (exponent.free_symbols if base.is_number or is_short else power.free_symbols)
        if changes and base != sp.E:
            listed = ", ".join(f"{symbol} = {values[symbol]}" for symbol in sorted(changes, key=str))
            raise ArithmeticError(f"{power} is not evaluated at {listed}")
    return sp.sympify(expression).subs(dict(values), simultaneous=True)


def is_algebraic(expression: Any) -> bool:
    """Whether an expression is made of sums, products and roots of low order alone."""
    parts: Any = sp.preorder_traversal(expression)
    for part in parts:
        if part.is_Pow:
            if not (part.exp.is_Rational and part.exp.q <= _SIMPLE_ROOT and abs(part.exp.p) <= 2 * _SIMPLE_ROOT):
                return False
        elif not (part.is_Add or part.is_Mul or part.is_Rational or part.is_Symbol or part is sp.pi):
            return False
    return True


def is_rational(expression: Any) -> bool:
    """Whether an expression is made of sums, products and integer powers of symbols and fractions alone."""
    return is_algebraic(expression) and all(power.exp.is_Integer for power in expression.atoms(sp.Pow))


def tidy(expression: Any) -> Any:
    """Simplify an expression with little work.

    Small algebraic expressions are simplified; of others the shortest is returned of the expression itself, one
    fraction without common factors, and its factors.

    Example:
        >>> x, z = sp.symbols("x z", real=True)
        >>> tidy((x**2 - z**2) / (x - z)), tidy(sp.exp(x) / z + 2 * sp.exp(x) / z)
        (x + z, 3*exp(x)/z)
    """
    expression = sp.sympify(expression)
    if expression.is_Atom or nodes(expression) > _MOST_NODES:
        return expression
    if nodes(expression, _SIMPLE_NODES) <= _SIMPLE_NODES and is_algebraic(expression) and not is_rational(expression):
        if digits(expression) <= _SIMPLE_DIGITS and len(expression.free_symbols) <= _SIMPLE_SYMBOLS:
            return sp.simplify(expression)
    found = fraction(expression)
    if found is None:
        return expression
    above, below = found
    whole = above / below
    candidates = [expression, whole, factored(above) / factored(below)]
    return min(candidates, key=lambda candidate: candidate.count_ops())


def fraction(expression: Any) -> tuple[Any, Any] | None:
    """Numerator and denominator without common factors, in which functions count as symbols; None where that is long.

    Example:
        >>> x = sp.Symbol("x", real=True)
        >>> fraction(1 / sp.exp(x) + sp.exp(x)), fraction((x + 1) ** 900 / x)
        ((exp(x) + exp(-x), 1), None)
    """
    masked, back = _masked(expression)
    if not _is_short_fraction(masked):
        return None
    above, below = sp.fraction(sp.cancel(masked))
    return above.xreplace(back), below.xreplace(back)


def factored(polynomial: Any) -> Any:
    """Factor a polynomial in which functions count as symbols, where that is little work."""
    masked, back = _masked(polynomial)
    return sp.factor(masked).xreplace(back) if _is_short_fraction(masked) else polynomial


def _masked(expression: Any) -> tuple[Any, dict[Any, Any]]:
    """Replace every part that is not a sum, product or integer power by a symbol."""
    names: dict[Any, Any] = {}

    def of(part: Any) -> Any:
        if part.is_Symbol or part.is_Rational:
            return part
        if part.is_Add or part.is_Mul:
            return part.func(*map(of, part.args))
        if part.is_Pow and part.exp.is_Integer and not isinstance(part, sp.exp):
            return of(part.base) ** part.exp
        return names.setdefault(part, sp.Dummy(f"f{len(names)}"))

    masked = of(expression)
    return masked, {name: part for part, name in names.items()}


def _is_short_fraction(expression: Any) -> bool:
    if nodes(expression) > _MOST_NODES or not is_fraction_of_polynomials(expression):
        return False
    # few operations make a fraction of low degree, whatever its bound: that of a product of fractions is far too large
    degree = _FRACTION_DEGREE * (4 if nodes(expression, _SIMPLE_NODES) < _SIMPLE_NODES else 1)
    return (
        fraction_terms(expression) <= _FRACTION_TERMS
        and fraction_degree(expression) <= degree
        and digits(expression) <= _MOST_DIGITS
        and len(expression.free_symbols) <= _FRACTION_SYMBOLS
    )


def is_fraction_of_polynomials(expression: Any) -> bool:
    """Whether there are only sums, products and integer powers."""
    parts: Any = sp.preorder_traversal(expression)
    return all(
        part.is_Add or part.is_Mul or part.is_Symbol or part.is_Rational or (part.is_Pow and part.exp.is_Integer)
        for part in parts
    )


def fraction_degree(expression: Any) -> int:
    """A bound of the degrees of numerator and denominator together."""
    if expression.is_Symbol:
        return 1
    if expression.is_Pow and expression.exp.is_Integer:
        return min(fraction_degree(expression.base) * abs(int(expression.exp)), _HUGE)
    if expression.is_Add:
        parts = [fraction_degree(part) for part in expression.args]
        return max(parts) + sum(d for d, part in zip(parts, expression.args, strict=True) if _divides(part))
    return min(sum(fraction_degree(part) for part in expression.args), _HUGE)


def fraction_terms(expression: Any) -> int:
    """A bound of the number of terms of a numerator over a common denominator."""
    if expression.is_Add:
        total = 0
        for part in expression.args:
            total += fraction_terms(part)
        denominators = [part for part in expression.args if _divides(part)]
        return min(total * (1 + len(denominators)), _HUGE)
    if expression.is_Mul:
        count = 1
        for part in expression.args:
            count = min(count * fraction_terms(part), _HUGE)
        return count
    return terms(expression) if not expression.is_Pow else max(terms(expression), fraction_terms(expression.base))


def _divides(term: Any) -> bool:
    factors: Any = sp.Mul.make_args(term)
    return any(factor.is_Pow and factor.exp.is_negative for factor in factors)


def expanded(expression: Any) -> Any:
    """Expand an expression and the arguments of its functions, where few terms arise.

    Example:
        >>> x = sp.Symbol("x")
        >>> expanded((x + 1) ** 2), expanded((x + 1) ** 900)
        (x**2 + 2*x + 1, (x + 1)**900)
    """
    expression = sp.sympify(expression)
    return expression if expression.is_Atom or is_long(expression) else sp.expand(expression)


def is_long(expression: Any) -> bool:
    """Whether an expression is too long to be multiplied out."""
    return nodes(expression) > _MOST_NODES_EXPANDED or terms(expression) > _MOST_TERMS_EXPANDED


def raw_coefficients(expression: Any, variable: Any, most: int = _MOST_DEGREE) -> list[Any] | None:
    """The coefficients as they are read off: a leading one may be zero without being written so."""
    found: dict[int, list[Any]] = {}
    for term in summands(expression):
        constant, power = term.as_independent(variable, as_Add=False)
        base, exponent = power.as_base_exp() if power != 1 else (variable, sp.S.Zero)
        if base != variable or not exponent.is_Integer or not 0 <= exponent <= most:
            return None
        found.setdefault(int(exponent), []).append(constant)
    return [sp.Add(*found.get(degree, ())) for degree in range(max(found, default=0) + 1)]


def summands(expression: Any) -> list[Any]:
    """The terms of an expression that is multiplied out."""
    return [term for term in sp.Add.make_args(multiplied_out(sp.sympify(expression))) if term != 0]
