"""Formulas inside sentences: reasons are plain text, in which formulas are found to be simplified or typeset."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from ..bounded import tidy
from ..typesetting import latex

_NAME = re.compile(r"[A-Za-z_]\w*")
_TOWER = re.compile(r"\*\*\s*[\d.]+\s*\*\*|\d{40}")  # numbers that SymPy would work out for ever
_RATE = re.compile(r"d(\w+)/dt")
_FUNCTIONS = {"Abs", "exp", "log", "sqrt", "sin", "cos", "tan", "atan", "tanh", "Max", "Min", "oo", "pi"}
_SUMS = ("+", "-")
_RELATIONS = {"->": r"\to", "=": "=", ">": ">", "<": "<", ">=": r"\geq", "<=": r"\leq"}
_TIMES = ("u", "v")  # reasons call times before and after a spike so


@dataclass(frozen=True)
class _Word:
    """A part of a sentence between two spaces outside parentheses, without the punctuation at its end."""

    core: str
    tail: str


def rewritten(sentence: str, symbols: Iterable[sp.Symbol], part: str) -> str:
    """Simplify the formulas of a sentence that contain a given part.

    Example:
        >>> p = sp.Symbol("p", real=True)
        >>> rewritten("It grows like V**((p - 1) + 1), as known.", [p, sp.Symbol("V")], "(p - 1)")
        'It grows like V**p, as known.'
    """
    known = _known(symbols)

    def write(words: list[_Word]) -> str:
        text = " ".join(word.core for word in words)
        formula = _parsed(text, known) if part in text else None
        if formula is None:
            return text
        simple = str(tidy(formula))
        return simple.replace("**", "^") if "^" in text else simple

    return _replaced(sentence, known, _SUMS, write, lambda text: text)


def typeset(sentence: str, symbols: Iterable[sp.Symbol], escape: Callable[[str], str]) -> str:
    r"""Put the formulas of a sentence into dollar signs, as LaTeX, and escape the words between them.

    Example:
        >>> typeset("dV/dt behaves like V**2/tau_m as V -> oo.", sp.symbols("V tau_m"), str)
        '$\\mathrm{d}V/\\mathrm{d}t$ behaves like $\\frac{V^{2}}{\\tau_{m}}$ as $V \\to \\infty$.'
    """
    known = _known(symbols)

    def write(words: list[_Word]) -> str:
        if len(words) == 1 and words[0].core == "a":  # an article more often than a parameter
            return words[0].core
        sides: list[list[str]] = [[]]
        relations = []
        for word in words:
            if word.core in _RELATIONS:
                relations.append(f" {_RELATIONS[word.core]} ")
                sides.append([])
            else:
                sides[-1].append(word.core)
        shown = [_latex(" ".join(side), known) for side in sides]
        return "$" + "".join(a + b for a, b in zip(shown, [*relations, ""], strict=True)) + "$"

    return _replaced(sentence, known, (*_SUMS, *_RELATIONS), write, escape)


def _known(symbols: Iterable[sp.Symbol]) -> dict[str, Any]:
    return {name: sp.Symbol(name) for name in _TIMES} | {symbol.name: symbol for symbol in symbols}


def _replaced(
    sentence: str,
    known: dict[str, Any],
    operators: Iterable[str],
    write: Callable[[list[_Word]], str],
    escape: Callable[[str], str],
) -> str:
    """Write every formula by one function and every word by the other."""
    words, found, start = _words(sentence), [], 0
    while start < len(words):
        if not _is_formula(words[start].core, known):
            found.append(escape(words[start].core + words[start].tail))
            start += 1
            continue
        end = start + 1
        while end + 1 < len(words) and not words[end - 1].tail and words[end].core in operators:
            if words[end].tail or not _is_formula(words[end + 1].core, known):
                break
            end += 2
        found.append(write(words[start:end]) + words[end - 1].tail)
        start = end
    return " ".join(found)


def _words(sentence: str) -> list[_Word]:
    found, depth = [""], 0
    for letter in sentence:
        depth += (letter == "(") - (letter == ")")
        if letter == " " and depth <= 0:
            found.append("")
        else:
            found[-1] += letter
    cores = [word.rstrip(".,;:") for word in found]
    return [_Word(core, word[len(core) :]) for core, word in zip(cores, found, strict=True)]


def _is_formula(text: str, known: dict[str, Any]) -> bool:
    rate = _RATE.fullmatch(text)
    return (rate is not None and rate[1] in known) or _parsed(text, known) is not None


def _parsed(text: str, known: dict[str, Any]) -> sp.Expr | None:
    if (
        not text
        or _TOWER.search(text)
        or any(name not in known and name not in _FUNCTIONS for name in _NAME.findall(text))
    ):
        return None
    parse: Any = sp.sympify
    try:
        formula = parse(text, locals=known)
    except (sp.SympifyError, SyntaxError, TypeError, ValueError, AttributeError):
        return None
    return formula if isinstance(formula, sp.Expr) else None


def _latex(text: str, known: dict[str, Any]) -> str:
    rate = _RATE.fullmatch(text)
    if rate is not None:
        return rf"\mathrm{{d}}{latex(known[rate[1]])}/\mathrm{{d}}t"
    return latex(_parsed(text, known))
