"""The suite of benchmarks says rightly whether answers agree, and lists its questions; nothing is timed here."""

import json
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

from benchmarks import certificates, measuring  # noqa: E402
from benchmarks.__main__ import MODULES  # noqa: E402
from benchmarks.agreement import Answer, agreements, spike_difference  # noqa: E402
from benchmarks.comparison import Comparison  # noqa: E402
from benchmarks.measuring import Measurement, Program, compiled, measured  # noqa: E402
from benchmarks.peers import HOW_TO_GET, find, left_out  # noqa: E402
from benchmarks.question import Report, as_markdown, as_text, slope  # noqa: E402

TIMES, SOURCES, GRADIENT = np.array([0.5, 1.0, np.inf]), np.array([1, 0, 0]), [np.array([[1.0, -2.0]])]


def answer(*, moved: float = 0.0, sources: np.ndarray = SOURCES) -> Answer:
    return Answer(TIMES + moved, sources, [GRADIENT[0] + moved])


def test_equal_answers_agree():
    found = agreements("peer", [answer()], [answer()])
    assert [agreement.what for agreement in found] == ["spike times", "gradients"]
    assert all(agreement.holds and agreement.difference == 0 for agreement in found)


def test_answers_agree_within_the_own_error_of_the_peer_only():
    theirs = answer(moved=1e-3)
    assert all(agreement.holds for agreement in agreements("peer", [answer()], [theirs, answer(moved=5e-4)]))
    assert not any(agreement.holds for agreement in agreements("peer", [answer()], [theirs, answer(moved=0.99e-3)]))
    assert not any(agreement.holds for agreement in agreements("peer", [answer()], [theirs]))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(answer(sources=np.array([0, 1, 0])), id="other neurons"),
        pytest.param(Answer(TIMES[:2], SOURCES[:2], GRADIENT), id="fewer places"),
        pytest.param(Answer(np.array([0.5, np.inf, np.inf]), SOURCES, GRADIENT), id="a spike less"),
    ],
)
def test_other_spikes_never_agree(other):
    assert spike_difference(answer(), other) == np.inf
    found = agreements("peer", [answer()], [other, answer()], least=1.0)
    assert not found[0].holds
    assert "DISAGREE" in str(found[0])
    json.dumps(found[0].as_json(), allow_nan=False)


def test_a_gradient_that_is_no_number_never_agrees():
    broken = Answer(TIMES, SOURCES, [np.array([[np.nan, 0.0]])])
    assert not agreements("peer", [answer()], [broken], least=1.0)[1].holds
    assert not agreements("peer", [answer()], [broken, broken], least=1.0)[1].holds


def test_a_ratio_is_given_only_where_answers_agree():
    for moved, cell in ((0.0, "0.5"), (1.0, "they disagree")):
        comparison = Comparison(list(agreements("peer", [answer()], [answer(moved=moved)])))
        comparison.add("work", {"smoothspike": timed(1.0), "peer": timed(2.0)})
        table = comparison.table()
        assert [row[4] for row in table.rows] == ["", cell]
        report = Report("title", "setting", "float32", table, comparison.agreements)
        assert cell in as_text(report)
        machine = {"cores": 2, "cpu": "x", "load": 0.0, "platform": "cpu", "device_kind": "cpu", "jax": "1", "date": ""}
        assert f"| {cell} |" in as_markdown({"name": report}, machine, "command")


def test_what_was_compiled_is_not_compiled_again_when_it_runs():
    traced = []
    program = compiled(lambda values: traced.append(values) or 2 * values["a"], {"a": np.ones(3)})
    for _ in range(2):
        np.testing.assert_array_equal(program.run(), 2 * np.ones(3))
    assert len(traced) == 1


def timed(seconds: float) -> Measurement:
    return Measurement(0.0, None, None, [seconds] * 7)


def test_programs_take_turns_and_the_first_run_does_not_count(monkeypatch):
    monkeypatch.setattr(measuring, "_ROW", 0.0)
    runs = []
    programs = {name: Program(lambda name=name: runs.append(name)) for name in "ab"}
    found = measured(programs, repeats=3)
    assert runs == list("ab" * 4)
    assert all(len(measurement.seconds) == 3 for measurement in found.values())


@pytest.mark.parametrize(("seconds", "runs"), [(0.02, 17), (0.5, 2)])
def test_short_runs_are_timed_in_a_row(seconds, runs, monkeypatch):
    """A run that is slow at first and short after that: one to warm up, one to judge by, and a row of the others."""
    clock = [0.0]
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: clock[-1])

    def run():
        clock.append(clock[-1] + seconds * (1 + (len(clock) == 1)))

    found = measured({"a": Program(run)}, repeats=1)["a"]
    assert found.median == pytest.approx(seconds)
    assert len(clock) - 1 == runs


def test_a_compiled_program_knows_its_memory():
    program = compiled(lambda values: values @ values, jnp.ones((64, 64)))
    assert np.all(program.run() == 64)
    assert program.compile_seconds > 0
    assert program.program_bytes is None or program.program_bytes >= 2 * 64 * 64 * 4


def test_slopes_are_powers():
    assert slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2)


def test_a_peer_that_is_missing_says_how_to_get_it(tmp_path):
    assert find("eventax", {"eventax": tmp_path}) is None
    assert all(HOW_TO_GET[name] in left_out(name) for name in HOW_TO_GET)


def test_the_questions_are_listed():
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--list"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = [line.split()[0] for line in found.stdout.splitlines()]
    assert names[:3] == ["mnist", "yin_yang", "recurrent"]
    assert all((ROOT / "benchmarks" / f"{MODULES.get(name, name)}.py").exists() for name in names)


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        (((), ("a",), (), ()), "yes"),
        (((), ("a",), ("b",), ("c", "d")), "yes; not measured: c; d"),
        ((("no", "never"), ("a",), (), ("c",)), "NO: no; never"),
        (((), (), (), ("c",)), "not measured: c"),
        (((), (), ("b",), ()), "not measured"),
    ],
)
def test_the_table_of_certificates_tells_three_answers_apart(notes, expected):
    found = ss.validation.CrossExamination(ss.verify(ss.models.qif()), (), None, *notes)
    assert certificates.answer(found) == expected


def test_the_table_of_certificates_writes_powers():
    powers = [(1.0, 1.0), (4 / 3, 4 / 3), (np.inf, 3.0), (np.nan, 0.0)]
    assert [certificates.power(*pair) for pair in powers] == ["1.000", "1.333", "none < 3", "-"]
