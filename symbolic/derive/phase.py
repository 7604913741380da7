"""The autonomous scalar class: the potential is the only state, and the time to its spike describes it completely.

`u(V)`, the integral of `1/F` from `V` to the spike, is found by SymPy where it can; so are its inverse and the flow.
Nothing that SymPy returns is believed: formulas are put into the equation at points, compared with quadrature, and
evaluated in double precision.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sympy as sp

from ..declare import FrozenMapping, NeuronModel
from ..errors import DerivationError
from ..limits import Budget, TimeLimit
from ..structure import Structure, tangent_of_half_angle
from .arrangement import Arrangement, arrange, number, same, value_rows
from .derivation import Attempt as Tried
from .derivation import Derivation, t
from .phase_flow import derive_flow
from .phase_form import Attempt, PhaseForm, Refusal, described
from .phase_form import until_spike as u
from .quadrature import Line, Part, period_from_infinity, potential_before_spike, rising_parts, time_to_spike
from .rheobase import find_rheobase

_FIRST_SHARE = 0.6  # of the time, for formulas in the parameters
_MOVED = (sp.Rational(107, 100), sp.Rational(94, 100), sp.Rational(102, 100), sp.Rational(97, 100))


def phase_closed_form(model: NeuronModel, structure: Structure, seconds: float = 5.0) -> PhaseForm | Refusal:
    """Find time to spike, flow and period of a neuron with one state, in closed form where there is one.

    Args:
        model: The declared neuron.
        structure: What `recognise` says about it.
        seconds: What the search may take.

    Raises:
        DerivationError: if the model has other states, or no spike that a scalar equation describes.

    Example:
        >>> from symbolic import models
        >>> from symbolic.structure import recognise
        >>> form = phase_closed_form(models.quartic(), recognise(models.quartic()))
        >>> form.zeros, form.is_accurate
        ((0, 1), True)
        >>> form.time_to_spike
        Piecewise((2*atanh(1/(2*V**3 - 1))/3, V > 1), (oo, True))
    """
    bare = _bare(model, structure)
    deadline = Budget(seconds)
    attempts: tuple[Attempt, ...] = ()
    known, best = bare, None
    ways = list(_ways(model, bare))
    for turn, (what, symbols, fixed) in enumerate(ways):
        share = 1.0 if turn == len(ways) - 1 else _FIRST_SHARE
        search = _Search(model, bare, symbols, Budget(share * deadline.left))
        try:
            found = replace(search.within_budget(), fixed=FrozenMapping(fixed))
            found = replace(found, attempts=(*attempts, *found.attempts))
            if found.is_closed and found.is_accurate:
                return found
            best, attempts = best or found, found.attempts
        except TimeLimit:
            attempts += ((what, "it took too long"),)
        except DerivationError as error:
            attempts += ((what, str(error)),)
        except Exception as error:  # SymPy fails with nearly any exception
            attempts += ((what, f"SymPy fails with {type(error).__name__}: {error}"),)
        known = replace(search.known, fixed=FrozenMapping(fixed)) if search.known.zeros is not None else known
    if best is not None:
        return replace(best, attempts=attempts)
    known = replace(known, attempts=attempts)
    return Refusal(described(attempts), known, attempts)


def derive_phase(model: NeuronModel, structure: Structure) -> Derivation:
    """Derive how a neuron with one state spikes: by formulas where they hold, else by quadrature.

    Raises:
        DerivationError: if the model has other states, or no spike that a scalar equation describes.

    Example:
        >>> from symbolic import models
        >>> from symbolic.structure import recognise
        >>> derive_phase(models.eif_delta(), recognise(models.eif_delta())).closed_form
        False
    """
    found = phase_closed_form(model, structure)
    form = found.form if isinstance(found, Refusal) else found
    usable = form.is_closed and form.is_accurate
    reason = structure.evidence + ("; time to spike and flow have closed forms" if usable else f"; {_why_not(found)}")
    if usable and form.fixed:
        reason += " at the declared " + ", ".join(f"{symbol} = {value}" for symbol, value in form.fixed.items())
    declared = tangent_of_half_angle(model) if structure.is_circle else structure.potential
    here: dict[Any, Any] = {structure.potential: declared}
    flow = None if form.flow is None else {model.variable: _declared(model, structure, form.flow).subs(here)}
    return Derivation(
        model=model,
        method="phase",
        closed_form=usable,
        reason=reason,
        flow=None if flow is None else FrozenMapping(flow),
        time_to_spike=None if form.time_to_spike is None else form.time_to_spike.subs(here),
        rheobase=form.rheobase,
        period=form.period,
        phase=_phase(form, here),
        relation=None,
        form=form,
        attempts=tuple(Tried(f"closed form, {what}", why) for what, why in form.attempts),
    )


def _why_not(found: PhaseForm | Refusal) -> str:
    if isinstance(found, Refusal):
        return f"no closed form: {found.reason}; solved by quadrature"
    if not found.is_closed:
        return f"no closed form of the flow: {described(found.attempts[-1:])}; solved by quadrature"
    return "its closed form loses digits in double precision; solved by quadrature"


def _phase(form: PhaseForm, here: dict[Any, Any]) -> Any:
    if form.period is None or form.period == sp.oo or form.time_to_spike is None:
        return None
    return (form.period - form.time_to_spike).subs(here)


def _declared(model: NeuronModel, structure: Structure, potential: Any) -> Any:
    if not structure.is_circle:
        return potential
    threshold, reset = model.spike.threshold, model.reset_value
    return reset + (threshold - reset) * (2 * sp.atan(potential) + sp.pi) / (2 * sp.pi)


def _bare(model: NeuronModel, structure: Structure) -> PhaseForm:
    if model.other_states:
        others = ", ".join(map(str, model.other_states))
        raise DerivationError(
            f"{model.name}: {others} is a state besides {model.variable}; a phase describes one state"
        )
    on_line = structure.is_circle or model.spike.is_at_infinity
    end = sp.oo if on_line else model.spike.threshold
    reset = -sp.oo if structure.is_circle else model.reset_value
    if model.variable in reset.free_symbols | end.free_symbols:
        raise DerivationError(f"{model.name}: threshold and reset of {model.variable} must be constant")
    jumps = {name: changes.get(structure.potential, sp.S.Zero) for name, changes in structure.jumps.items()}
    circle = (model.reset_value, model.spike.threshold) if structure.is_circle else None
    return PhaseForm(structure.potential, structure.field, end, reset, circle, FrozenMapping(jumps))


def _ways(model: NeuronModel, bare: PhaseForm) -> Iterator[tuple[str, dict[Any, Any], dict[Any, Any]]]:
    """With parameters as symbols of known sign, then with their values; and what is fixed by that."""
    used = [symbol for symbol in model.parameters if symbol in bare.field.free_symbols]
    yield ("for any parameters" if used else "the integral"), _signed(model), {}
    values = model.scalar_values
    if used and all(symbol in values for symbol in used):
        yield "at the declared parameters", dict(values), {symbol: values[symbol] for symbol in used}


def _signed(model: NeuronModel) -> dict[Any, Any]:
    """Symbols that have the sign of the declared values: what SymPy needs to take roots and limits."""
    rows, symbols = value_rows(model), {}
    for symbol in model.parameters:
        values = [row[symbol] for row in rows]
        if all(value.is_positive for value in values) and (model.parameters[symbol] is not None or symbol.is_positive):
            symbols[symbol] = sp.Symbol(symbol.name, positive=True)
        elif all(value.is_negative for value in values):
            symbols[symbol] = -sp.Symbol(symbol.name, positive=True)
        else:
            symbols[symbol] = sp.Symbol(symbol.name, real=True)
    return symbols


class _Search:
    """One way of looking for formulas: parameters as symbols, or as numbers."""

    def __init__(self, model: NeuronModel, bare: PhaseForm, symbols: dict[Any, Any], budget: Budget) -> None:
        self._model, self._symbols, self._budget = model, symbols, budget
        self._potential = sp.Symbol(bare.potential.name, real=True)
        self._bare = bare
        self.known = bare

    def within_budget(self) -> PhaseForm:
        """Find what can be found in time.

        Raises:
            TimeLimit: if that is not even the time to the spike.
        """
        try:
            return self._budget.spend(self._budget.left, self.run)
        except TimeLimit:
            if self.known.time_to_spike is None:
                raise
            return replace(self.known, is_accurate=False, attempts=(("the flow", "it took too long"),))

    def run(self) -> PhaseForm:
        """Find everything, or say what is missing."""
        field, end, reset = (self._inside(e) for e in (self._bare.field, self._bare.end, self._bare.reset))
        rows = self._rows()
        arrangement = arrange(self._potential, field, end, rows, self._budget)
        is_global = arrangement.spikes and not arrangement.zeros
        rheobase = self._rheobase(field, (reset, end), rows[0])
        self.known = replace(
            self._bare, zeros=tuple(map(self._outside, arrangement.zeros)), is_global=is_global,
            rheobase=self._outside(rheobase),
        )  # fmt: skip
        line = Line(self._potential, end, arrangement, tuple(self._moved(rows, arrangement)), self._budget)
        parts = rising_parts(line) if arrangement.spikes else []
        time, accurate = time_to_spike(line, parts) if parts else (sp.oo, True)
        self.known = replace(self.known, time_to_spike=self._outside(self._everywhere(line, time)))
        back, accurate_back = self._back(line, parts)
        composed = None if back is None else back.subs(u, time - t)
        flow, accurate_flow, attempts = self._flow(line, parts, composed)
        lossy = {
            "the time to spike": accurate,
            "the flow": accurate_flow,
            "the potential before a spike": accurate_back,
        }
        attempts += tuple((what, "it loses digits in double precision") for what, good in lossy.items() if not good)
        return replace(
            self.known, flow=self._outside(flow),
            phase_to_potential=self._outside(back), period=self._outside(self._period(line, parts, reset)),
            is_accurate=accurate and accurate_flow and accurate_back, attempts=attempts,
        )  # fmt: skip

    def _inside(self, expression: Any) -> Any:
        return sp.sympify(expression).subs(self._symbols | {self._bare.potential: self._potential}, simultaneous=True)

    def _outside(self, expression: Any) -> Any:
        if expression is None:
            return None
        back: dict[Any, Any] = {self._potential: self._bare.potential}
        for symbol, inner in self._symbols.items():
            if inner.free_symbols:
                (dummy,) = inner.free_symbols
                back[dummy] = symbol if inner == dummy else -symbol
        return sp.sympify(expression).subs(back, simultaneous=True)

    def _rows(self) -> list[dict[Any, Any]]:
        """Declared parameter values, of the symbols that stand for the parameters."""
        return [
            {next(iter(inner.free_symbols)): row[symbol] if inner.is_Symbol else -row[symbol]
             for symbol, inner in self._symbols.items() if inner.free_symbols}
            for row in value_rows(self._model)
        ]  # fmt: skip

    def _moved(self, rows: list[dict[Any, Any]], arrangement: Arrangement) -> list[dict[Any, Any]]:
        """Declared values and others near them for which the phase line looks the same."""
        if not rows[0]:
            return rows[:1]
        near = []
        for turn in range(len(_MOVED)):
            factors = {symbol: _MOVED[(turn + i) % len(_MOVED)] for i, symbol in enumerate(rows[0])}
            near.append({s: value * factors[s] if value != 0 else factors[s] - 1 for s, value in rows[0].items()})
        found = [row for row in near if arrangement.is_valid(row, self._potential)][:2]
        if not found:
            raise DerivationError("formulas in the parameters could only be checked at one point")
        return [*rows[:2], *found]

    def _everywhere(self, line: Line, time: Any) -> Any:
        """The time to the spike for any potential: zero beyond a threshold, infinite below the highest zero."""
        if time == sp.oo:
            return time if line.end == sp.oo else sp.Piecewise((0, line.potential >= line.end), (sp.oo, True))
        pieces: list[Any] = list(time.args) if isinstance(time, sp.Piecewise) else [(time, sp.true)]
        if line.arrangement.zeros:
            pieces = [*pieces[:-1], (pieces[-1][0], line.potential > line.arrangement.zeros[-1]), (sp.oo, sp.true)]
        if line.end != sp.oo:
            pieces = [(sp.S.Zero, line.potential >= line.end), *pieces]
        return pieces[0][0] if len(pieces) == 1 else sp.Piecewise(*pieces)

    def _rheobase(self, field: Any, ends: tuple[Any, Any], row: dict[Any, Any]) -> Any:
        """In the parameters where possible, else a number at their declared values."""
        found = find_rheobase(self._potential, field, ends, row, self._budget)
        if found is None and row and set(self._symbols) <= set(self._model.scalar_values):
            numbers = tuple(end.subs(row) for end in ends)
            found = find_rheobase(self._potential, field.subs(row), numbers, {}, self._budget)
        return found

    def _back(self, line: Line, parts: list[Part]) -> tuple[Any, bool]:
        if not parts:
            return None, True
        try:
            found = self._budget.spend(1.5, lambda: potential_before_spike(line, parts))
        except TimeLimit:
            found = None
        return (None, True) if found is None else found

    def _flow(self, line: Line, parts: list[Part], composed: Any) -> tuple[Any, bool, tuple[Attempt, ...]]:
        try:
            flow, accurate = self._budget.spend(3.5, lambda: derive_flow(line, parts, composed))
        except TimeLimit:
            return None, True, (("the flow", "it took too long"),)
        except DerivationError as error:
            return None, True, (("the flow", str(error)),)
        return flow, accurate, ()

    def _period(self, line: Line, parts: list[Part], reset: Any) -> Any:
        zeros, row = line.arrangement.zeros, line.rows[0]
        if not parts or (zeros and (reset == -sp.oo or number(reset - zeros[-1], row) <= 0)):
            return sp.oo
        if reset == -sp.oo:
            return period_from_infinity(line, parts)
        for part in parts:
            low = part.segment.low
            if same(low, reset, row) or low == -sp.oo or number(reset - low, row) > 0:
                return sp.simplify(part.forms[0].subs(line.potential, reset))
        return None
