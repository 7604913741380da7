"""A user's own solution: used where it is right, refused where it is not."""

import pytest
import sympy as sp

from symbolic import DerivationError, ModelError, NeuronModel, Solution, at_infinity, crosses, derive, time

V, I = sp.symbols("V I", real=True)
tau, drive = sp.Symbol("tau", positive=True), sp.Symbol("I_0", real=True)
LEAKY = {V: (drive - V) / tau}
FLOW = {V: drive + (V - drive) * sp.exp(-time / tau)}
WAIT = sp.Piecewise((tau * sp.log((drive - V) / (drive - 1)), drive > 1), (sp.oo, True))
# u = exp(-V): u' = -1 - u, so the spike is where u vanishes
STEEP = {V: sp.exp(V) + 1}
STEEP_FLOW = {V: -sp.log((sp.exp(-V) + 1) * sp.exp(-time) - 1)}
STEEP_WAIT = sp.log(1 + sp.exp(-V))


def leaky(flow=None, wait=WAIT):
    return NeuronModel(
        "leaky", dynamics=LEAKY, spike=crosses(V, 1), reset={V: 0}, inputs=V, parameters={tau: 1.5, drive: 2},
        solution=Solution(FLOW if flow is None else flow, wait),
    )  # fmt: skip


def steep(flow=None, wait=STEEP_WAIT):
    return NeuronModel(
        "steep", dynamics=STEEP, spike=at_infinity(V), reset={V: -1}, inputs=V,
        solution=Solution(STEEP_FLOW if flow is None else flow, wait),
    )  # fmt: skip


@pytest.mark.parametrize("model", [leaky(), steep()])
def test_a_right_solution_is_used(model):
    derived = derive(model)
    assert derived.closed_form
    assert derived.flow == model.solution.flow
    assert derived.time_to_spike == model.solution.time_to_spike
    assert "carries its own solution" in derived.reason
    assert derive(model, method="numeric").flow is None


@pytest.mark.parametrize(
    ("flow", "wait", "message"),
    [
        ({V: FLOW[V] + time**2}, WAIT, "flow does not solve the declared equations"),
        ({V: FLOW[V] + 1}, WAIT, "flow does not solve the declared equations"),
        (None, WAIT + 1, "time to spike is not a spike of the declared equations"),
        (None, sp.oo, "no spike found at which to check"),
        (None, sp.Piecewise((WAIT, V > 0), (sp.oo, True)), "there is a spike before the time to spike oo"),
    ],
)
def test_wrong_solutions_are_refused(flow, wait, message):
    with pytest.raises(DerivationError, match=message):
        derive(leaky(flow, wait))


def test_a_wrong_solution_at_infinity_is_refused():
    with pytest.raises(DerivationError, match="time to spike is not a spike"):
        derive(steep(wait=2 * STEEP_WAIT))


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ({}, "solution: no flow of V"),
        ({V: V + I}, "flow of V contains I, which is not a state or parameter"),
        ({V: V + sp.Symbol("t")}, "flow of V contains t, which is not a state or parameter of leaky .*symbolic.time"),
    ],
)
def test_solutions_that_speak_of_something_else(flow, message):
    with pytest.raises(ModelError, match=message):
        leaky(flow)


def test_it_is_part_of_the_model():
    assert leaky() == leaky() != leaky(wait=sp.oo)
    assert leaky().with_parameters(tau=2.0).solution == leaky().solution
