"""Certificates as text, Markdown, LaTeX and plain data."""

from typing import TYPE_CHECKING, Any

import sympy as sp

if TYPE_CHECKING:
    from .certificate import Certificate, Condition

_MARKS = {True: "holds", False: "FAILS", None: "undecided"}
_CLAIMS = {
    "HOLDS": "Spikes appear and vanish only at the trial's end, and order swaps are continuous.",
    "FAILS": "Spikes do not change continuously.",
    "UNDECIDED": "Continuity could be neither proven nor refuted.",
}


def text(certificate: "Certificate") -> str:
    """Write a certificate as plain text that reads like a short proof."""
    lines = [repr(certificate.model), "", f"{certificate.verdict.name}: {_CLAIMS[certificate.verdict.name]}", ""]
    for number, condition in enumerate(certificate.conditions, 1):
        lines += [f"{number}. {_title(condition)}: {_MARKS[condition.holds]}"]
        lines += [f"   {condition.statement}"] if condition.statement is not sp.true else []
        lines += [f"   {condition.reason}"]
    lines += [""] + [_route(report) for report in certificate.routes]
    lines += [_crossing(certificate)] if certificate.simultaneous_inputs is not None else []
    if certificate.assumptions:
        lines += ["Under: " + ", ".join(str(assumption) for assumption in certificate.assumptions)]
    lines += _case_lines(certificate)
    return "\n".join(lines)


def markdown(certificate: "Certificate") -> str:
    """Write a certificate as Markdown."""
    model = certificate.model
    lines = [
        f"### {model.name}: {certificate.verdict.name}",
        "",
        _CLAIMS[certificate.verdict.name],
        "",
        _equations(model),
    ]
    lines += [""]
    for number, condition in enumerate(certificate.conditions, 1):
        lines += [f"{number}. **{_title(condition)}**: {_MARKS[condition.holds]}."]
        lines += [f"   ${sp.latex(condition.statement)}$."] if condition.statement is not sp.true else []
        lines += [f"   {condition.reason}"]
    lines += ["", "| route | no grazing | order swap | contact exponent | own spike | later spikes |"]
    lines += ["|---|---|---|---|---|---|"]
    for report in certificate.routes:
        exponent = "" if report.contact_exponent is None else f"${sp.latex(report.contact_exponent)}$"
        cells = (report.name, report.no_grazing.value, report.order_swap.value, exponent, *classes(report))
        lines += ["| " + " | ".join(cells) + " |"]
    lines += [""] + [f"Input {r.name}: {r.own_reason} {r.later_reason}" for r in certificate.routes if r.own_reason]
    lines += ["", _crossing(certificate)] if certificate.simultaneous_inputs is not None else []
    if certificate.assumptions:
        lines += ["", "Under: " + ", ".join(f"${sp.latex(assumption)}$" for assumption in certificate.assumptions)]
    for condition, case in certificate.cases:
        lines += ["", f"- **Case ${sp.latex(condition)}$: {case.verdict.name}.** {_case_reason(case)}"]
    return "\n".join(lines)


def latex(certificate: "Certificate") -> str:
    """Write a certificate as LaTeX."""
    model = certificate.model
    lines = [rf"\paragraph{{{_escaped(model.name)}: {certificate.verdict.name}.}}", _CLAIMS[certificate.verdict.name]]
    lines += [rf"\[{_aligned(model)}\]", r"\begin{enumerate}"]
    for condition in certificate.conditions:
        statement = f" ${sp.latex(condition.statement)}$." if condition.statement is not sp.true else ""
        title = rf"\emph{{{_escaped(_title(condition))}}}: {_MARKS[condition.holds]}."
        lines += [rf"\item {title}{statement} {_escaped(condition.reason)}"]
    lines += [r"\end{enumerate}"]
    for condition, case in certificate.cases:
        lines += [rf"\paragraph{{Case ${sp.latex(condition)}$: {case.verdict.name}.}} {_escaped(_case_reason(case))}"]
    lines += [_escaped(_route(report)) + r"\\" for report in certificate.routes]
    if certificate.assumptions:
        lines += ["Under: " + ", ".join(f"${sp.latex(assumption)}$" for assumption in certificate.assumptions) + "."]
    return "\n".join(lines)


def plain(certificate: "Certificate") -> dict[str, Any]:
    """Write a certificate as nested dictionaries of strings, ready for JSON."""
    regularity, crossing = certificate.regularity, certificate.simultaneous_inputs
    return {
        "model": certificate.model.name,
        "equations": {str(state): str(rate) for state, rate in certificate.model.dynamics.items()},
        "verdict": certificate.verdict.name,
        "regularity": regularity.name if regularity is not None else None,
        "conditions": [_plain_condition(condition) for condition in certificate.conditions],
        "routes": [
            {
                "name": report.name,
                "no_grazing": report.no_grazing.name,
                "order_swap": report.order_swap.name,
                "contact_exponent": str(report.contact_exponent) if report.contact_exponent is not None else None,
                "own_spike": report.own_spike.name if report.own_spike is not None else None,
                "later_spikes": report.later_spikes.name if report.later_spikes is not None else None,
                "own_is_exact": report.own_is_exact,
                "later_is_exact": report.later_is_exact,
                "own_reason": report.own_reason,
                "later_reason": report.later_reason,
            }
            for report in certificate.routes
        ],
        "assumptions": [str(assumption) for assumption in certificate.assumptions],
        "simultaneous_inputs": None if crossing is None else crossing.name,
        "simultaneous_is_exact": certificate.simultaneous_is_exact,
        "cases": [{"condition": str(condition), "certificate": plain(case)} for condition, case in certificate.cases],
    }


def _crossing(certificate: "Certificate") -> str:
    words = _class(certificate.simultaneous_inputs, certificate.simultaneous_is_exact)
    return f"Where two inputs to the neuron change places, spike times are of class {words}."


def _case_lines(certificate: "Certificate", indent: str = "") -> list[str]:
    lines = []
    for condition, case in certificate.cases:
        lines += [f"{indent}Case {condition}: {case.verdict.name}. {_case_reason(case)}".rstrip()]
        lines += _case_lines(case, indent + "  ")
    return lines


def _case_reason(case: "Certificate") -> str:
    if case.holds:
        return " ".join(_route(report) for report in case.routes)
    questions = case.failures or case.open_questions
    return "" if case.cases else " ".join(f"{_title(question)}: {question.reason}" for question in questions[:1])


def _plain_condition(condition: "Condition") -> dict[str, Any]:
    return {
        "name": condition.name,
        "route": condition.route,
        "holds": condition.holds,
        "statement": str(condition.statement),
        "reason": condition.reason,
        "assumptions": [str(assumption) for assumption in condition.assumptions],
    }


def _title(condition: "Condition") -> str:
    return condition.name if condition.route is None else f"{condition.name} (input {condition.route})"


def classes(report: Any) -> tuple[str, str]:
    """Words for the classes of own and later spikes; "at least" where a better one is not excluded."""
    return _class(report.own_spike, report.own_is_exact), _class(report.later_spikes, report.later_is_exact)


def _class(regularity: Any, is_exact: bool) -> str:
    if regularity is None:
        return "not known"
    return regularity.name if is_exact or regularity.name == "ANALYTIC" else f"at least {regularity.name}"


def _route(report: Any) -> str:
    own, later = classes(report)
    exponent = "" if report.contact_exponent is None else f"contact exponent {report.contact_exponent}; "
    lines = [
        f"Input {report.name}: no grazing {report.no_grazing.value}, order swap {report.order_swap.value}; {exponent}"
        f"own spike {own}, later spikes {later}."
    ]
    return " ".join([*lines, *(reason for reason in (report.own_reason, report.later_reason) if reason)])


def _aligned(model: Any) -> str:
    rows = [rf"\dot{{{sp.latex(state)}}} &= {sp.latex(rate)}" for state, rate in model.dynamics.items()]
    return r"\begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}"


def _equations(model: Any) -> str:
    return f"$${_aligned(model)}$$"


def _escaped(words: str) -> str:
    for symbol in ("\\", "&", "%", "$", "#", "_", "{", "}", "^", "~"):
        words = words.replace(symbol, {"\\": "/", "^": r"\^{}", "~": r"\~{}"}.get(symbol, "\\" + symbol))
    return words
