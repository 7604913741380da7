"""The QIF with measured properties, declared with the synapses, inputs and spike-triggered changes of the original."""

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from ..declare import NeuronModel, at_infinity
from ..declare.rules import Jump
from ..errors import ModelError
from .excitability import Firing, Resting
from .membrane import place, rows_of, settled
from .proposal import Match
from .zeros import sign_of


def column(values: Iterable[Any]) -> Any:
    """One value for all neurons, or a tuple with one for each."""
    listed = [sp.sympify(value) for value in values]
    return listed[0] if len(set(listed)) == 1 else sp.Tuple(*listed)


class Construction:
    """Names the measured properties as parameters and builds the model from them."""

    def __init__(self, original: NeuronModel, found: tuple[Resting, ...] | tuple[Firing, ...]) -> None:
        self.original, self.found, self.rows = original, found, rows_of(original)
        self._new: dict[Any, Any] = {}
        variable = original.variable
        if isinstance(found[0], Resting):
            self.time_constant = self._named("tau_m", self.each("time_constant"), positive=True)
            self.home = self._named(f"{variable}_rest", self.each("rest"))
            self.strength = self._named("rheobase", self.each("rheobase"), positive=True)
        else:
            self.time_constant = self._named("period", self.each("period"), positive=True)
            self.home = self._named(f"{variable}_centre", self.each("centre"))
            self.strength = self._named("drive", self.each("drive"), positive=True)
        self.rest_of = {state: value.subs(place, self.home) for state, value in settled(original).items()}
        self.coupling = self._coupling()

    def each(self, quantity: str) -> Any:
        """A measured quantity of all neurons."""
        return column(getattr(item, quantity) for item in self.found)

    @property
    def rests(self) -> bool:
        """Whether the original rests without input."""
        return isinstance(self.found[0], Resting)

    @property
    def unstable(self) -> Any:
        """Where the proposed neuron tips over: the upper zero of its parabola, without input."""
        return column(sp.simplify(item.rest + 4 * item.rheobase) for item in self.found if isinstance(item, Resting))

    @property
    def drives(self) -> tuple[sp.Symbol, ...]:
        """What drives the potential: the other states, and currents."""
        return (*self.original.other_states, *self.original.currents)

    @property
    def following(self) -> tuple[sp.Symbol, ...]:
        """The other states whose equations name the potential."""
        model = self.original
        return tuple(state for state in model.other_states if model.dynamics[state].has(model.variable))

    @property
    def starts_at_rest(self) -> bool:
        """Whether the declared initial value lies beyond the new unstable point, so that the rest replaces it."""
        if not self.rests:
            return False
        initial = self.original.initial[self.original.variable]
        ends: Any = self.unstable if isinstance(self.unstable, sp.Tuple) else (self.unstable,) * len(self.found)
        gaps = [end - initial.subs(row) for end, row in zip(ends, self.rows, strict=True)]
        return any(gap.is_number and sign_of(gap) <= 0 for gap in gaps)

    def _named(self, name: str, value: Any, *, positive: bool = False) -> Any:
        """A parameter for a value, unless it is a formula in open parameters."""
        if value.free_symbols:
            return value
        model = self.original
        taken = {symbol.name: symbol for symbol in (*model.states, *model.parameters)}
        if name in taken and model.parameters.get(taken[name]) == value:
            return taken[name]
        while name in taken:
            name += "_qif"
        symbol = sp.Symbol(name, positive=True) if positive else sp.Symbol(name, real=True)
        self._new[symbol] = value
        return symbol

    def _coupling(self) -> Any:
        """The contribution of the other states to the field, relative to their rest."""
        model, variable = self.original, self.original.variable
        difference: Any = sp.expand(model.field - model.field.subs(self.rest_of, simultaneous=True))
        if sp.simplify(sp.diff(difference, variable, 2)) != 0:
            raise ModelError(
                f"{model.name}: other states change d{variable}/dt by {difference}, which is not affine in {variable}; "
                f"only currents and conductances, such as g*({variable} - V_e), can be kept"
            )
        slopes = {state: sp.factor(sp.diff(difference, state)) for state in self.drives}
        readable = sum((slope * (state - self.rest_of[state]) for state, slope in slopes.items()), sp.S.Zero)
        return readable if sp.simplify(readable - difference) == 0 else difference

    @property
    def field(self) -> Any:
        """The new equation of the potential."""
        above = self.original.variable - self.home
        if not self.rests:
            return self.strength + (sp.pi * above / self.time_constant) ** 2 / self.strength + self.coupling
        parabola = above * (above - 4 * self.strength) / (4 * self.strength)
        if not self.divides_everything:
            return parabola / self.time_constant + self.coupling
        return (parabola + self._scaled_coupling) / self.time_constant

    @property
    def divides_everything(self) -> bool:
        """Whether the membrane time constant is a parameter that divides the drive, too, and so scales time alone."""
        return self.time_constant.is_Symbol and not self._scaled_coupling.has(self.time_constant)

    @property
    def _scaled_coupling(self) -> Any:
        return sp.Add(*(part * self.time_constant for part in sp.Add.make_args(self.coupling)))

    def model_with(self, *, frozen: bool) -> NeuronModel:
        """Declare the model; `frozen` puts the resting potential in place of V in the equations of other states."""
        model, variable = self.original, self.original.variable
        held: Any = {variable: self.home} if frozen else {}
        dynamics = {state: rate.subs(held) for state, rate in model.dynamics.items()} | {variable: self.field}
        at_spike: Any = {} if model.spike.is_at_infinity else {variable: model.spike.threshold}
        reset = {state: value.subs(at_spike) for state, value in model.reset.items()} | {variable: -sp.oo}
        initial = dict(model.initial) | ({variable: self.home} if self.starts_at_rest else {})
        bounds = {state: limits for state, limits in model.bounds.items() if state != variable}
        jumps = [value for route in model.routes for value in route.jump.values()]
        ends = [end for limits in bounds.values() for end in limits]
        refractory = [] if model.refractory is None else [model.refractory]
        named: list[Any] = [*refractory, *dynamics.values(), *reset.values(), *initial.values(), *jumps, *ends]
        used = set().union(*(expression.free_symbols for expression in named))
        parameters = {symbol: value for symbol, value in (self._new | dict(model.parameters)).items() if symbol in used}
        return NeuronModel(
            f"QIF nearest to {model.name}",
            dynamics=dynamics,
            spike=at_infinity(variable),
            reset=reset,
            inputs={route.name: Jump(route.jump) for route in model.routes},
            parameters=parameters,
            initial=initial,
            bounds=bounds,
            currents=model.currents,
            refractory=model.refractory,
            units=self._units(parameters),
        )

    def _units(self, parameters: Mapping[Any, Any]) -> dict[Any, str]:
        """The units of the original, and those of measured parameters."""
        units, variable = self.original.units, self.original.variable
        if not units:
            return {}
        measured = {self.home: units.get(variable), self.time_constant: "ms", self.strength: units.get(variable)}
        if not self.rests and self.strength in self._new and variable in units:
            measured[self.strength] = f"{units[variable]}/ms"
        kept = {
            symbol: text for symbol, text in units.items() if symbol in (*self.original.states, *self.original.currents)
        }
        kept |= {symbol: units[symbol] for symbol in parameters if symbol in units}
        return kept | {symbol: text for symbol, text in measured.items() if symbol in parameters and text is not None}

    @property
    def gains(self) -> dict[Any, Any]:
        """The contribution of a unit of each constant input current to dV/dt, in parameters."""
        model = self.original
        changing = {*model.states, *model.currents}
        return {s: slope for s, slope in self._slopes.items() if not slope.free_symbols & changing}

    @property
    def conductances(self) -> dict[Any, Any]:
        """The same for states that multiply the potential and nothing else."""
        model = self.original
        changing = {*model.states, *model.currents}
        return {s: slope for s, slope in self._slopes.items() if slope.free_symbols & changing == {model.variable}}

    @property
    def _slopes(self) -> dict[Any, Any]:
        model = self.original
        slopes = {
            state: sp.simplify(sp.diff(self.coupling, state))
            for state in self.drives
            if state not in model.reset and state not in self.following
        }
        return {state: slope for state, slope in slopes.items() if slope != 0}

    @property
    def matched(self) -> tuple[Match, ...]:
        """Quantities that original and proposal share."""
        variable = self.original.variable
        if not self.rests:
            return (
                Match("period of free firing", self.each("period"), "a time"),
                Match(
                    "rheobase",
                    column(-item.drive for item in self._firing),
                    f"a constant drive, added to d{variable}/dt",
                ),
                *self._in_currents([-item.drive for item in self._firing]),
            )
        drives = [item.rheobase / item.time_constant for item in self._resting]
        return (
            Match("resting potential", self.each("rest"), f"in units of {variable}"),
            Match("membrane time constant", self.each("time_constant"), "a time"),
            Match(
                "rheobase", self.each("rheobase"), f"in units of {variable}: a constant drive times the time constant"
            ),
            *self._in_currents(drives),
        )

    def _in_currents(self, drives: list[Any]) -> list[Match]:
        return [
            Match(
                f"rheobase as a constant {state}",
                column(sp.simplify(drive / gain.subs(row)) for drive, row in zip(drives, self.rows, strict=True)),
                f"in units of {state}",
            )
            for state, gain in self.gains.items()
        ]

    @property
    def _resting(self) -> tuple[Resting, ...]:
        return tuple(item for item in self.found if isinstance(item, Resting))

    @property
    def _firing(self) -> tuple[Firing, ...]:
        return tuple(item for item in self.found if isinstance(item, Firing))
