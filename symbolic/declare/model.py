"""`NeuronModel`: a spiking neuron as its author would write it in a paper, checked when it is declared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Never

import sympy as sp

from ..errors import ModelError
from .declaration import Declaration
from .dimensions import resolved
from .frozen import FrozenMapping
from .given import items, range_of, routes_of, symbols_of, sympified, value_of
from .keywords import refuse_unknown
from .plain import Plain
from .renderings import as_latex, as_text
from .rules import InputRoute, Jump, SpikeRule, exact
from .solution import Solution
from .text import parse_declaration
from .units import MS
from .validate import validate


@dataclass(frozen=True, init=False, repr=False)
class NeuronModel(Declaration):
    """A spiking neuron: differential equations, a spike rule, a reset and what input spikes do.

    Args:
        name: What the model is called in reports.
        dynamics: The time derivative of every state. The equations are autonomous: they do not name time.
        spike: `at_infinity(V)` or `crosses(V, threshold)`. Without a spike rule the model is a readout: equations that
            are affine in the states, of which the first is read out, such as a leaky integrator.
        reset: New values of states after a spike; states not named keep their value.
        inputs: The state that an input spike of weight w increases by w, or a `jump`, or a dictionary of
            either for named routes.
        parameters: Values of the symbols that are not states: a number, one number per neuron, or None to leave
            a parameter open. A collection of symbols leaves all of them open.
        initial: Values of the states at time 0; zero where not named.
        bounds: Ranges that states and currents never leave, such as `{g: (0, oo)}`; any real number where not named.
        solution: Formulas for flow and time to spike, if you know them; they are checked before they are used.
        currents: A symbol, or several, of input currents that are given when a network is run, as functions of time;
            0 where none is given. They may stand in the equations and in bounds, and are neither states nor parameters.
        refractory: The absolute refractory time, a positive number or an expression in parameters: for so long after
            a spike its variable is held at the value that the reset gave it, whatever inputs come, while other states
            and inputs to them go on as ever.
        units: Units of states and parameters that are given as plain numbers, such as `{V: "mV"}`. Values may also be
            text with a unit, such as `"20 ms"`; see `Quantities` below.

    Raises:
        ModelError: if the declaration is wrong; the message says where and what to write instead.

    Quantities: parameters, initial values, bounds, the refractory time and a constant threshold or reset may be text
    with a unit, such as `"20 ms"` or `"0.5 nF"` (the extra `units`). All are converted to ms, mV, nA, MOhm, nF and uS,
    which fit together, and the dimensions of all equations are checked; times of networks are in ms then.

    Time is in the unit of the declared time constants. Models are immutable, equal and hashable by content.

    Example:
        >>> V, I = sp.symbols("V I", real=True)
        >>> tau = sp.Symbol("tau", positive=True)
        >>> model = NeuronModel(
        ...     "QIF", dynamics={V: (V * (V - 1) + I) / tau, I: -2 * I / tau}, spike=SpikeRule(V, sp.oo),
        ...     reset={V: -sp.oo}, inputs=I, parameters={tau: 1.0},
        ... )
        >>> model.states, model.routes[0].name
        ((V, I), 'I')
    """

    def __init__(
        self,
        name: str,
        *,
        dynamics: Mapping[sp.Symbol, Any],
        spike: SpikeRule | None = None,
        reset: Mapping[sp.Symbol, Any] | None = None,
        inputs: Any = None,
        parameters: Mapping[sp.Symbol, Any] | Iterable[sp.Symbol] = (),
        initial: Mapping[sp.Symbol, Any] | None = None,
        bounds: Mapping[sp.Symbol, tuple[Any, Any]] | None = None,
        solution: Solution | None = None,
        currents: sp.Symbol | Iterable[sp.Symbol] = (),
        refractory: Any = None,
        units: Mapping[sp.Symbol, str] | None = None,
        **unknown: Never,
    ) -> None:
        refuse_unknown(unknown, NeuronModel.__init__)
        if isinstance(parameters, Iterable) and not isinstance(parameters, Mapping):
            parameters = dict.fromkeys(parameters)
        field = sympified(dynamics, "dynamics")
        plain = Plain(units or {})
        spike, reset = plain.spike(spike), plain.mapping(reset, "reset")
        parameters, initial = plain.mapping(parameters, "parameter"), plain.mapping(initial, "initial")
        bounds, refractory = plain.ranges(bounds), plain.value(refractory, "refractory", MS)
        values = {state: sp.Integer(0) for state in field} | sympified(initial or {}, "initial")
        fields: dict[str, Any] = {
            "name": str(name),
            "dynamics": FrozenMapping(field),
            "spike": spike,
            "reset": FrozenMapping(sympified({} if reset is None else reset, "reset")),
            "routes": routes_of(inputs),
            "parameters": FrozenMapping(
                {symbol: value_of(symbol, value) for symbol, value in items(parameters, "parameters")}
            ),
            "initial": FrozenMapping(values),
            "bounds": FrozenMapping(
                {state: range_of(state, limits) for state, limits in items(bounds or {}, "bounds")}
            ),
            "solution": solution,
            "currents": symbols_of(currents),
            "refractory": None if refractory is None else exact(refractory, "refractory"),
            "units": FrozenMapping({}),
        }
        for field_name, value in fields.items():
            object.__setattr__(self, field_name, value)
        validate(self)
        if plain.is_used:
            object.__setattr__(self, "units", FrozenMapping(resolved(self, plain.dimensions)))

    @classmethod
    def from_equations(
        cls,
        equations: str,
        *,
        name: str = "",
        spike: str | None = None,
        reset: str = "",
        inputs: str | Mapping[str, str] = "",
        parameters: Mapping[str, Any] | Iterable[str] = (),
        initial: Mapping[str, Any] | None = None,
        bounds: Mapping[str, tuple[Any, Any]] | None = None,
        solution: Solution | None = None,
        currents: str | Iterable[str] = (),
        refractory: Any = None,
        units: Mapping[str, str] | None = None,
        **unknown: Never,
    ) -> "NeuronModel":
        """Declare a model in text; the result equals the same model declared with SymPy symbols.

        Expressions are made of numbers, names, `+ - * / ** ^ ( )`, `pi` and the functions exp, log, sqrt, sin, cos,
        tan, atan, sinh, cosh, tanh and abs. Cases are written as in SymPy: `Piecewise((V**2, V > 0), (-V, True))`;
        conditions compare with `< <= > >=` and are joined by `and`, `or`. Decimal numbers are exact: 0.1 is 1/10.
        States and parameters are real, time constants positive: those that divide the whole right-hand side of an
        equation, or a decay of its own state (`-I/tau_s + J`). Comments start with `#`. No code is evaluated.

        Args:
            equations: One `dV/dt = ...` per line, or separated by semicolons. They may not name time. Lines such as
                `Isyn = g*(E - V)` give a part of them a name, in any order.
            name: What the model is called in reports.
            spike: `V = oo` for a spike at infinity, otherwise `V = V_th` (or `V > V_th`): an upward crossing. Without
                it the model is a readout.
            reset: `V = -oo`, or several: `V = V_r, w = w + b`. States not named keep their value.
            inputs: The state that an input spike of weight w increases by w, or what it does instead, with the weight
                called `weight`: `theta = 2*atan(tan(theta/2) + weight)`; a dictionary of either for named routes.
            parameters: Every name that is not a state, with a number, one number per neuron, or None to leave it open.
                A collection of names leaves all of them open.
            initial: Values of the states at time 0, as numbers or text; zero where not named.
            bounds: Ranges that states never leave, such as `{"g": (0, "oo")}`.
            solution: Formulas for flow and time to spike, in SymPy.
            currents: Names of input currents that are given when a network is run: `I_ext`, or `I_ext, J_ext`.
            refractory: The refractory time, a number or text such as `t_ref` or `2 ms`.
            units: Units of states and parameters that are given as plain numbers, by name.
            **unknown: Refused, with the nearest keyword.

        Returns:
            The model.

        Raises:
            ModelError: if the text cannot be read, with line, column and a caret; or if the declaration is wrong.

        Example:
            >>> model = NeuronModel.from_equations(
            ...     '''
            ...     dV/dt = (V*(V - 1) + I)/tau_m
            ...     dI/dt = -I/tau_s
            ...     ''',
            ...     name="QIF", spike="V = oo", reset="V = -oo", inputs="I", parameters={"tau_m": 1.0, "tau_s": 0.5},
            ... )
            >>> model.dynamics[model.variable]
            (I + V*(V - 1))/tau_m
        """
        refuse_unknown(unknown, NeuronModel.from_equations)
        if not name:
            raise ModelError("no name; pass name='QIF', what the model is called in reports")
        given = parse_declaration(
            equations, name=name, spike=spike, reset=reset, inputs=inputs, parameters=parameters, initial=initial,
            bounds=bounds, solution=solution, currents=currents, refractory=refractory, units=units,
        )  # fmt: skip
        return NeuronModel(**given)

    def route(self, name: str) -> InputRoute:
        """Return the input route of this name.

        Raises:
            ModelError: if there is no such route.
        """
        for route in self.routes:
            if route.name == name:
                return route
        known = ", ".join(route.name for route in self.routes)
        raise ModelError(f"{self.name} has no input route {name!r}; its routes are: {known}")

    def range_of(self, state: sp.Symbol) -> sp.Set:
        """The declared range of a state or current, all real numbers by default."""
        low, high = self.bounds.get(state, (-sp.oo, sp.oo))
        return sp.Interval(low, high)

    def with_parameters(self, **values: Any) -> "NeuronModel":
        """Return the same model with other parameter values, named by the parameters' names.

        Raises:
            ModelError: if a name is not a parameter, or a value is not allowed.
        """
        changes = self._by_name(self.parameters, values, "parameter")
        return self._replaced(parameters=dict(self.parameters) | changes)

    def with_initial(self, **values: Any) -> "NeuronModel":
        """Return the same model with other initial values, named by the states' names.

        Raises:
            ModelError: if a name is not a state, or a value is not allowed.
        """
        changes = self._by_name(self.states, values, "state")
        return self._replaced(initial=dict(self.initial) | changes)

    def _by_name(self, symbols: Iterable[sp.Symbol], values: dict[str, Any], kind: str) -> dict[sp.Symbol, Any]:
        known = {symbol.name: symbol for symbol in symbols}
        for name in values:
            if name not in known:
                raise ModelError(f"{self.name} has no {kind} {name!r}; its {kind}s are: {', '.join(known)}")
        return {known[name]: value for name, value in values.items()}

    def _replaced(self, **changes: Any) -> "NeuronModel":
        inputs = {route.name: Jump(route.jump) for route in self.routes}
        declared: dict[str, Any] = {
            "dynamics": self.dynamics, "spike": self.spike, "reset": self.reset, "inputs": inputs,
            "parameters": self.parameters, "initial": self.initial, "bounds": self.bounds,
            "solution": self.solution, "currents": self.currents, "refractory": self.refractory,
            "units": self.units,
        }  # fmt: skip
        return NeuronModel(changes.pop("name", self.name), **(declared | changes))

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_latex_(self) -> str:
        return as_latex(self)
