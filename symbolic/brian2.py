"""A declared model as equation text for Brian2's `NeuronGroup` and `Synapses`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import sympy as sp
from sympy.printing.str import StrPrinter

from .declare import InputRoute, NeuronModel
from .errors import ModelError

#: The name of the unit of time in the equations; everything else is a plain number.
TIME_UNIT = "time_unit"
#: Names that mean something else to Brian2.
_TAKEN = frozenset(
    {"t", "dt", "i", "j", "N", "xi", "lastspike", "not_refractory", "rand", "randn", "pi", "inf", TIME_UNIT}
)
_FUNCTIONS = {
    "exp": "exp", "log": "log", "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "Abs": "abs", "sign": "sign",
    "floor": "floor", "ceiling": "ceil",
}  # fmt: skip
_KNOWN = ("name", "dynamics", "spike", "reset", "routes", "parameters", "initial", "bounds", "solution", "units")


@dataclass(frozen=True)
class Brian2Model:
    """What Brian2 needs of a model.

    Attributes:
        model: The equations, `NeuronGroup(model=...)`. States are plain numbers, and time is in units of `time_unit`.
        threshold: The condition of a spike, `NeuronGroup(threshold=...)`.
        reset: What happens then, `NeuronGroup(reset=...)`.
        on_pre: For every input route what a spike does: `Synapses(..., "weight : 1", on_pre=...)`.
        initial: Initial values of the states, for `group.set_states(...)`.
        namespace: Values of parameters. Add the unit of time: `namespace | {"time_unit": 1 * ms}`.
        per_neuron: Values of parameters with one for each neuron, for `group.set_states(...)`.
        notes: What Brian2 does differently.

    Example:
        >>> from symbolic import models
        >>> group = to_brian2(models.lif())
        >>> print(group.model)
        dV/dt = ((I - V)/tau_m)/time_unit : 1
        dI/dt = (-I/tau_s)/time_unit : 1
        >>> group.threshold, group.reset, group.on_pre
        ('V > V_th', 'V = V_r', {'I': 'I_post += weight'})
    """

    model: str
    threshold: str
    reset: str
    on_pre: dict[str, str]
    initial: dict[str, float]
    namespace: dict[str, float]
    per_neuron: dict[str, list[float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def to_brian2(model: NeuronModel, *, cutoff: float | None = None) -> Brian2Model:
    """Write a declared model as equation text for Brian2.

    Args:
        model: The model; all its parameters must have values.
        cutoff: For a spike at infinity the finite potential at which Brian2 takes it to happen, and, negative, to which
            a reset to minus infinity leads. The time that the neuron would take from there to infinity and back is
            lost: for a quadratic neuron about `2 * tau_m / cutoff` per spike, for an exponential one
            `tau_m * exp(-(cutoff - V_T) / Delta)`. Steps must be much shorter than the time spent just below it: from
            V_T + 8 Delta on an exponential neuron rises so fast that ordinary steps overflow.

    Returns:
        The texts and values. Brian2 steps in time: spikes fall on its grid, and results differ from those of this
        package by its errors.

    Raises:
        ModelError: if the model spikes at infinity and no cut-off is given, a parameter is open, or a part of it has no
            counterpart in Brian2.

    Example:
        >>> from symbolic import models
        >>> group = to_brian2(models.qif(), cutoff=100.0)
        >>> group.threshold, group.reset
        ('not (V <= 100.0)', 'V = -100.0')
    """
    _require_expressible(model, cutoff)
    texts = _Texts(model, cutoff)
    at_spike = model.spike.threshold if cutoff is None else sp.Float(cutoff)
    reset = {state: -at_spike if value == -sp.oo else value for state, value in model.reset.items()}
    order = [state for state in model.reset if state != model.variable] + [model.variable]
    values = texts.values
    return Brian2Model(
        model="\n".join([*texts.equations, *(f"{name} : 1 (constant)" for name in texts.per_neuron)]),
        # a step that overflows on its way to infinity yields NaN, for which V > cutoff would never hold
        threshold=f"{model.variable} > {texts.of(at_spike)}"
        if cutoff is None
        else f"not ({model.variable} <= {cutoff})",
        reset="\n".join(_assigned({state: reset[state] for state in order}, texts, "")),
        on_pre={route.name: _at_input(route, texts) for route in model.routes},
        initial={state.name: texts.number(value, f"initial {state}") for state, value in model.initial.items()},
        namespace=values,
        per_neuron=texts.per_neuron,
        notes=texts.notes,
    )


class _Texts:
    """The texts of a model's expressions."""

    def __init__(self, model: NeuronModel, cutoff: float | None) -> None:
        self.model, self.printer = model, _Printer()
        self.values = {symbol.name: float(value) for symbol, value in model.scalar_values.items()}
        self.per_neuron = {
            symbol.name: [_number(part) for part in value.args]
            for symbol, value in model.values.items()
            if isinstance(value, sp.Tuple)
        }
        self.equations = [f"d{state}/dt = ({self.of(rate)})/{TIME_UNIT} : 1" for state, rate in model.dynamics.items()]
        self.notes = ("spikes fall on the grid of Brian2's steps",)
        if cutoff is not None:
            lost = "reset to its negative" if model.reset_value == -sp.oo else "reset from there"
            self.notes += (f"a spike happens at {model.variable} = {cutoff}, not at infinity, and is {lost}",)

    def of(self, expression: Any) -> str:
        """Write an expression."""
        return self.printer.doprint(expression)

    def number(self, expression: Any, where: str) -> float:
        """Evaluate an expression in parameters that have one value."""
        found = expression.subs(self.model.scalar_values)
        if found.free_symbols:
            raise ModelError(f"{where}: {expression} differs from neuron to neuron; set it in Brian2 yourself")
        return float(found)


def _number(value: Any) -> float:
    return float(value)


class _Printer(StrPrinter):
    """Writes expressions in the notation of Brian2, with fractions as decimal numbers."""

    def _print_Rational(self, expr: Any) -> str:
        return f"{expr.p}" if expr.q == 1 else repr(float(expr))

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        if expr.exp == sp.Rational(1, 2):
            return f"sqrt({self._print(expr.base)})"
        return super()._print_Pow(expr, rational=True)

    def _print_Function(self, expr: Any) -> str:
        name = _FUNCTIONS.get(expr.func.__name__)
        if name is None:
            raise ModelError(f"{expr} has no counterpart in Brian2, whose functions are {', '.join(_FUNCTIONS)}")
        return f"{name}({', '.join(self._print(part) for part in expr.args)})"

    _print_exp = _print_log = _print_Abs = _print_sign = _print_floor = _print_ceiling = _print_Function

    def _print_Exp1(self, expr: Any) -> Any:
        return "exp(1)"

    def emptyPrinter(self, expr: Any) -> str:
        raise ModelError(f"{expr} has no counterpart in Brian2")

    def _print_Piecewise(self, expr: Any) -> str:
        raise ModelError(f"{expr}: Brian2 has no case distinctions, and would evaluate all cases everywhere")


def _at_input(route: InputRoute, texts: _Texts) -> str:
    """Write what an input does; as a sum where it is one, so that Brian2 may take many at once."""
    if route.additive_target is not None:
        return f"{route.additive_target}_post += weight"
    return "\n".join(_assigned(route.jump, texts, "_post"))


def _assigned(changes: Mapping[Any, Any], texts: _Texts, suffix: str) -> list[str]:
    """Write assignments that all read the old values: through new names where one would read what is assigned."""
    renamed = {state: sp.Symbol(f"{state}{suffix}") for state in texts.model.states}
    if suffix:  # parameters and states of the neuron that a synapse reaches
        renamed |= {
            symbol: sp.Symbol(f"{symbol}{suffix}")
            for symbol in texts.model.parameters
            if symbol.name in texts.per_neuron
        }
    new = {state: texts.of(value.xreplace(renamed)) for state, value in changes.items()}
    if len(changes) == 1 or not any(
        value.free_symbols & (changes.keys() - {state}) for state, value in changes.items()
    ):
        return [f"{state}{suffix} = {text}" for state, text in new.items()]
    return [f"new_{state} = {text}" for state, text in new.items()] + [
        f"{state}{suffix} = new_{state}" for state in new
    ]


def _require_expressible(model: NeuronModel, cutoff: float | None) -> None:
    if model.spike is None:
        raise ModelError(f"{model.name} has no spike rule; write its equations for Brian2 yourself")
    for part in fields(model):
        value = getattr(model, part.name)
        if part.name not in _KNOWN and value not in (None, (), {}):
            raise ModelError(f"{model.name}: {part.name} has no text for Brian2 yet; declare the model without it")
    open_ones = [symbol.name for symbol in model.parameters if symbol not in model.values]
    if open_ones:
        raise ModelError(f"{model.name}: {', '.join(open_ones)} has no value; give it one by model.with_parameters()")
    for symbol in (*model.states, *model.parameters):
        if symbol.name in _TAKEN or not symbol.name.isidentifier() or symbol.name.startswith("_"):
            raise ModelError(
                f"{model.name}: the name {symbol.name!r} means something else to Brian2; rename the symbol"
            )
    if model.spike.is_at_infinity and cutoff is None:
        raise ModelError(
            f"{model.name} spikes at infinity, which Brian2 cannot reach; pass cutoff=..., a potential so high that "
            "the time from there to infinity does not matter"
        )
    if not model.spike.is_at_infinity and cutoff is not None:
        raise ModelError(f"{model.name} has a finite threshold, {model.spike.threshold}; leave cutoff out")
    if cutoff is not None and not 0 < cutoff < float("inf"):
        raise ModelError(f"cutoff is {cutoff}, but must be a positive number")
