"""The report of the page `Is your neuron continuous?`: from the text of a form to HTML, with `symbolic` alone."""

import html
import json
import re
from collections.abc import Iterable
from typing import Any

import sympy as sp
from latex2mathml.converter import convert
from phase_line import drawing

import symbolic
from symbolic.typesetting import latex
from symbolic.verify import render
from symbolic.verify.reason import typeset

#: Letters of all fields together.
LIMIT = 5000
_MATH = re.compile(r"\$([^$]+)\$")
_CLAIMS = {
    "HOLDS": "Its spikes change continuously. They appear and vanish only at the end of a trial.",
    "FAILS": "Its spikes do not change continuously.",
    "UNDECIDED": "This could be neither proven nor refuted.",
}


def report(form: str) -> str:
    """Return the report on a declaration.

    Args:
        form: JSON with the texts `equations`, `spike`, `reset`, `inputs` and `parameters`. They are read by the
            library's own parser; nothing in them is evaluated as code.

    Returns:
        HTML: the declaration, verdict, reasons, derivation and phase line, or what is wrong with the declaration.
    """
    fields = {name: str(text) for name, text in json.loads(form).items()}
    if sum(map(len, fields.values())) > LIMIT:
        return _wrong(f"The declaration is longer than {LIMIT} letters.")
    try:
        model = symbolic.NeuronModel.from_equations(
            fields["equations"], name="your neuron", spike=fields["spike"], reset=fields["reset"],
            inputs=fields["inputs"].strip(), parameters=_parameters(fields["parameters"]),
        )  # fmt: skip
        certificate = symbolic.verify(model)
    except symbolic.ModelError as error:
        return _wrong(str(error))
    return "\n".join([_verdict(certificate), _declaration(model), _reasons(certificate), _derivation(model)])


def _parameters(text: str) -> dict[str, float | None]:
    """Read `tau_m = 1, tau_s = 0.5`; a name without a value stays open."""
    found: dict[str, float | None] = {}
    for part in re.split(r"[,;\n]", text):
        name, equals, value = (each.strip() for each in part.partition("="))
        if not name:
            continue
        try:
            found[name] = float(value) if equals and value not in ("", "?") else None
        except ValueError:
            raise symbolic.ModelError(f"parameter {name}: {value!r} is not a number") from None
    return found


def _verdict(certificate: Any) -> str:
    name = certificate.verdict.name
    routes = "".join(
        f"<li>Input {_words(route.name)}: {', '.join(_smoothness(route))}.</li>" for route in certificate.routes
    )
    return (
        f'<div class="verdict {name.lower()}"><strong>{name}</strong> {_CLAIMS[name]}</div>'
        f"{f'<ul>{routes}</ul>' if certificate.holds else ''}{_cases(certificate)}"
    )


def _smoothness(route: Any) -> Iterable[str]:
    if route.contact_exponent is not None:
        yield f"contact exponent {_formula(route.contact_exponent)}"
    own, later = render.classes(route)
    yield f"own spike {own}"
    yield f"later spikes {later}"


def _cases(certificate: Any) -> str:
    rows = [f"<li>{_words(line.strip())}</li>" for line in render.case_lines(certificate)]
    under = [f"<li>Under {_formula(each)}.</li>" for each in certificate.assumptions]
    return f"<ul>{''.join(under + rows)}</ul>" if under or rows else ""


def _declaration(model: Any) -> str:
    rows = [rf"\dot{{{latex(state)}}} = {latex(rate)}" for state, rate in model.dynamics.items()]
    return "<h3>Your neuron</h3>" + "".join(convert(row, display="block") for row in rows)


def _reasons(certificate: Any) -> str:
    marks = {True: "holds", False: "fails", None: "undecided"}
    items = ""
    for condition in certificate.conditions:
        mark = marks[condition.holds]
        statement = "" if condition.statement is sp.true else _formula(condition.statement, "block")
        items += (
            f'<li class="{mark}"><strong>{_words(render.title(condition))}</strong>: {mark}.'
            f"{statement} {_sentence(condition.reason)}</li>"
        )
    return f"<h3>Reasons</h3><ol>{items}</ol>"


def _derivation(model: Any) -> str:
    try:
        derivation = symbolic.derive(model)
    except symbolic.DerivationError as error:
        return f"<h3>Spike times</h3><p>{_words(str(error))}</p>{drawing(model, None)}"
    kind = "closed form" if derivation.closed_form else "no closed form"
    formulas = "".join(
        f"<dt>{_words(name)}</dt><dd>{_formula(formula, 'block')}</dd>" for name, formula in derivation.formulas.items()
    )
    return (
        f"<h3>Phase line</h3>{drawing(model, derivation.rheobase)}"
        f"<h3>Spike times</h3><p>Method {derivation.method}, {kind}: {_words(derivation.reason)}.</p>"
        f"<dl>{formulas}</dl>"
    )


def _sentence(reason: str) -> str:
    """A reason as HTML, with its formulas."""
    parts = _MATH.split(typeset(reason, _plain))
    return "".join(convert(part) if place % 2 else _words(part) for place, part in enumerate(parts))


def _plain(words: str) -> str:
    return words.replace("$", "")


def _formula(expression: Any, display: str = "inline") -> str:
    return convert(latex(expression), display=display)


def _words(text: str) -> str:
    return html.escape(str(text))


def _wrong(message: str) -> str:
    return f'<div class="verdict wrong"><strong>Not a declaration yet</strong></div><pre>{_words(message)}</pre>'
