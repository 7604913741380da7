r"""Names and formulas in LaTeX and Markdown; names are escaped, never interpreted."""

import re
from typing import Any

import sympy as sp
from sympy.printing.latex import tex_greek_dictionary

_GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
).split()
_ACCENTS = "hat bar tilde dot ddot vec mathrm mathit mathbf text infty".split()
#: Names that SymPy typesets well: plain ones, and those that somebody wrote in LaTeX.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_WRITTEN = re.compile(
    rf"(\\({'|'.join(_GREEK + _ACCENTS)})(?![A-Za-z])|[A-Za-z0-9]|[_^](?=[A-Za-z0-9{{\\])|[{{}}+,-])+"
)
_MATH = {
    "\\": r"\backslash{}", "^": r"\wedge{}", "~": r"\sim{}", "<": "{<}", ">": "{>}", "'": "{'}", " ": r"\ ",
    "`": "{`}", "]": "{]}", "|": r"\vert{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}  # fmt: skip
_TEXT = {
    "\\": r"\textbackslash{}", "^": r"\^{}", "~": r"\~{}", "<": "$<$", ">": "$>$", "|": "$|$",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}  # fmt: skip
_MARKDOWN = {"<": "&lt;", "&": "&amp;", **{letter: f"\\{letter}" for letter in "\\`*_[]|~$"}}


def latex(expression: Any) -> str:
    r"""Write an expression in LaTeX, with symbols of any name.

    Example:
        >>> latex(sp.Symbol("tau_m") + sp.Symbol(r"\hat{V}_0")), latex(sp.Symbol(r"I}\input{x"))
        ('\\hat{V}_0 + \\tau_{m}', '\\mathrm{I\\}\\backslash{}input\\{x}')
    """
    symbols = expression.atoms(sp.Symbol) if isinstance(expression, sp.Basic) else ()
    strange: Any = {symbol: _in_math(symbol.name) for symbol in symbols if not _is_fine(symbol.name)}
    return sp.latex(expression, symbol_names=strange)


def escaped(words: str) -> str:
    r"""Write words in LaTeX, outside formulas.

    Example:
        >>> escaped("100 % {V_th}")
        '100 \\% \\{V\\_th\\}'
    """
    return _replaced(words, _TEXT)


def in_markdown(words: str) -> str:
    r"""Write words in Markdown, as they are: no emphasis, links, tables, formulas or HTML.

    Example:
        >>> in_markdown("<b>*[a](b)")
        '&lt;b>\\*\\[a\\](b)'
    """
    return _replaced(words, _MARKDOWN)


def in_cell(words: str) -> str:
    r"""Write words in a cell of a Markdown table that may hold formulas as they are typed.

    Example:
        >>> in_cell("V_th < 1 | <script>")
        'V_th < 1 \\| &lt;script>'
    """
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", words).replace("|", "\\|").replace("`", "\\`").replace("\n", " ")


def _is_fine(name: str) -> bool:
    if name in tex_greek_dictionary or _PLAIN.fullmatch(name):
        return True
    depth, depths = 0, []
    for letter in name:
        depth += (letter == "{") - (letter == "}")
        depths.append(depth)
    return bool(_WRITTEN.fullmatch(name)) and depth == 0 and min(depths) >= 0 and name[0] not in "_^"


def _in_math(name: str) -> str:
    return rf"\mathrm{{{_replaced(name, _MATH)}}}"


def _replaced(words: str, special: dict[str, str]) -> str:
    """Replace letters in one pass, so that what replaces one is not replaced again."""
    return "".join(special.get(letter, letter if letter.isprintable() else " ") for letter in words)
