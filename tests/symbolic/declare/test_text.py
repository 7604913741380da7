"""Models read from text: what they equal, where errors point, and that nothing else ever escapes."""

import random
import re
import time

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from symbolic import ModelError, NeuronModel, at_infinity, crosses, jump, models, weight
from symbolic.declare.names import declared_symbol

V, I, w, theta = sp.symbols("V I w theta", real=True)
tau_m, tau_s = sp.symbols("tau_m tau_s", positive=True)
V_th, b = sp.symbols("V_th b", real=True)

QIF = {
    "equations": """
    dV/dt = (V*(V - 1) + I)/tau_m   # the membrane potential

    dI/dt = -I/tau_s
    """,
    "name": "QIF", "spike": "V = oo", "reset": "V = -oo", "inputs": "I", "parameters": {"tau_m": 1.0, "tau_s": 0.5},
}  # fmt: skip


def read(**changes):
    return NeuronModel.from_equations(**(QIF | changes))


def read_rate(rate):
    """The right-hand side of V as SymPy reads it."""
    return read(equations=f"dV/dt = {rate}; dI/dt = -I/tau_m", parameters={"tau_m": 1, "V_th": 1, "b": None}).field


def test_text_equals_symbols():
    declared = NeuronModel(
        "QIF",
        dynamics={V: (V * (V - 1) + I) / tau_m, I: -I / tau_s},
        spike=at_infinity(V),
        reset={V: -sp.oo},
        inputs=I,
        parameters={tau_m: 1.0, tau_s: 0.5},
    )
    model = NeuronModel.from_equations(**QIF)
    assert model == declared == models.qif()
    assert hash(model) == hash(declared)
    assert model.states == declared.states


def test_time_constants_are_told_by_what_they_do():
    """Their names do not matter: what divides the whole of an equation, or a decay of its own state, is positive."""
    model = read(
        equations="""
        dV/dt = (taurine*V**2 + tau_0 + I/tau_v - 2/tau_w)/C
        dI/dt = -3*(I - E)/k + J/b
        dJ/dt = -J/tau_m - V/c
        """,
        parameters=dict.fromkeys(["taurine", "tau_0", "tau_v", "tau_w", "C", "k", "E", "b", "tau_m", "c"], 1),
    )
    assert [symbol.name for symbol in model.parameters if symbol.is_positive] == ["C", "k", "tau_m"]
    negative = read(equations="dV/dt = V**2 + taurine*I; dI/dt = -I", parameters={"taurine": -2})
    assert dict(negative.values) == {sp.Symbol("taurine", real=True): -2}
    with pytest.raises(ModelError, match="time constant C = -1 is not positive"):
        read(equations="dV/dt = (V**2 + I)/C; dI/dt = -I", parameters={"C": -1})


def test_keywords_that_a_declaration_does_not_have_are_refused():
    with pytest.raises(
        ModelError, match="unknown keyword 'stp_model'; A declaration has equations, name, spike, reset"
    ):
        NeuronModel.from_equations(**QIF, stp_model=2)
    with pytest.raises(ModelError, match=r"'input'; did you mean 'inputs'\?"):
        NeuronModel("QIF", dynamics={V: V**2}, spike=at_infinity(V), reset={V: 0}, input=V)
    with pytest.raises(ModelError, match="no name; pass name='QIF'"):
        NeuronModel.from_equations("dV/dt = V**2", spike="V = oo", reset="V = -oo", inputs="V")


def test_theta_neuron_equals_the_library():
    model = read(
        equations="dtheta/dt = ((1 - cos(theta)) + (1 + cos(theta))*I_0)/tau_m",
        name="theta neuron",
        spike="theta >= pi",
        reset="theta -> -pi",
        inputs="theta = 2*atan(tan(theta/2) + weight)",
        parameters={"tau_m": 1, "I_0": 1},
    )
    assert model == models.theta_neuron()


def test_every_part_can_be_text():
    model = read(
        equations="dV/dt = exp(V) - w; dw/dt = -w/tau_m",
        spike="V > V_th",
        reset="V = V_th - 1, w = w + b",
        inputs={"exc": "V", "inh": "w = w + 2*weight, V = V - weight"},
        parameters={"tau_m": [1, 2], "V_th": "3/2", "b": None},
        initial={"V": "V_th - 1/2", "w": 0.1},
        bounds={"w": (0, "oo"), "V": ("-oo", "V_th")},
    )
    assert model == NeuronModel(
        "QIF",
        dynamics={V: sp.exp(V) - w, w: -w / tau_m},
        spike=crosses(V, V_th),
        reset={V: V_th - 1, w: w + b},
        inputs={"exc": V, "inh": jump({w: w + 2 * weight, V: V - weight})},
        parameters={tau_m: [1, 2], V_th: 1.5, b: None},
        initial={V: V_th - 0.5, w: 0.1},
        bounds={w: (0, sp.oo), V: (-sp.oo, V_th)},
    )


def test_a_collection_of_names_leaves_parameters_open():
    assert read(parameters=["tau_m", "tau_s"]).parameters == {tau_m: None, tau_s: None}


def test_one_place_makes_symbols():
    assert declared_symbol("tau_m", is_positive=True) == tau_m
    assert declared_symbol("tau_m") == sp.Symbol("tau_m", real=True)
    assert declared_symbol("V_th") == V_th


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("V^2 - 2*V**3", V**2 - 2 * V**3), ("-V**2", -(V**2)), ("2**-V", 2**-V), ("2^3^2", 512), ("-+-V", V),
        ("V - I - b", V - I - b), ("V/I/b + 1", V / I / b + 1), ("V/I*b", V / I * b), ("((V))", V),
        ("1e-3*V", V / 1000),
        ("0.1 + 0.2", sp.Rational(3, 10)), (".5 + 1. + 2E+1", sp.Rational(43, 2)), ("pi/tau_m", sp.pi / tau_m),
        ("sqrt(4) + log(1) + exp(0)", 3), ("sqrt(tau_m)**2", tau_m), ("V*\t(V_th - V)", V * (V_th - V)),
        ("sin(V)*cos(V) + tan(V)/atan(V)", sp.sin(V) * sp.cos(V) + sp.tan(V) / sp.atan(V)),
        ("sinh(V) + cosh(V) + tanh(V)", sp.sinh(V) + sp.cosh(V) + sp.tanh(V)), ("abs(V) + Abs(I)", abs(V) + abs(I)),
        ("tanh((V - V_th)/b)", sp.tanh((V - V_th) / b)), ("tanh(sqrt(abs(V)))", sp.tanh(sp.sqrt(abs(V)))),
    ],
)  # fmt: skip
def test_expressions(text, expected):
    assert read_rate(text) == expected


def test_time_can_be_a_state():
    assert read(equations="dV/dt = V*t; dt/dt = 1", inputs="V").states[1].name == "t"


@pytest.mark.parametrize("name", models.names())
def test_the_library_survives_a_round_trip(name):
    model = getattr(models, name)()
    changes = [", ".join(f"{state} = {value}" for state, value in route.jump.items()) for route in model.routes]
    text = NeuronModel.from_equations(
        "\n".join(f"d{state}/dt = {rate}" for state, rate in model.dynamics.items()),
        name=model.name,
        spike=str(model.spike),
        reset=", ".join(f"{state} = {value}" for state, value in model.reset.items()),
        inputs={route.name: change for route, change in zip(model.routes, changes, strict=True)},
        parameters={str(symbol): value for symbol, value in model.parameters.items()},
        initial={str(state): value for state, value in model.initial.items()},
        bounds={str(state): limits for state, limits in model.bounds.items()},
    )
    assert text == model


def test_an_error_shows_its_place():
    with pytest.raises(ModelError, match="did you mean") as caught:
        read(equations="\n    dV/dt = V^2 + tau_q  # note\n    dI/dt = -I/tau_s")
    assert str(caught.value) == (
        "equations, line 2, column 19: 'tau_q' is neither a state nor a parameter; did you mean 'tau_s'?\n"
        "    dV/dt = V^2 + tau_q  # note\n"
        "                  ^"
    )


BAD_RATES = {
    "V + tau_n": (15, "did you mean 'tau_m'"), "v": (11, "did you mean 'V'"), "xyz": (11, "add 'xyz' to parameters"),
    "t*V": (11, "may not name time; make t a state"), "e**V": (11, r"write exp\(1\)"), "V*oo": (13, "may only stand"),
    "V + weight": (15, "may only be named in inputs"), "V*(V - 1": (13, r"this '\(' is never closed; add '\)'"),
    "V)": (12, r"unexpected '\)'; it closes no '\('"), "2 V": (13, r"unexpected 'V'; write 2\*V for a product"),
    "V(V - 1)": (12, r"'V' is not a function; write V\*\(...\)"), "pi(V)": (13, "'pi' is not a function"),
    "exp V": (11, r"'exp' is a function; write exp\(...\)"), "expo(V)": (11, "unknown function .* did you mean 'exp'"),
    "ln(V)": (11, "did you mean 'log'"), "max(V, 0)": (11, "unknown function 'max'; distinguish cases as in Piecewise"),
    "exp(V, 0)": (16, "every function takes one argument"), "V, I": (12, "unexpected ','; remove it"),
    "1.2.3": (14, "put an operator between the numbers"), "V : volt": (13, "equations have no units; a unit belongs"),
    "V = 1": (13, "unexpected '='"), "V > 1": (13, "a comparison only stands"), "": (10, "expected a number, a name"),
    "V +": (14, "found the end"), "V*/I": (13, "found '/'"), "()": (12, r"found '\)'"), "V'": (12, "write .* dV/dt"),
    "V[1]": (12, r"use \( and \)"), "τ": (11, "unexpected character 'τ'; names are made of the letters"),
    "1/0": (12, "division by zero"), "V/(I - I)": (12, "division by zero"), "0**V": (12, "0 to a power"),
    "tan(pi/2)": (11, "no finite value"), "log(0)": (11, "no finite value"), "sqrt(-1)": (11, "not a real number"),
    "sqrt(-V**2)": (11, "not a real number"), "(-8)**(1/3)": (15, "a negative number to a power"),
    "9**9**9": (12, "numbers larger than 20"), "V**(1e9 + I)": (12, "numbers larger than 20"),
    "(V**20)**20": (18, "numbers larger than 20"), "1e60": (11, "not a real number of ordinary"),
    "1e999999999": (11, "more than 300 digits"), "(1e30*V)**20": (19, "300 digits"), "1" * 301: (11, "300 digits"),
    "abs(sqrt(V))": (11, "may not be real"), "cosh(1 + log(V))": (11, "argument of cosh may not be real"),
    "exp(exp(exp(9)))": (15, "of ordinary size"), "1/exp(120)": (13, "of ordinary size"),
    "(" * 31 + "V" + ")" * 31: (41, "nested more than 30 deep"), "-" * 300 + "V": (41, "nested more than 30 deep"),
    "V**" * 40 + "V": (101, "nested more than 30 deep"), "+".join(["V"] * 250): (407, "more than 400 numbers"),
    "n" * 51: (11, "the name is longer than 50 characters"), "V " * 3000: (1, "longer than 5000 characters"),
}  # fmt: skip


@pytest.mark.parametrize(("rate", "column", "message"), [(rate, *rest) for rate, rest in BAD_RATES.items()])
def test_a_bad_expression_is_refused_at_its_place(rate, column, message):
    line = 1 if len(rate) > 5000 else 2
    with pytest.raises(ModelError, match=message) as caught:
        read(equations=f"dI/dt = -I\r\n  dV/dt = {rate}", parameters={"tau_m": 1})
    first, shown, caret = str(caught.value).split("\n")
    assert first.startswith(f"equations, line {line}, column {column}: ")
    if line == 2:
        # the caret stands below the character of that column
        text = f"  dV/dt = {rate}"
        assert (text + " ")[column - 1] == (shown + " ")[caret.index("^")]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"equations": "V = 3"}, "equations, line 1, column 1: expected an equation of the form dV/dt"),
        ({"equations": "dV/dx = 3"}, "expected an equation of the form dV/dt"),
        ({"equations": "3"}, "line 1, column 1: expected an equation dV/dt = ..., found '3'"),
        ({"equations": "d/dt = 3"}, "name a state after the first d"),
        ({"equations": "d1/dt = 3"}, "'1' cannot name a state"),
        ({"equations": "dpi/dt = 3"}, "'pi' cannot name a state; the names Abs, False, .* are taken"),
        ({"equations": "dV/dt = 1; dV/dt = 2"}, "line 1, column 12: 'V' has two equations; remove one"),
        ({"equations": "dV/dt"}, "line 1, column 6: expected '=', found the end"),
        ({"equations": "dV/dt += 1"}, r"column 7: expected '=', found '\+='; write dV/dt = ... in full"),
        ({"equations": None}, "equations: expected text such as 'dV/dt = ...', got None"),
        ({"equations": ""}, "spike, line 1, column 1: 'V' has no equation; add dV/dt = ..."),
        ({"spike": "V"}, "spike, line 1, column 2: expected '=' or '>', found the end; write V = oo"),
        ({"spike": "V < 1"}, "spike, line 1, column 3: expected '=' or '>', found '<'"),
        ({"spike": "V = -oo"}, "column 5: a neuron cannot spike at -oo"),
        ({"spike": "V = 2*oo"}, "column 7: 'oo' may only stand alone"),
        ({"spike": "oo = V"}, "column 1: 'oo' is not a state; name one of V, I"),
        ({"spike": "VV = oo"}, "column 1: 'VV' has no equation; did you mean 'V'"),
        ({"spike": "tau_m = oo"}, "'tau_m' is a parameter, not a state; name one of V, I"),
        ({"spike": "V = I + V"}, "the spike threshold I . V depends on V itself; solve V for it"),
        ({"spike": "V = 1\nI = 1"}, "spike, line 2, column 1: expected one statement, found 2"),
        ({"spike": ""}, "spike, line 1, column 1: expected one statement, found 0; write V = oo or V = V_th"),
        ({"spike": None}, r"QIF: no spike rule; pass spike=at_infinity\(V\)"),
        ({"spike": "V = 1"}, "reset of V to -oo: only a variable that spikes at infinity"),
        ({"reset": "V = -oo,"}, "reset, line 1, column 8: nothing to separate here; remove the comma"),
        ({"reset": ", V = -oo"}, "reset, line 1, column 1: nothing to separate here"),
        ({"reset": "V = -oo, V = 0"}, "column 10: 'V' is given two values; remove one"),
        ({"reset": "V = -oo, w = 0"}, "column 10: 'w' has no equation; add dw/dt = ..."),
        ({"reset": "V = -oo, 3"}, "column 10: expected a state, found '3'"),
        ({"reset": "V = oo"}, "reset of V to oo"),
        ({"reset": ""}, "no reset of the spiking variable"),
        ({"reset": None}, "reset: expected text such as 'V = -oo', got None"),
        ({"inputs": "J"}, "inputs, line 1, column 1: 'J' has no equation; add dJ/dt = ..."),
        (
            {"inputs": "I += weight"},
            r"column 3: expected '=', found '\+='; write 'I' alone, .* or I = I \+ ... in full",
        ),
        ({"spike": "V = inf"}, "column 5: for infinity write oo, not 'inf'"),
        ({"inputs": "I = I + wait"}, "column 9: .* did you mean 'weight'"),
        ({"inputs": "I = oo"}, "inputs, line 1, column 5: 'oo' may only stand"),
        ({"inputs": "I, V"}, "inputs, line 1, column 2: expected '=', found the end"),
        ({"inputs": ""}, "inputs, line 1, column 1: no input; write the state"),
        ({"inputs": None}, "inputs: expected text such as 'I', got None"),
        ({"inputs": {"exc": 3}}, "input exc: expected text such as 'I', got 3"),
        ({"inputs": {}}, "no inputs"),
        ({"parameters": {"pi": 3}}, "parameters: the name 'pi' is taken; rename it, for example to 'pi_0'"),
        ({"parameters": {"a b": 3}}, "parameters: 'a b' is not a name; write text of letters"),
        ({"parameters": {tau_m: 3}}, "parameters: tau_m is not a name"),
        ({"parameters": {"V": 3}}, "V is declared both as a state and as a parameter"),
        ({"parameters": "tau_m"}, "parameters: expected a dictionary from names to values, got 'tau_m'"),
        ({"parameters": 3}, "parameters: expected a dictionary from names to values, got 3"),
        ({"parameters": {"tau_m": "one", "tau_s": 1}}, "parameter tau_m, line 1, column 1: 'one' is neither"),
        ({"parameters": {"tau_m": 0, "tau_s": 1}}, "time constant tau_m = 0 is not positive"),
        ({"parameters": None}, "line 2, column 29: 'tau_m' is neither a state nor a parameter; add 'tau_m'"),
        ({"initial": {"X": 1}}, "initial 'X': no such state; the states are V, I"),
        ({"initial": {"V": "I"}}, "initial V, line 1, column 1: this may not depend on the state 'I'"),
        ({"initial": {"V": "1; 2"}}, "initial V, line 1, column 4: expected one statement, found 2; write a number"),
        ({"initial": 3}, "initial: expected a dictionary"),
        ({"bounds": {"X": (0, 1)}}, "bounds 'X': no such state"),
        ({"bounds": {"I": "ab"}}, r"bounds of I: write a pair such as \(0, 'oo'\), not 'ab'"),
        ({"bounds": {"I": ("0", "V")}}, "bounds I, line 1, column 1: this may not depend on the state 'V'"),
        ({"bounds": {"I": ("1", "0")}}, "bounds of I: 1 is not below 0"),
        ({"bounds": {"I": (0, "-oo")}}, "bounds of I: 0 is not below -oo"),
        ({"bounds": {"I": (0, "sqrt(1 - 2*tau_m)")}}, "the bounds of I takes a root of 1 - 2.tau_m, which is negative"),
    ],
)
def test_a_bad_part_is_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        read(**changes)


def test_a_long_line_is_cut_around_the_place():
    with pytest.raises(ModelError, match="line 1, column 608: ") as caught:
        read(equations="dV/dt = " + "V   *  " * 85 + "1 + ?")
    _, shown, caret = str(caught.value).split("\n")
    assert shown[caret.index("^")] == "?"
    assert len(shown) < 120


PIECES = [
    *"VIwb0123456789.+-*/^()=,;:#<>&|_'\n \t\x00∞é", "tau_m", "tau_s", "weight", "pi", "oo", "e", "**", "->", "-oo",
    "dV/dt = ", "1e-3", "1e99", "9**9", "1/0", "exp(", "log(", "sqrt(", "tan(", "atan(", "cosh(", "tanh(", "abs(",
    "Piecewise((", "Piecewise", "), (", ", True))", " and ", " or ", "<=", "max(",
]  # fmt: skip
PARTS = {
    "equations": QIF["equations"].replace("I)/", "Piecewise((I, I > 0 or V < b), (-I, True)))/"),
    "spike": "V > 3 + exp(b)/2", "reset": "V = -oo, I = I + exp(I)/2", "inputs": "V = 2*atan(tan(V/2) + weight)",
    "initial": "b**2 - 3/2", "low": "-b**2 - 1", "parameter": "3/7 + exp(1)",
}  # fmt: skip


def timed(changes):
    """A model, None if it is refused, and how long that took."""
    start = time.thread_time()
    try:
        model = read(**changes)
    except ModelError:
        model = None
    return model, time.thread_time() - start


def survives(part, text):
    """Read one string as a part of a model; it is read or refused within a second of this machine's time."""
    changes: dict = {"parameters": {"tau_m": 1, "tau_s": 1, "b": None}, part: text}
    if part == "initial":
        changes[part] = {"V": text}
    elif part == "low":
        changes["bounds"] = {"I": (changes.pop(part), "oo")}
    elif part == "parameter":
        changes["parameters"] |= {"b": changes.pop(part)}
    model, seconds = timed(changes)
    if seconds >= 1:  # the first time, SymPy imports and fills caches
        model, seconds = timed(changes)
    assert seconds < 1, f"{part} took {seconds:.1f} s to read: {text!r}"
    if model is not None and len(text) % 8 == 0:
        again = read(**changes)
        assert model == again
        assert hash(model) == hash(again)


def fuzz(strings):
    """The settings of a fuzz; hypothesis itself would measure other programs' time too."""
    return settings(max_examples=strings * settings.default.max_examples // 100, deadline=None)


@fuzz(3000)
@given(st.sampled_from(sorted(PARTS)), st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_random_text_is_read_or_refused(part, text):
    survives(part, text)


def _between(inner, operators):
    return st.tuples(inner, st.sampled_from(operators), inner).map("".join)


EXPRESSIONS = st.recursive(
    st.sampled_from(["V", "I", "tau_m", "tau_m", "b", "0", "1", "2", "7", "0.5", "1e30", "pi", "20", "123456/987654"]),
    lambda inner: st.one_of(
        _between(inner, ["+", "-", "*", "/", "**"]).map(lambda expression: f"({expression})"),
        st.tuples(st.sampled_from(["-", "exp", "log", "sqrt", "sin", "tan", "atan", "cosh", "tanh", "abs"]), inner).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
        st.tuples(inner, _between(inner, ["<", ">="]), inner).map(
            lambda parts: "Piecewise(({}, {}), ({}, True))".format(*parts)
        ),
    ),
    max_leaves=12,
)


@fuzz(1500)
@given(EXPRESSIONS, st.sampled_from(["dV/dt = {}; dI/dt = -I/tau_s", "dV/dt = V^2 + I; dI/dt = {}"]))
def test_random_expressions_are_read_or_refused(expression, equations):
    survives("equations", equations.format(expression))


@fuzz(1000)
@given(EXPRESSIONS, st.sampled_from(["initial", "low", "parameter"]))
def test_random_constants_are_read_or_refused(expression, part):
    numbers = {"V": "b", "I": "3/7"} | ({"b": "2", "tau_m": "0.1"} if part == "parameter" else {})
    survives(part, re.sub(r"\b(V|I|b|tau_m)\b", lambda name: numbers.get(name.group(), name.group()), expression))


@fuzz(500)
@given(
    st.sampled_from(["V", "b/3", "tau_m", "2", "3/7", "V*I"]),
    st.lists(
        st.sampled_from(
            ["exp({})", "tanh({})/V", "cosh({}) - 1", "sin({})/3", "({} - pi)**20", "1/(1 + {})", "log({})"]
        ),
        max_size=15,
    ),
)
def test_deep_expressions_are_read_or_refused(expression, layers):
    for layer in layers:
        expression = layer.format(f"({expression})")
    survives("equations", f"dV/dt = {expression}; dI/dt = -I")


@fuzz(2000)
@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from(sorted(PARTS)))
def test_mutated_models_are_read_or_refused(seed, mutations, part):
    chance = random.Random(seed)
    text = PARTS[part]
    for _ in range(mutations):
        place = chance.randrange(len(text) + 1)
        text = text[:place] + chance.choice(["", *PIECES]) + text[place + chance.randrange(3) :]
    survives(part, text)


@fuzz(500)
@given(st.sampled_from(sorted(PARTS)), st.text(max_size=40))
def test_any_text_is_read_or_refused(part, text):
    survives(part, text)
