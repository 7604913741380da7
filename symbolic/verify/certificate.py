"""`Certificate`: the results of a verification, and their renderings."""

from dataclasses import dataclass
from typing import Any

from . import render
from .results import Results


@dataclass(frozen=True)
class Certificate(Results):
    """A proof that a model's spikes change continuously, or that they do not, or where the proof got stuck.

    Attributes:
        model: The declared model.
        verdict: HOLDS, FAILS or UNDECIDED.
        conditions: Every condition with its reason, those on the neuron first.
        routes: One report per input route.
        assumptions: The conditions on parameters under which the verdict holds.
        cases: Where the verdict depends on a parameter that was left open: pairs of a condition on it and the
            certificate that holds under it. Together they are exhaustive; where their verdicts differ, the verdict of
            the whole is UNDECIDED.
        simultaneous_inputs: The class of spike times where two inputs to the neuron change places: a kink (CONTINUOUS)
            or at least C1; None where the verdict is not HOLDS.
        simultaneous_is_exact: Whether it is no better; else it is at least this.
        derived_ranges: The ranges that states cannot leave, where the proof needed them and they are narrower than what
            is declared: pairs of a state and its ends. They also follow from the declared initial values.

    Example:
        >>> from symbolic import models
        >>> from symbolic.verify import verify
        >>> certificate = verify(models.qif())
        >>> certificate.holds, certificate.route("I").order_swap.name
        (True, 'HOLDS')
    """

    def __repr__(self) -> str:
        return render.text(self)

    def to_markdown(self) -> str:
        """Write the certificate as Markdown."""
        return render.markdown(self)

    def to_latex(self) -> str:
        """Write the formulas of the certificate, the equations and the statements, as an aligned LaTeX environment."""
        return render.latex(self)

    def to_dict(self) -> dict[str, Any]:
        """Write the certificate as nested dictionaries of plain strings, ready for JSON."""
        return render.plain(self)

    def _repr_markdown_(self) -> str:
        return render.markdown(self)
