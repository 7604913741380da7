"""Subexpressions in equation text."""

import pytest
import sympy as sp

from symbolic import ModelError, NeuronModel


def declared(equations, **changes):
    part = {"name": "test", "spike": "V = oo", "reset": "V = -oo", "inputs": "g", "parameters": {"tau": 1, "E": 2}}
    return NeuronModel.from_equations(equations, **(part | changes))


def test_a_subexpression_stands_for_its_expression_in_any_order():
    model = declared(
        """
        Isyn = g*(E - V)            # the synaptic current
        dV/dt = (square + Isyn)/tau
        square = V**2
        dg/dt = -g/tau
        """
    )
    V, g, E = sp.Symbol("V", real=True), sp.Symbol("g", real=True), sp.Symbol("E", real=True)
    tau = sp.Symbol("tau", positive=True)
    assert model.dynamics == {V: (V**2 + g * (E - V)) / tau, g: -g / tau}
    assert model == declared("dV/dt = (V**2 + g*(E - V))/tau; dg/dt = -g/tau")


def test_a_time_constant_inside_a_subexpression_is_positive():
    model = declared("leak = -g/tau; dV/dt = V**2 + g; dg/dt = leak", parameters={"tau": 1})
    assert [symbol.is_positive for symbol in model.parameters] == [True]


def test_a_subexpression_may_use_subexpressions_and_currents():
    model = declared("a = b + I_ext; b = V**2 + g; dV/dt = a; dg/dt = -g", currents="I_ext", parameters={})
    V, g, current = sp.symbols("V g I_ext", real=True)
    assert model.dynamics[V] == V**2 + g + current


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = b; b = c*V\nc = 2*a; dV/dt = a; dg/dt = -g", r"line 2, column 7: 'a' is defined by itself \(a -> b -> c"),
        ("a = a + 1; dV/dt = V**2; dg/dt = -g", r"line 1, column 5: 'a' is defined by itself \(a -> a\)"),
        ("a = 1; a = 2; dV/dt = V**2; dg/dt = -g", "line 1, column 8: 'a' is defined twice"),
        ("E = 1; dV/dt = V**2; dg/dt = -g", "line 1, column 1: 'E' is a parameter and a subexpression, too"),
        ("g = 1; dV/dt = V**2; dg/dt = -g", "line 1, column 1: 'g' is a state and a subexpression, too"),
        ("exp = 1; dV/dt = V**2; dg/dt = -g", "line 1, column 1: the name 'exp' is taken"),
        ("dV = V**2; dV/dt = V**2; dg/dt = -g", "line 1, column 1: expected an equation of the form dV/dt"),
        ("a = x; dV/dt = V**2; dg/dt = -g", "line 1, column 5: 'x' is neither a state nor a parameter"),
        ("a = exp(exp(exp(V))); b = exp(exp(exp(a))); dV/dt = b; dg/dt = -g", "more than 5 functions inside one anot"),
    ],
)
def test_a_wrong_subexpression_is_refused_where_it_stands(text, message):
    with pytest.raises(ModelError, match=message):
        declared(text)


def test_a_subexpression_only_stands_in_equations():
    with pytest.raises(ModelError, match="reset, line 1, column 14: 'a' is a subexpression, which only stands in equa"):
        declared("a = 2*E; dV/dt = V**2 + a; dg/dt = -g", reset="V = -oo, g = a")
