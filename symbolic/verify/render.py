"""Certificates as text, Markdown and plain data for JSON."""

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import sympy as sp
from sympy.printing.str import StrPrinter

from .. import typesetting
from .reason import Reason, typeset
from .results import Condition, Results

MARKS = {True: "holds", False: "FAILS", None: "undecided"}
_CLAIMS = {
    "HOLDS": "Spikes appear and vanish only at the trial's end, and order swaps are continuous.",
    "FAILS": "Spikes do not change continuously",
    "UNDECIDED": "Continuity could be neither proven nor refuted.",
}
_PLAIN = ("regularity", "conditions", "routes", "assumptions", "simultaneous_inputs", "simultaneous_is_exact")
COLUMNS = ("route", "no grazing", "order swap", "contact exponent", "own spike", "later spikes")


def text(certificate: Results) -> str:
    """Write a certificate as plain text that reads like a short proof."""
    lines = [repr(certificate.model), "", f"{certificate.verdict.name}: {claim(certificate)}", ""]
    for number, condition in enumerate(certificate.conditions, 1):
        lines += [f"{number}. {title(condition)}: {MARKS[condition.holds]}"]
        lines += [f"   {in_words(condition.statement)}"] if condition.statement is not sp.true else []
        lines += [f"   {condition.reason}"]
    lines += ["", *_findings(certificate)]
    if certificate.assumptions:
        lines += ["Under: " + ", ".join(in_words(assumption) for assumption in certificate.assumptions)]
    return "\n".join(lines + case_lines(certificate))


def markdown(certificate: Results) -> str:
    """Write a certificate as Markdown."""
    model, words = certificate.model, typesetting.in_markdown
    lines = [
        f"### {words(model.name)}: {certificate.verdict.name}",
        "",
        claim(certificate),
        "",
        f"$${_aligned(_equations(model))}$$",
        "",
    ]
    for number, condition in enumerate(certificate.conditions, 1):
        lines += [f"{number}. **{words(title(condition))}**: {MARKS[condition.holds]}."]
        lines += [f"   ${typesetting.latex(condition.statement)}$."] if condition.statement is not sp.true else []
        lines += [f"   {_in_markdown(condition.reason)}"]
    lines += ["", f"| {' | '.join(COLUMNS)} |", "|---|---|---|---|---|---|"]
    for report in certificate.routes:
        exponent = "" if report.contact_exponent is None else f"${typesetting.latex(report.contact_exponent)}$"
        cells = (words(report.name), report.no_grazing.value, report.order_swap.value, exponent, *classes(report))
        lines += ["| " + " | ".join(cells) + " |"]
    for report in certificate.routes:
        reason = " ".join(map(_in_markdown, reasons(report)))
        lines += ["", f"Input {words(report.name)}: {reason}"] if reason else []
    lines += ["", crossing(certificate)] if certificate.simultaneous_inputs is not None else []
    if certificate.assumptions:
        lines += [
            "",
            "Under: " + ", ".join(f"${typesetting.latex(assumption)}$" for assumption in certificate.assumptions),
        ]
    return "\n".join(lines + _markdown_cases(certificate))


def latex(certificate: Results) -> str:
    """Write the equations and the statements of a certificate as LaTeX formulas."""
    rows = _equations(certificate.model)
    for condition in certificate.conditions:
        statement = "" if condition.statement is sp.true else typesetting.latex(condition.statement)
        rows += [rf"{statement} && \text{{{typesetting.escaped(title(condition))}: {MARKS[condition.holds]}}}"]
    rows += [rf"{typesetting.latex(place)} && \text{{case: {case.verdict.name}}}" for place, case in certificate.cases]
    return _aligned(rows)


def plain(certificate: Results) -> dict[str, Any]:
    """Write a certificate as nested dictionaries of strings, ready for JSON."""
    model = certificate.model
    return {
        "model": model.name,
        "equations": {str(state): str(rate) for state, rate in model.dynamics.items()},
        "spike": f"{model.variable} = {model.spike.threshold}",
        "reset": {str(state): str(value) for state, value in model.reset.items()},
        "inputs": {route.name: {str(s): str(value) for s, value in route.jump.items()} for route in model.routes},
        **({} if model.refractory is None else {"refractory": str(model.refractory)}),
        "parameters": {str(s): None if value is None else str(value) for s, value in model.parameters.items()},
        "currents": [str(symbol) for symbol in model.currents],
        "verdict": certificate.verdict.name,
        **{name: _plain(getattr(certificate, name)) for name in _PLAIN},
        "cases": [{"condition": str(condition), "certificate": plain(case)} for condition, case in certificate.cases],
    }


def _plain(part: Any) -> Any:
    """A part of a certificate in lists, dictionaries, strings, booleans and None."""
    if part is None or isinstance(part, bool):
        return part
    if isinstance(part, tuple):
        return [_plain(each) for each in part]
    if is_dataclass(part):
        return {field.name: _plain(getattr(part, field.name)) for field in fields(part)}
    return part.name if isinstance(part, Enum) else str(part)


def claim(certificate: Results) -> str:
    """The meaning of the verdict, in a sentence."""
    sentence = _CLAIMS[certificate.verdict.name]
    if certificate.verdict.name == "FAILS":
        failing = [
            f"{number} ({title(condition)})"
            for number, condition in enumerate(certificate.conditions, 1)
            if condition.holds is False
        ]
        what = f"condition {failing[0]} fails" if len(failing) == 1 else f"conditions {', '.join(failing)} fail"
        return f"{sentence}: {what}."
    if certificate.verdict.name == "UNDECIDED" and certificate.cases:
        sentence += " The answer depends on parameters that were left open: see the cases."
    return sentence


def title(condition: Condition) -> str:
    """A condition's name, with the route that it is about."""
    return condition.name if condition.route is None else f"{condition.name} (input {condition.route})"


class _Words(StrPrinter):
    """Formulas as one would type them in a letter, without SymPy's constructors."""

    def _print_Equality(self, expr: Any) -> str:
        return f"{self._print(expr.lhs)} = {self._print(expr.rhs)}"

    def _print_And(self, expr: Any) -> str:
        return " and ".join(self._print(part) for part in sorted(expr.args, key=sp.default_sort_key))

    def _print_Abs(self, expr: Any) -> str:
        return f"|{self._print(expr.args[0])}|"

    def _print_Derivative(self, expr: Any) -> str:
        (variable, _), *_ = expr.variable_count
        return f"d({self._print(expr.expr)})/d{self._print(variable)}"

    def _print_Integral(self, expr: Any) -> str:
        (variable, low, high), *_ = expr.limits
        ends = f"from {self._print(low)} to {self._print(high)}"
        return f"integral of {self._print(expr.function)} over {self._print(variable)} {ends}"

    def _print_Limit(self, expr: Any) -> str:
        inner, variable, end, side = expr.args
        sides = {"-": " from below", "+": " from above"}
        return (
            f"limit of {self._print(inner)} as {self._print(variable)} -> {self._print(end)}{sides.get(str(side), '')}"
        )


def in_words(relation: Any) -> str:
    """A statement as plain text, with `=` for an equation and a chain for an interval."""
    words = _Words().doprint
    if isinstance(relation, sp.And) and len(relation.args) == 2:
        parts: list[Any] = list(relation.args)
        below = next((part for part in parts if isinstance(part, (sp.Gt, sp.Ge))), None)
        above = next((part for part in parts if isinstance(part, (sp.Lt, sp.Le))), None)
        if below is not None and above is not None and below.lhs == above.lhs:
            less = "<" if isinstance(below, sp.Gt) else "<="
            return f"{words(below.rhs)} {less} {words(above)}"
    return words(relation)


def crossing(certificate: Results) -> str:
    """The class where two inputs change places, in a sentence."""
    words = _class(certificate.simultaneous_inputs, certificate.simultaneous_is_exact)
    return f"Where two inputs to the neuron change places, spike times are of class {words}."


def classes(report: Any) -> tuple[str, str]:
    """Words for the classes of own and later spikes; "at least" where a better one is not excluded."""
    later = _class(report.later_spikes, report.later_is_exact)
    if report.has_release:
        later += f" ({_class(report.release, report.release_is_exact)} at the release)"
    return _class(report.own_spike, report.own_is_exact), later


def _class(regularity: Any, is_exact: bool) -> str:
    if regularity is None:
        return "not known"
    return regularity.name if is_exact or regularity.name == "ANALYTIC" else f"at least {regularity.name}"


def reasons(report: Any) -> list[str]:
    """Why the spikes of a route are of their classes, in sentences."""
    return [reason for reason in (report.own_reason, report.later_reason, report.release_reason) if reason]


def case_lines(certificate: Results, indent: str = "") -> list[str]:
    """The cases of a certificate, each with its reason or its own cases below it."""
    lines = []
    for condition, case in certificate.cases:
        lines += [f"{indent}Case {in_words(condition)}: {case.verdict.name}."]
        lines += [f"{indent}  {reason}" for reason in _case_reasons(case)]
        lines += case_lines(case, indent + "  ")
    return lines


def _case_reasons(case: Results) -> list[str]:
    if case.cases:
        return []
    if case.holds:
        return _findings(case)
    questions = case.failures or case.open_questions
    return [Reason("{}: {}. {}", title(c), MARKS[c.holds], c.reason) for c in questions[:1]]


def _findings(certificate: Results) -> list[str]:
    """A sentence or more about each route, and one about two inputs."""
    found = [_route(report) for report in certificate.routes]
    return found if certificate.simultaneous_inputs is None else [*found, crossing(certificate)]


def _route(report: Any) -> str:
    own, later = classes(report)
    exponent = "" if report.contact_exponent is None else Reason("contact exponent {}; ", report.contact_exponent)
    grazing, swap = report.no_grazing.value, report.order_swap.value
    return Reason(
        " ".join(
            ["Input {}: no grazing {}, order swap {}; {}own spike {}, later spikes {}.", *["{}"] * len(reasons(report))]
        ),
        *(report.name, grazing, swap, exponent, own, later),
        *reasons(report),
    )


def _markdown_cases(certificate: Results, indent: str = "") -> list[str]:
    lines = []
    for condition, case in certificate.cases:
        reason = " ".join(map(_in_markdown, _case_reasons(case)))
        lines += ["", f"{indent}- **Case ${typesetting.latex(condition)}$: {case.verdict.name}.** {reason}".rstrip()]
        lines += _markdown_cases(case, indent + "  ")
    return lines


def _in_markdown(sentence: str) -> str:
    return typeset(sentence, typesetting.in_markdown)


def _equations(model: Any) -> list[str]:
    return [
        rf"\dot{{{typesetting.latex(state)}}} &= {typesetting.latex(rate)}" for state, rate in model.dynamics.items()
    ]


def _aligned(rows: list[str]) -> str:
    return r"\begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}"
