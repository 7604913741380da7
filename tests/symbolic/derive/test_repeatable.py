"""A derivation is a function of the declaration: not of the clock, of caches, of threads, of an interrupt before."""

import dataclasses
import gc
import random
import re
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sympy as sp
from sympy.core.cache import clear_cache

from symbolic import DerivationError, ModelError, NeuronModel, at_infinity, crosses, derive, jump, models, weight
from symbolic.structure import StructureClass, recognise

sys.path.append(str(Path(__file__).parents[3]))

from benchmarks.random_declarations import draw

DERIVE = sys.modules["symbolic.derive"]
V, I, w, theta = sp.symbols("V I w theta", real=True)


def afresh(model, method=None):
    DERIVE._derived.cache_clear()
    return derive(model, method)


def assert_same(left, right):
    for part in dataclasses.fields(left):
        assert getattr(left, part.name) == getattr(right, part.name), part.name
    assert str(left) == str(right)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "rapid_theta" else ()) for name in models.names()]
)
def test_a_clock_that_runs_fifty_times_faster_changes_nothing(name, monkeypatch):
    model = getattr(models, name)()
    before = afresh(model)
    for clock in ("monotonic", "perf_counter", "time"):
        real, start = getattr(time, clock), getattr(time, clock)()
        monkeypatch.setattr(time, clock, lambda real=real, start=start: start + 50 * (real() - start))
    DERIVE.singularities.cache_clear()
    after = afresh(model)
    monkeypatch.undo()
    assert_same(before, after)


@pytest.mark.parametrize(
    "name", ["quartic", pytest.param("rapid_theta", marks=pytest.mark.slow), "eif", "theta_current"]
)
def test_an_empty_cache_changes_nothing(name):
    model = getattr(models, name)()
    before = afresh(model)
    clear_cache()
    DERIVE.singularities.cache_clear()
    assert_same(before, afresh(model))


def test_equal_models_are_derived_once_in_whatever_thread():
    DERIVE._derived.cache_clear()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: derive(models.qif()), range(8)))
    assert all(each is found[0] for each in found)
    assert DERIVE._derived.cache_info().misses == 1
    assert derive(models.qif(), trainable=("tau_m", "tau_s")) is derive(models.qif(), trainable=("tau_s", "tau_m"))


def test_equal_models_may_differ_in_the_order_of_their_states():
    rule = {"spike": at_infinity(V), "reset": {V: -sp.oo}, "inputs": I}
    one = NeuronModel("m", dynamics={V: V**4 - w + I, I: -I, w: V - w}, **rule)
    other = NeuronModel("m", dynamics={V: V**4 - w + I, w: V - w, I: -I}, **rule)
    assert one == other
    assert derive(one).model.states == (V, I, w)
    assert derive(other).model.states == (V, w, I)


def test_threads_do_not_disturb_each_other():
    expected = [str(afresh(model)) for model in (models.quartic(), models.theta_neuron())]
    DERIVE._derived.cache_clear()
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda model: str(derive(model)), (models.quartic(), models.theta_neuron()))) == expected


class Interrupt(BaseException):
    pass


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals need the main thread")
def test_an_interrupt_at_any_instant_ends_the_work_and_leaves_nothing_behind():
    def interrupt(number, frame):
        raise Interrupt

    source, ended = random.Random(3), 0
    before = signal.signal(signal.SIGALRM, interrupt)
    gc.disable()  # what is raised in a callback of the garbage collector is lost
    try:
        for turn in range(40):
            model = (models.quartic(I_0=turn + 1), models.theta_neuron(I_0=turn + 2), models.lif(tau_s=turn + 3))[
                turn % 3
            ]
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.1 * source.random())
                afresh(model)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except Interrupt:
                ended += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()
    assert ended > 5
    assert afresh(models.quartic()).time_to_spike == derive(models.quartic(), method="phase").time_to_spike


# --- nothing hangs ---------------------------------------------------------------------------------------------------


def scalar(field, reset=-sp.oo, **others):
    dynamics = {V: field} | ({I: -I} if I in field.free_symbols else {})
    return NeuronModel("m", dynamics=dynamics | others, spike=at_infinity(V), reset={V: reset}, inputs=V)


@pytest.mark.parametrize(
    "field",
    [
        0.5891318 * V + sp.exp(V) + 0.4681269,
        V**2 * sp.log(V**2 + 3) / (2 + sp.sin(V) * sp.tanh(V + 10)) + I * sp.exp(-V),
        sp.exp(0.5891318 * V) + sp.exp(1.4681269 * V),
        (V**2 + sp.Rational(2561528400327, 500000000000)) ** sp.Rational(3583, 1000) + 1,
        (V + I + 1) ** 60 + (V - I + 2) ** 45,
        12 ** (0.123456789012345 * V) + V**2,
        sp.exp(sp.exp(sp.exp(V))) + sp.exp(sp.exp(V)),
        sp.Abs(V) * sp.Max(V, 1.2345678) + sp.Abs(V - 0.1234567) ** 3,
        sp.sin(1000 * V) * V**2 + V**4,
        1.23456789012345 * V**5 - 4.003725839,
    ],
)
@pytest.mark.parametrize("reset", [-sp.oo, -2.7415869871234])
def test_fields_on_which_open_ended_algebra_would_not_end(field, reset):
    model = scalar(field, reset)
    assert derive(model).method in ("numeric", "phase")
    assert derive(model, method="numeric").method == "numeric"


def test_angles_that_are_no_small_fraction_of_a_turn():
    for angle in (20 * theta, 1234 * theta, 0.12345678 * theta, theta**2):
        model = NeuronModel(
            "m", dynamics={theta: 2 - sp.cos(angle)}, spike=crosses(theta, sp.pi), reset={theta: -sp.pi},
            inputs=jump({theta: 2 * sp.atan(sp.tan(theta / 2) + weight)}),
        )  # fmt: skip
        assert derive(model).form.is_circle == (angle == 20 * theta)


@pytest.mark.parametrize("seed", range(20))
def test_random_declarations(seed):
    """Two thousand by hand: `python benchmarks/random_declarations.py --count 2000 --stages derive`."""
    model = draw(seed)
    if model.spike.is_at_infinity and recognise(model).kind is StructureClass.LINEAR:
        with pytest.raises(DerivationError, match="a linear field never reaches infinity"):
            derive(model)
        return
    derived = derive(model)
    assert derived.method in DERIVE.METHODS
    assert derived.model.name in str(derived)


def test_declarations_of_a_size_with_which_nothing_could_be_done():
    doubled = V
    for _ in range(40):
        doubled = sp.Mul(doubled + 1, doubled + 2, evaluate=False)
    for field, message in (
        (doubled, "dynamics of V: more than 5000 operations"),
        (V ** (10**7), "a number above 1000 in the exponent"),
        (V + sp.Integer(10) ** 400, "a number of more than 300 digits"),
    ):
        with pytest.raises(ModelError, match=message):
            NeuronModel("m", dynamics={V: field}, spike=at_infinity(V), reset={V: -sp.oo}, inputs=V)


# --- what is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        models.qif_conductance(), models.qif_adaptive(), models.qif_finite_reset(), models.qif_alpha(),
        models.qif(tau_s=0.7), models.theta_current(I_0=0.5), scalar(V**2 + I), scalar(V**2 + 1 + I),
        NeuronModel("m", dynamics={V: V**2 - V + I + w, I: sp.S.Zero, w: -w}, spike=at_infinity(V), reset={V: -sp.oo},
                    inputs=w),
    ],
)  # fmt: skip
def test_a_solver_that_was_found_is_not_advised_against(model):
    derived = derive(model)
    assert derived.method == "projective"
    assert derived.attempts
    for attempt in derived.attempts:
        assert not re.search("zoo|nan|yet|no exact solver|[Ll]et input|[Dd]eclare ", attempt.reason), attempt.reason
