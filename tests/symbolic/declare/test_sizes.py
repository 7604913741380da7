"""Expressions on which SymPy would spend seconds or hours: they are refused, or read quickly."""

import contextlib
import time

import pytest

from symbolic import ModelError, NeuronModel


def read(rate, initial="0"):
    return NeuronModel.from_equations(
        f"dV/dt = {rate}; dI/dt = -I/tau_m",
        name="sizes", spike="V = oo", reset="V = -oo", inputs="I", parameters=["b", "tau_m"], initial={"V": initial},
    )  # fmt: skip


def layered(layer, times, core):
    for _ in range(times):
        core = layer.format(core)
    return core


@pytest.mark.parametrize("value", ["1/(sin({0})**2 + cos({0})**2 - 1)", "sqrt({0} + 1) - sqrt({0})"])
def test_parameters_that_nearly_cancel_are_read_or_refused(value):
    start = time.thread_time()
    with contextlib.suppress(ModelError):
        NeuronModel.from_equations(
            "dV/dt = -V/tau", name="sizes", spike="V = 1", reset="V = 0", inputs="V",
            parameters={"tau": value.format("(2**log(20)*cosh(pi))**pi")},
        )  # fmt: skip
    assert time.thread_time() - start < 1


REFUSED = {
    layered("tanh({})/V", 14, "b"): "more than 5 functions inside one another",
    layered("cosh({} - 1)", 12, "tau_m"): "more than 5 functions inside one another",
    layered("sin({})/3", 14, "2"): "more than 5 functions inside one another",
    layered("Piecewise(({}, V > 0), (0, True))", 7, "V"): "more than 5 functions inside one another",
    "log(cosh(((b/3 - pi)**20 - pi)**20))": "the argument of cosh has more than 50 terms when multiplied out",
    "tanh(1/(1 + (log((exp(b/3) - pi)**20) - pi)**2))": "the argument of log has more than 50 terms",
    "tanh(tanh((sin(V) - pi + b)**20)/V)": "the argument of tanh has more than 50 terms when multiplied out",
    "exp(log(3)*1e30/7)": "an exponent with numbers larger than 20",
    "exp(V*(log(3)*1e30/7 + b))": "an exponent with numbers larger than 20",
    "987654321**(123456789/987654321)": "an exponent with too many digits",
    "exp(log(987654321)*123456789/987654321)": "an exponent with too many digits",
    "tanh(sinh(1/((cos(log((sqrt(1e-9 + 1) - 1/3 - tau_m)**20) - 7)/V)))": "a polynomial in tau_m alone of degree",
    "log((2 - 1e-9*exp(1/3))*(pi + tau_m*2)**20)": "a polynomial in tau_m alone of degree above 10",
    "((tau_m + tau_m**2)**(-4) - tau_m)**2 + tau_m": "a polynomial in tau_m alone of degree above 10",
}


@pytest.mark.parametrize(("rate", "message"), REFUSED.items())
def test_what_would_take_long_is_refused(rate, message):
    start = time.thread_time()
    with pytest.raises(ModelError, match=message):
        read(rate)
    assert time.thread_time() - start < 1


@pytest.mark.parametrize(
    "rate",
    [
        "sqrt(abs(tanh(log(1 + exp(V/tau_m)))))", "tau_m**20*V", "V**1.234567", "2**(0.123456*V)", "exp(log(V)/1000)",
        "(V - pi)**20", "(tau_m - b)**20", "(1 + tau_m)**3/(1 + 2*tau_m)**2", "3**((V - 6.3)/10)",
        "(V/tau_m - sqrt(2))**12", "+".join(f"{number}*V**{number % 20}/tau_m" for number in range(1, 40)),
        "0.07*exp(-(V + 65)/20)*(1 - b) - b/(exp(-(V + 35)/10) + 1)",
        "0.1*(25 - V)/(exp(2.5 - V/10) - 1)*(1 - b)**4*I**3",
    ],
)  # fmt: skip
def test_ordinary_expressions_are_read(rate):
    start = time.thread_time()
    read(rate)
    assert time.thread_time() - start < 1
