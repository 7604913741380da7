"""The table of library models for the documentation: `python -m symbolic.table`."""

import sys
from pathlib import Path

from . import models
from .declare import NeuronModel
from .derive import derive
from .errors import DerivationError
from .typesetting import in_cell
from .verify import Certificate, RouteReport, verify
from .verify.render import classes

_PAGE = """# The library of models

Written by `python -m symbolic.table docs/lookup/models.md`; every entry is derived from the declared equations.

- **verdict**: HOLDS if spikes appear and vanish only at the trial's end and order swaps are continuous; else why not;
- **k**: the contact exponent: an input a time u before the neuron's own spike shifts it by an amount like u^k;
- **own, later**: the class of the own spike and of later spikes where one input meets the own spike ("at least" where a
  better one is not excluded); away from spikes all of them are as smooth as the equations. Two inputs
  that arrive together are another matter: see the next entry;
- **two inputs**: the class where two inputs to the same neuron change places; with jumps of V there is a kink;
- **solver**: the method of the exact solver; "-" where there is none yet, with the reason.

| model | declared | verdict | input | k | own | later | two inputs | solver | reason |
|---|---|---|---|---|---|---|---|---|---|
{rows}
"""


def table() -> str:
    """Write the whole page."""
    return _PAGE.format(rows="\n".join(row(name) for name in models.names()))


def row(name: str) -> str:
    """Write the rows of one model: one per input route."""
    model = getattr(models, name)()
    certificate = verify(model)
    solver, missing = _solver(model)
    return "\n".join(_row(name, certificate, report, solver, missing) for report in certificate.routes)


def _row(name: str, certificate: Certificate, report: RouteReport, solver: str, missing: str) -> str:
    exponent = "" if report.contact_exponent is None else str(report.contact_exponent)
    reason = " ".join(part for part in (_reason(certificate, report), missing) if part)
    crossing = certificate.simultaneous_inputs
    two = (
        "" if crossing is None else crossing.name if certificate.simultaneous_is_exact else f"at least {crossing.name}"
    )
    cells = (
        certificate.model.name, certificate.verdict.name, report.name, exponent, *classes(report), two,
        solver, reason,
    )  # fmt: skip
    return f"| `{name}` | {' | '.join(map(in_cell, cells))} |"


def _reason(certificate: Certificate, report: RouteReport) -> str:
    questions = certificate.failures or certificate.open_questions
    return questions[0].reason if questions else report.later_reason or report.own_reason


def _solver(model: NeuronModel) -> tuple[str, str]:
    try:
        return derive(model).method, ""
    except DerivationError as refusal:
        words = str(refusal).partition("; ")[0].removeprefix(f"{model.name}: ")
        return "-", f"No solver: {words}."


def main() -> None:
    """Write the page to the file that is named on the command line, or to the terminal."""
    page = table()
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page, encoding="utf-8")
    else:
        print(page, end="")


if __name__ == "__main__":
    main()
