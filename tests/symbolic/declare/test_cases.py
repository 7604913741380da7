"""Case distinctions in text: what they equal, how conditions are joined, and where errors point."""

import pytest
import sympy as sp

from symbolic import ModelError, NeuronModel, models

V, I, b = sp.symbols("V I b", real=True)


def read(rate, **changes):
    declared = {"spike": "V = oo", "reset": "V = -oo", "inputs": "I", "parameters": {"b": 2}} | changes
    return NeuronModel.from_equations(f"dV/dt = {rate}; dI/dt = -I", name="cases", **declared)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Piecewise((V**2, V > 0), (-V, True))", sp.Piecewise((V**2, V > 0), (-V, True))),
        ("2*Piecewise((1, V<b),(V,V<=3), (0, True)) + I", 2 * sp.Piecewise((1, V < b), (V, V <= 3), (0, True)) + I),
        ("Piecewise((V, (V - b)/2 >= I), (I, True))", sp.Piecewise((V, (V - b) / 2 >= I), (I, True))),
        ("Piecewise((V, V > b and V < 1), (I, True))", sp.Piecewise((V, (V > b) & (V < 1)), (I, True))),
        ("Piecewise((V, (V > b) & (V < 1)), (I, True))", sp.Piecewise((V, (V > b) & (V < 1)), (I, True))),
        (
            "Piecewise((V, V > b or V < 1 and (I > 0 | I < b)), (0, True))",
            sp.Piecewise((V, (V > b) | ((V < 1) & ((I > 0) | (I < b)))), (0, True)),
        ),
        ("Piecewise((Piecewise((1, I > 0), (2, True)), V > 0), (exp(V), True))",
         sp.Piecewise((sp.Piecewise((1, I > 0), (2, True)), V > 0), (sp.exp(V), True))),
        ("Piecewise((V, True))", V), ("Piecewise((1, pi > 3), (V, True))", sp.S.One),
    ],
)  # fmt: skip
def test_cases_equal_those_of_sympy(text, expected):
    assert read(text).field == expected


def test_what_sympy_prints_is_read():
    rate = sp.Piecewise((V**2, (V > b) & (V < 1)), (I, (V <= b) | (I > 3)), (-V, True))
    assert read(str(rate)).field == rate


def test_the_rapid_theta_neuron_equals_the_library():
    model = NeuronModel.from_equations(
        """
        dV/dt = (Piecewise((r*(r + 1)/2*(V - (r - 1)/(2*(r + 1)))^2, V > (r - 1)/(2*(r + 1))),  \
((r + 1)/(2*r)*(V - (r - 1)/(2*(r + 1)))^2, True)) - r/(2*(r + 1)))/tau_m
        """,
        name="rapid theta neuron",
        spike="V = oo",
        reset="V = -oo",
        inputs="V",
        parameters={"tau_m": 1, "r": 3},
        initial={"V": "-1/2"},
    )
    assert model == models.rapid_theta()


def test_resets_inputs_and_numbers_may_have_cases():
    model = read(
        "V^2 + I",
        reset="V = -oo, I = Piecewise((I, I > b), (0, True))",
        inputs="V = Piecewise((V, V > 0), (0, True)) + weight, I = 0",
        initial={"V": "Piecewise((1, b > 1), (b, True))"},
    )
    assert model.reset[I] == sp.Piecewise((I, I > b), (0, True))
    assert list(model.routes[0].jump) == [V, I]
    assert model.initial[V] == sp.Piecewise((1, b > 1), (b, True))


def test_bounds_with_cases_are_compared():
    with pytest.raises(ModelError, match="is not below"):
        read("V^2 + I", bounds={"I": ("Piecewise((3, b > 1), (-1, True))", 0)})


@pytest.mark.parametrize(
    ("rate", "column", "message"),
    [
        ("Piecewise", 9, r"write Piecewise\(\(..., V > 0\), \(..., True\)\)"),
        ("Piecewise(V)", 19, r"expected a case such as \(V\*\*2, V > 0\), .* found 'V'"),
        ("Piecewise()", 19, "expected a case"),
        ("Piecewise((V V > 0), (V, True))", 22, "expected ',' and the condition of this case, found 'V'"),
        ("Piecewise((V, V > 0))", 29, r"no case is left for all other values; make the last condition True"),
        ("Piecewise((V, V))", 24, "expected a comparison with <, <=, > or >=, found '\\)'"),
        ("Piecewise((V, V == 0), (V, True))", 25, "expected a comparison .* found '=='"),
        ("Piecewise((V, V != 0), (V, True))", 25, "expected a comparison .* found '!='"),
        ("Piecewise((V, 0 < V < 1), (V, True))", 29, "join two with 'and': 0 < V and V < 1"),
        ("Piecewise((V, V > 0) (V, True))", 30, r"expected ',' and a case, or '\)' after the last one, found '\('"),
        ("Piecewise((V, V > 0), V)", 31, "expected a case"),
        ("Piecewise((V, V > 0, 2), (V, True))", 28, r"expected '\)' after the condition of the case at column 19"),
        ("Piecewise((V, not V > 0), (V, True))", 23, "'not' cannot stand here; write a comparison"),
        ("Piecewise((V, V > 0 and True), (V, True))", 33, "True stands alone, in the last case"),
        ("Piecewise((V, True), (I, True))", 28, "cases after the condition True are never used; remove them"),
        ("Piecewise((V, V > sqrt(V)), (V, True))", 25, "a side of this comparison may not be real"),
        ("Piecewise((V, V > 0), (V, True)", 40, "found the end"),
        ("Piecewise((V, (V > 0), (V, True))", 30, r"expected '\)' .* found ','"),
        ("Piecewise((1, Piecewise((1, V > 0), (2, True)) > 1), (V, True))", 23, "a condition may not hold a Piecewise"),
        ("Piecewise((V, V**2 > 1 and V < 3), (V, True))", 23, "only comparisons of the first degree may be joined"),
        ("Piecewise((V, oo > V), (V, True))", 23, "'oo' may only stand alone"),
        ("Piecewise((V, " + "(" * 40 + "V > 0", 53, "nested more than 30 deep"),
        ("max(V, 0)", 9, r"unknown function 'max'; distinguish cases as in Piecewise\(\("),
        ("picewise((V, V > 0))", 9, "did you mean 'Piecewise'"),
        ("True", 9, "'True' only stands as a condition"), ("V and I", 11, "unexpected 'and'; conditions only stand"),
        ("(V > 0)", 12, "unexpected '>'; a comparison only stands"),
    ],
)  # fmt: skip
def test_bad_cases_are_refused_at_their_place(rate, column, message):
    with pytest.raises(ModelError, match=message) as caught:
        read(rate)
    first, shown, caret = str(caught.value).split("\n")
    assert first.startswith(f"equations, line 1, column {column}: ")
    assert caret.index("^") < len(shown) + 2


def test_words_of_conditions_name_nothing():
    with pytest.raises(ModelError, match="the name 'and' is taken"):
        read("V", parameters={"and": 1})
