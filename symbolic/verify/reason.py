"""Sentences that know their formulas: text for readers, from which formulas are typeset without parsing prose."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import sympy as sp

from ..typesetting import latex

_BRACES = re.compile(r"\{\{|\}\}|\{\}")
#: Braces of the text, a rate of change, or expressions joined by relations.
_FORMULA = re.compile(r"\{\{|\}\}|d\{\}/dt|\{\}(?: (?:->|=|>|<) (?:\{\}|-?oo|\d+))*")
_IN_LATEX = {"->": r"\to", "oo": r"\infty", "-oo": r"-\infty"}
#: The times before and after a spike, in orders such as u^2.
before, after = sp.symbols("u v", positive=True)


class Reason(str):
    r"""A sentence made of a template, in which `{}` stands for each of its expressions.

    Parts that are reasons themselves bring their expressions along; other strings are words.

    Example:
        >>> V = sp.Symbol("V", real=True)
        >>> reason = Reason("d{}/dt behaves like {} as {} -> oo", V, V**2, V)
        >>> print(reason)
        dV/dt behaves like V**2 as V -> oo
        >>> typeset(reason, str)
        '$\\mathrm{d}V/\\mathrm{d}t$ behaves like $V^{2}$ as $V \\to \\infty$'
    """

    template: str
    expressions: tuple[sp.Basic, ...]

    def __new__(cls, template: str, *parts: Any) -> "Reason":
        """Fill the template."""
        expressions: list[sp.Basic] = []
        waiting = iter(parts)

        def put(match: re.Match) -> str:
            if match[0] != "{}":
                return match[0]
            part = next(waiting)
            if isinstance(part, Reason):
                expressions.extend(part.expressions)
                return part.template
            if isinstance(part, sp.Basic):
                expressions.append(part)
                return "{}"
            return str(part).replace("{", "{{").replace("}", "}}")

        template = _BRACES.sub(put, template)
        made = super().__new__(cls, template.format(*map(_text, expressions)))
        made.template, made.expressions = template, tuple(expressions)
        return made

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (self.template, *self.expressions)

    def mapped(self, change: Callable[[Any], Any]) -> "Reason":
        """Change every expression."""
        return Reason(self.template, *map(change, self.expressions))

    @property
    def as_sentence(self) -> "Reason":
        """The same with a capital letter, unless it begins with a formula."""
        is_word = self.template[:1].islower() and not self.template.startswith("d{}")
        return Reason(self.template[0].upper() + self.template[1:], *self.expressions) if is_word else self


def listed(symbols: Iterable[Any]) -> Reason:
    """Symbols in alphabetical order, with commas."""
    ordered = sorted(symbols, key=str)
    return Reason(", ".join(["{}"] * len(ordered)), *ordered)


def typeset(sentence: str, escape: Callable[[str], str]) -> str:
    """Put the formulas of a sentence into dollar signs, as LaTeX, and escape its words."""
    if not isinstance(sentence, Reason):
        return escape(sentence)
    found, start, waiting = "", 0, iter(sentence.expressions)
    for match in _FORMULA.finditer(sentence.template):
        found += escape(sentence.template[start : match.start()])
        start = match.end()
        if match[0] in ("{{", "}}"):
            found += escape(match[0][0])
        elif match[0].startswith("d"):
            found += rf"$\mathrm{{d}}{latex(next(waiting))}/\mathrm{{d}}t$"
        else:
            words = (latex(next(waiting)) if word == "{}" else _IN_LATEX.get(word, word) for word in match[0].split())
            found += f"${' '.join(words)}$"
    return found + escape(sentence.template[start:])


def _text(expression: Any) -> str:
    is_order = expression.is_Pow and expression.base in (before, after)
    return str(expression).replace("**", "^") if is_order else str(expression)
