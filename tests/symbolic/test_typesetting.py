"""Whatever models, routes and symbols are called, LaTeX and Markdown show it and obey none of it."""

import functools
import re

import pytest
import sympy as sp

from symbolic import ModelError, NeuronModel, at_infinity, derive, models, table, verify
from symbolic.typesetting import in_markdown, latex

#: Of a model, of a symbol, and of a route.
HOSTILE = [
    (r"I}\input{x}", "<script>alert(1)</script>", "a|b"), ("<script>", r"I}\input{x}", r"\write18{rm}"),
    ("[a](javascript:b)", "V & W", "<img>"), ("50% # 1", "[a](javascript:b)", "*b*"), ("`c`", r"\\", "lambda"),
    ("$x$", "a|b", "}{"), ("^ ~", "a_{b", "$"), ("_", "^", "9**9**9**9"), ("9**9**9**9", "`c`", "__import__('os')"),
    ("lambda", "lambda", "V'"),
]  # fmt: skip


def model_called(name, symbol="I", route=None):
    V, tau = sp.Symbol("V", real=True), sp.Symbol("tau_m", positive=True)
    drive = sp.Symbol(symbol, real=True)
    return NeuronModel(
        name, dynamics={V: (V * (V - 1) + drive) / tau, drive: -2 * drive / tau}, spike=at_infinity(V),
        reset={V: -sp.oo}, inputs={route or symbol: drive}, parameters={tau: 1.0},
    )  # fmt: skip


def commands(text):
    """The LaTeX commands in a text, and whether its braces are balanced."""
    bare = re.sub(r"\\[{}\\$%&#_]", "", text)
    depth = [0]
    for letter in bare:
        depth.append(depth[-1] + (letter == "{") - (letter == "}"))
    return set(re.findall(r"\\([A-Za-z]+)", bare)), depth[-1] == 0 and min(depth) == 0


@functools.cache
def known_commands():
    ordinary = model_called("m")
    found, _ = commands(verify(ordinary).to_latex() + derive(ordinary).to_latex())
    return found | {"backslash", "textbackslash", "wedge", "sim", "mathrm", "hat", "vert"}


@pytest.mark.parametrize(("name", "symbol", "route"), HOSTILE)
def test_hostile_names_are_shown_and_not_obeyed(name, symbol, route):
    model = model_called(name, symbol, route)
    certificate = verify(model)
    for text in (certificate.to_latex(), derive(model).to_latex(), model._repr_latex_()):
        found, is_balanced = commands(text)
        assert is_balanced
        assert found <= known_commands() | {"lambda"}
        assert len(re.findall(r"(?<!\\)\$", text)) % 2 == 0
    markdown = certificate.to_markdown()
    assert not re.search(r"<[A-Za-z/!?]", markdown)
    heading, *_ = markdown.splitlines()
    assert heading == f"### {in_markdown(name)}: HOLDS"
    rows = [re.split(r"(?<!\\)\|", line) for line in markdown.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {8}
    assert "](" not in markdown.replace(r"\]", "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tau_m", r"\tau_{m}"), ("V", "V"), ("g_exc", "g_{exc}"), (r"\tau_m", r"\tau_{m}"), ("é", r"\mathrm{é}"),
        (r"\hat{V}_{0}", r"\hat{V}_{0}"), ("I}", r"\mathrm{I\}}"), ("<b>", r"\mathrm{{<}b{>}}"),
        (r"\input", r"\mathrm{\backslash{}input}"), ("_", r"\mathrm{\_}"), ("x_", r"\mathrm{x\_}"),
        ("{", r"\mathrm{\{}"), ("a{}}{", r"\mathrm{a\{\}\}\{}"), ("a|b]", r"\mathrm{a\vert{}b{]}}"),
        ("a b", r"\mathrm{a\ b}"),
    ],
)  # fmt: skip
def test_symbols_in_latex(name, expected):
    assert latex(sp.Symbol(name, real=True)) == expected
    assert latex(sp.Integral(sp.Symbol(name), (sp.Symbol(name), 0, 1))) == (
        rf"\int\limits_{{0}}^{{1}} {expected}\, d{expected}"
    )


def test_library_page(monkeypatch):
    monkeypatch.setattr(models, "qif", lambda: model_called("<img src=x> | `b`", route="a|b"))
    row = table.row("qif")
    assert row.startswith(r"| `qif` | &lt;img src=x> \| \`b\` | HOLDS | a\|b |")


@pytest.mark.parametrize("name", ["", " ", "two\nlines", "\x1b[31mred"])
def test_names_that_cannot_be_shown_are_refused(name):
    with pytest.raises(ModelError, match="give it a name of one line that can be printed"):
        model_called(name)
    with pytest.raises(ModelError, match="give it a name of one line that can be printed"):
        model_called("m", route=name or " ")
