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
    if certificate.assumptions:
        lines += ["Under: " + ", ".join(str(assumption) for assumption in certificate.assumptions)]
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
    lines += ["", "| route | no grazing | order swap | own spike | later spikes |", "|---|---|---|---|---|"]
    for report in certificate.routes:
        cells = (report.name, report.no_grazing.value, report.order_swap.value, *_classes(report))
        lines += ["| " + " | ".join(cells) + " |"]
    if certificate.assumptions:
        lines += ["", "Under: " + ", ".join(f"${sp.latex(assumption)}$" for assumption in certificate.assumptions)]
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
    lines += [_escaped(_route(report)) + r"\\" for report in certificate.routes]
    if certificate.assumptions:
        lines += ["Under: " + ", ".join(f"${sp.latex(assumption)}$" for assumption in certificate.assumptions) + "."]
    return "\n".join(lines)


def plain(certificate: "Certificate") -> dict[str, Any]:
    """Write a certificate as nested dictionaries of strings, ready for JSON."""
    regularity = certificate.regularity
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
            }
            for report in certificate.routes
        ],
        "assumptions": [str(assumption) for assumption in certificate.assumptions],
    }


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


def _classes(report: Any) -> tuple[str, str]:
    names = [part.name if part is not None else "not known" for part in (report.own_spike, report.later_spikes)]
    own, later = (f"at least {name}" if name[0] == "C" else name for name in names)
    return own, later


def _route(report: Any) -> str:
    own, later = _classes(report)
    return (
        f"Input {report.name}: no grazing {report.no_grazing.value}, order swap {report.order_swap.value}; own spike "
        f"{own}, later spikes {later}"
    )


def _aligned(model: Any) -> str:
    rows = [rf"\dot{{{sp.latex(state)}}} &= {sp.latex(rate)}" for state, rate in model.dynamics.items()]
    return r"\begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}"


def _equations(model: Any) -> str:
    return f"$${_aligned(model)}$$"


def _escaped(words: str) -> str:
    for symbol in ("\\", "&", "%", "$", "#", "_", "{", "}", "^", "~"):
        words = words.replace(symbol, {"\\": "/", "^": r"\^{}", "~": r"\~{}"}.get(symbol, "\\" + symbol))
    return words
