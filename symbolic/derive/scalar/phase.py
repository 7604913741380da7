"""The autonomous scalar class: the potential is the only state.

`u(V)`, the integral of `1/F` from `V` to the spike, is found by partial fractions where they do it; so are the flow and
the period. Formulas are put into the equation, and compared with quadrature, before they are returned. They are to be
read: a network integrates the equation, which is as exact as they are and holds for every field.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sympy as sp

from ...algebra import inserted
from ...declare import FrozenMapping, NeuronModel
from ...errors import DerivationError
from ...structure import Structure, tangent_of_half_angle
from ..derivation import Attempt, Derivation
from ..general import numeric_form, rheobase
from ..parameter_rows import signed_rows, signed_symbols, unsigned
from .flow import derive_flow
from .phase_line import PhaseLine, phase_line
from .time_to_spike import Part, everywhere, period, rising_parts, time_to_spike

_MOVED = (sp.Rational(107, 100), sp.Rational(94, 100), sp.Rational(102, 100), sp.Rational(97, 100))
#: What SymPy raises where an expression is not of the kind that it expects.
_FAILURES = (sp.PolynomialError, NotImplementedError, ValueError, TypeError, ArithmeticError, RecursionError)


def derive_phase(model: NeuronModel, structure: Structure) -> Derivation:
    """Derive formulas for a neuron with one state: for any parameters where possible, else at the declared values."""
    _require_one_state(model, structure)
    attempts: list[Attempt] = []
    found: list[Derivation] = []
    for what, symbols, fixed in _ways(model, structure):
        try:
            found.append(_Search(model, structure, symbols, fixed).run())
        except DerivationError as error:
            attempts.append(Attempt(f"closed form, {what}", str(error)))
            continue
        except _FAILURES as error:
            attempts.append(Attempt(f"closed form, {what}", f"SymPy fails with {type(error).__name__}: {error}"))
            continue
        if found[-1].closed_form:
            return replace(found[-1], attempts=tuple(attempts))
        attempts.append(Attempt(f"flow in closed form, {what}", "the integral cannot be solved for the potential"))
    if found:
        return replace(found[0], attempts=tuple(attempts))
    reasons = "; ".join(f"{attempt.name.removeprefix('closed form, ')}: {attempt.reason}" for attempt in attempts)
    raise DerivationError(f"{model.name}: no closed form of the time to the spike: {reasons}")


def _require_one_state(model: NeuronModel, structure: Structure) -> None:
    if model.other_states:
        others = ", ".join(map(str, model.other_states))
        raise DerivationError(
            f"{model.name}: {others} is a state besides {model.variable}; a phase describes one state"
        )
    end, reset = _ends(model, structure)
    if model.variable in reset.free_symbols | end.free_symbols:
        raise DerivationError(f"{model.name}: threshold and reset of {model.variable} must be constant")


def _ends(model: NeuronModel, structure: Structure) -> tuple[Any, Any]:
    """The spike and the reset of the potential."""
    on_line = structure.is_circle or model.spike.is_at_infinity
    return sp.oo if on_line else model.spike.threshold, -sp.oo if structure.is_circle else model.reset_value


def _ways(model: NeuronModel, structure: Structure) -> Iterator[tuple[str, dict[Any, Any], dict[Any, Any]]]:
    """Parameters as symbols of known sign, then as values, with those that are fixed by that."""
    end, reset = _ends(model, structure)
    used = [s for s in model.parameters if s in structure.field.free_symbols | end.free_symbols | reset.free_symbols]
    yield ("for any parameters" if used else "the integral"), signed_symbols(model), {}
    values = model.scalar_values
    if used and all(symbol in values for symbol in used):
        yield "at the declared parameters", dict(values), {symbol: values[symbol] for symbol in used}


class _Search:
    """One way of looking for formulas: parameters as symbols, or as numbers."""

    def __init__(
        self, model: NeuronModel, structure: Structure, symbols: dict[Any, Any], fixed: dict[Any, Any]
    ) -> None:
        self._model, self._structure, self._symbols, self._fixed = model, structure, symbols, fixed
        self._potential = sp.Symbol(structure.potential.name, real=True)

    def run(self) -> Derivation:
        """Find everything."""
        model, structure = self._model, self._structure
        end, reset = (self._inside(place) for place in _ends(model, structure))
        line = phase_line(self._potential, self._inside(structure.field), end, signed_rows(model, self._symbols))
        line = replace(line, rows=tuple(self._moved(line)))
        parts = rising_parts(line) if line.spikes else []
        time = everywhere(line, end, time_to_spike(line, parts) if parts else sp.oo)
        flow = derive_flow(line, parts)
        form = numeric_form(model, structure)
        return self._derivation(line, parts, reset, time, flow, form)

    def _derivation(
        self, line: PhaseLine, parts: list[Part], reset: Any, time: Any, flow: Any, form: Any
    ) -> Derivation:
        model, structure = self._model, self._structure
        declared = tangent_of_half_angle(model) if structure.is_circle else structure.potential
        here: dict[Any, Any] = {structure.potential: declared}
        between = self._outside(period(line, parts, reset))
        until = self._outside(time).subs(here)
        has_phase = between not in (None, sp.oo) and time != sp.oo
        return Derivation(
            model=model,
            method="phase",
            closed_form=flow is not None,
            reason=self._reason(flow),
            flow=flow and FrozenMapping({model.variable: self._declared(self._outside(flow)).subs(here)}),
            time_to_spike=until,
            rheobase=rheobase(model, structure, form),
            period=between,
            phase=between - until if has_phase else None,
            form=form,
            fixed=FrozenMapping(self._fixed),
        )

    def _reason(self, flow: Any) -> str:
        what = "time to spike and flow have closed forms" if flow is not None else "the time to spike has a closed form"
        fixed = " at the declared " + ", ".join(f"{s} = {v}" for s, v in self._fixed.items()) if self._fixed else ""
        return f"{self._structure.evidence}; {what}{fixed}, to be read; a network integrates the equation"

    def _declared(self, potential: Any) -> Any:
        if not self._structure.is_circle:
            return potential
        threshold, reset = self._model.spike.threshold, self._model.reset_value
        return reset + (threshold - reset) * (2 * sp.atan(potential) + sp.pi) / (2 * sp.pi)

    def _inside(self, expression: Any) -> Any:
        known = self._symbols | {self._structure.potential: self._potential}
        return inserted(expression, known)

    def _outside(self, expression: Any) -> Any:
        if expression is None:
            return None
        return unsigned(expression, self._symbols, {self._potential: self._structure.potential})

    def _moved(self, line: PhaseLine) -> list[dict[Any, Any]]:
        """Declared values and others near them for which the phase line looks the same: where formulas are checked."""
        rows = list(line.rows)
        if not rows[0]:
            return rows[:1]
        near = []
        for turn in range(len(_MOVED)):
            factors = {symbol: _MOVED[(turn + i) % len(_MOVED)] for i, symbol in enumerate(rows[0])}
            near.append({s: value * factors[s] if value != 0 else factors[s] - 1 for s, value in rows[0].items()})
        found = [row for row in near if line.is_valid(row)][:2]
        if not found:
            raise DerivationError("formulas in the parameters could only be checked at one point")
        return [*rows[:2], *found]
