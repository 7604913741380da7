"""`search`: what is drawn, kept, counted, resumed and refused, with objectives that take no time."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optuna
import pytest
from matplotlib import pyplot as plt

from smoothspike import plot
from smoothspike.studies import Trial, load_study, search
from smoothspike.studies.space import as_space
from smoothspike.studies.storage import drop_torn_line

SPACE = {"x": (0.0, 1.0), "n": (1, 9), "rate": (1e-4, 1.0, "log"), "kind": ["a", "b"], "fixed": 3}
HELPERS = Path(__file__).parents[2] / "helpers"


def value(params):
    return (params["x"] - 0.25) ** 2 + params["n"] / 100


def objective(trial):
    return value(trial.params)


def run(objective=objective, space=SPACE, **options):
    return search(objective, space, **({"trials": 6, "storage": None, "progress": False} | options))


def told(study):
    return [(each.group, each.number, each.state, dict(each.params), each.value, each.seeds) for each in study.trials]


def test_values_lie_in_their_ranges():
    study = run(trials=30, sampler="random")
    params = [each.params for each in study.completed]
    assert all(isinstance(each["n"], int) and 1 <= each["n"] <= 9 and each["fixed"] == 3 for each in params)
    assert all(0 <= each["x"] <= 1 and each["kind"] in "ab" for each in params)
    # uniform in the logarithm: about half below the middle of it
    assert 5 <= sum(each["rate"] < 1e-2 for each in params) <= 25
    assert study.best.value == min(map(value, params))
    assert run(direction="maximize", trials=8).best.value == max(
        map(value, [each.params for each in run(trials=8).trials])
    )


@pytest.mark.parametrize("suffix", [".log", pytest.param(".db", marks=pytest.mark.slow)])
def test_an_interrupted_search_finds_what_it_would_have_found(tmp_path, suffix):
    whole = run(trials=14, storage=tmp_path / f"whole{suffix}", pruner="none")

    def stops(trial):
        if trial.number == 12:
            raise KeyboardInterrupt("by the user")
        return objective(trial)

    place = tmp_path / f"parts{suffix}"
    run(trials=5, storage=place, pruner="none")
    with pytest.raises(KeyboardInterrupt, match="by the user"):
        run(stops, trials=14, storage=place, pruner="none")
    study = run(trials=14, storage=place, pruner="none")
    # what is drawn depends on the number and the completed trials before, not on the process
    assert told(study)[:12] == told(whole)[:12]
    assert [each.state for each in study.trials] == [*["complete"] * 12, "failed", *["complete"] * 2]
    assert study.failed[0].error == "interrupted: KeyboardInterrupt: by the user"
    assert told(load_study(place)) == told(study)
    assert told(run(trials=14, storage=place, pruner="none")) == told(study)


def test_failures_are_kept_and_the_search_goes_on():
    failures = {1: MemoryError("no room"), 2: ZeroDivisionError("by nought"), 4: None}

    def fails(trial):
        if trial.number == 3:  # more than there is
            return jnp.zeros(2**46)
        if trial.number in failures:
            if failures[trial.number] is None:
                return float("nan")
            raise failures[trial.number]
        return 1.0

    study = run(fails)
    assert [each.number for each in study.failed] == [1, 2, 3, 4]
    assert len(study.completed) == 6
    errors = [each.error for each in study.failed]
    assert errors[0] == "out of memory: MemoryError: no room"
    assert errors[1] == "ZeroDivisionError: by nought"
    assert errors[2].startswith("out of memory: JaxRuntimeError: RESOURCE_EXHAUSTED")
    assert errors[3] == "ValueError: what the objective returned is nan, but must be finite"
    assert "in fails" in (study.failed[1].traceback or "")
    assert study.rows()[2]["error"] == errors[1]


def test_a_search_that_fails_always_ends():
    with pytest.raises(RuntimeError, match=r"the last 3 trials in a row failed, the last one with KeyError: 'no'"):
        run(lambda trial: {}["no"], max_failures=3)


def test_groups_have_equal_budgets_and_seeds():
    def counted(trial):
        if trial.group == "b" and trial.number == 1:
            raise ValueError("b only")
        return objective(trial)

    study = run(counted, groups={"a": {}, "b": {"depth": (1, 3)}}, trials=4, seeds=2)
    groups = {name: [each for each in study.completed if each.group == name] for name in study.groups}
    assert {name: len(trials) for name, trials in groups.items()} == {"a": 4, "b": 4}
    assert all("depth" in each.params for each in groups["b"])
    seeds = {name: {each.number: each.seeds for each in trials} for name, trials in groups.items()}
    assert all(seeds["a"][number] == seeds["b"][number] for number in (0, 2, 3))
    assert study.best_of("b").value == min(each.value for each in groups["b"])
    assert len({seed for each in study.trials for seed in each.seeds}) == 2 * 5


def test_the_mean_over_seeds_counts():
    def noisy(trial):
        trial.note(seed=trial.seed, place=jnp.arange(2.0))
        return trial.seed % 1000

    study = run(noisy, seeds=3, trials=3)
    for each in study.completed:
        expected = [seed % 1000 for seed in each.seeds]
        assert each.value == pytest.approx(np.mean(expected), rel=1e-12)
        assert each.deviation == pytest.approx(np.std(expected, ddof=1), rel=1e-12)
        assert each.notes["seed"] == list(each.seeds)
    assert np.ptp([each.seeds[0] for each in study.completed]) > 1000
    assert jax.random.key_data(Trial(0, {}, seed=5).key).tolist() == jax.random.key_data(jax.random.key(5)).tolist()


def test_hopeless_trials_are_pruned_and_count():
    ran = []

    def learns(trial):
        callback = trial.pruning("accuracy")  # the more the better, while the least is searched for
        for epoch in range(1, 6):
            ran.append((trial.number, epoch))
            callback(None, [{"epoch": epoch, "accuracy": 1.0 - 0.1 * trial.number}])
        return 0.1 * trial.number

    study = run(learns, trials=8)
    assert [each.number for each in study.pruned] == [5, 6, 7]  # from where there are five to compare with
    assert study.pruned[0].reports == pytest.approx({1: -0.5})
    assert [epoch for number, epoch in ran if number == 7] == [1]
    with pytest.raises(RuntimeError, match="the history has no metric 'other' to report; it has epoch"):
        run(lambda trial: trial.pruning("other")(None, [{"epoch": 1}]), max_failures=1)


def test_processes_share_the_work(tmp_path):
    """Here threads, each with a worker of its own: together they run as many trials as are wanted, and no more."""
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(run(trials=12, storage=tmp_path / "study.log"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(each.completed) for each in found] == [12, 12, 12]
    assert len(found[0].trials) == 12
    assert [path.name for path in (tmp_path / "study.log.locks").iterdir() if "worker" in path.name] == []


class EndsWhileCounted(optuna.storages.InMemoryStorage):
    """A storage in which another process ends its trial right after the trials were read."""

    def get_all_trials(self, study_id, deepcopy=True, states=None):
        found = super().get_all_trials(study_id, deepcopy=True, states=states)
        for each in found:
            if each.state.name == "RUNNING" and "worker" in each.user_attrs:
                self.set_trial_state_values(each._trial_id, optuna.trial.TrialState.COMPLETE, [0.5])
        return found


def test_a_trial_that_ends_while_trials_are_counted_is_counted_once():
    storage = EndsWhileCounted()
    run(trials=2, storage=storage)
    load_study(storage).optuna[None].ask().set_user_attr("worker", {"name": "abc", "machine": "another"})
    assert [each.number for each in run(trials=3, storage=storage).completed] == [0, 1, 2]


def test_a_trial_of_another_machine_is_left_alone_until_it_gives_no_sign_of_life(tmp_path):
    place = tmp_path / "study.log"
    run(trials=2, storage=place)
    study = load_study(place).optuna[None]
    trial = study.ask()
    trial.set_user_attr("worker", {"name": "abc", "machine": "another"})
    assert load_study(place).trials[2].state == "running"
    alive, over = [], threading.Event()

    def beats():
        while not over.wait(0.05):
            alive.append(len(alive))
            trial.set_user_attr("pulse", len(alive))

    thread = threading.Thread(target=beats)
    thread.start()
    timer = threading.Timer(1.5, over.set)
    timer.start()
    after = run(trials=4, storage=place, heartbeat=0.2)  # one is missing, and then the one that is given up
    thread.join()
    assert over.is_set()
    assert [each.number for each in after.completed] == [0, 1, 3, 4]
    assert after.failed[0].error.startswith("its process ended")


def test_the_end_of_a_line_that_was_torn_is_mended(tmp_path):
    place = tmp_path / "study.log"
    before = run(trials=3, storage=place)
    with place.open("ab") as file:
        file.write(b'{"op_code":8,"worker')
    after = run(trials=4, storage=place)
    assert told(after)[:3] == told(before)
    assert all(json.loads(line) for line in place.read_text().splitlines())
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    drop_torn_line(empty)
    assert empty.read_bytes() == b""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed was 0, and is 1"),
        ({"seeds": 2}, "seeds was 1, and is 2"),
        ({"direction": "maximize"}, "direction was minimize, and is maximize"),
        ({"space": {**SPACE, "x": (0.0, 2.0)}}, r"space\['x'\] was Range\(low=0.0, high=1.0.*, and is Range"),
        ({"space": {"x": (0.0, 1.0)}}, "and is not there"),
    ],
)
def test_another_search_is_not_mixed_in(tmp_path, change, message):
    run(trials=1, storage=tmp_path / "study.log")
    with pytest.raises(ValueError, match=f"is another one: .*{message}.*choose another name"):
        run(**({"trials": 2, "storage": tmp_path / "study.log"} | change))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ((1, 0), "the first must be less"), ((0.0, 1.0, "log"), "must begin above 0"), ((0, 4, 0.5), "whole number"),
        ((1,), "must be"), ((1, "2"), "finite numbers"), ([], "at least one value"), ([[1]], "must be numbers, text"),
        ({"low": 1}, "must have low and high"), ({"low": 1, "high": 2, "lag": 3}, "must have low and high"),
        ((0.0, 1.0, -1.0), "positive"),
    ],
)  # fmt: skip
def test_a_wrong_space_is_refused(entry, message):
    with pytest.raises((TypeError, ValueError), match=rf"space\['x'\].*{message}"):
        as_space({"x": entry})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"direction": "up"}, "direction is 'up'"), ({"trials": -1}, "trials is -1"), ({"heartbeat": 0}, "heart"),
        ({"pruner": "middle"}, "pruner is 'middle'"), ({"groups": "qif"}, "groups is"), ({"sampler": "tpo"}, "sam"),
        ({"groups": ["a", "a"]}, "each name must be there once"), ({"objective": 3}, "objective is of type int"),
        ({"storage": 3}, "storage is of type int"), ({"storage": "/"}, "a folder, but must be a file"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        run(**arguments)


def test_what_is_no_storage_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello\n")
    with pytest.raises(ValueError, match="is no journal of a search"):
        run(storage=tmp_path / "notes.txt")
    with pytest.raises(FileNotFoundError, match="there is no"):
        load_study(tmp_path / "none.log")
    run(storage=tmp_path / "study.log", name="one", trials=1)
    with pytest.raises(ValueError, match="has no study 'two'; it has 'one'"):
        load_study(tmp_path / "study.log", "two")


def test_storages_and_samplers_of_optuna_are_taken(tmp_path):
    own = run(storage=optuna.storages.InMemoryStorage(), sampler=optuna.samplers.RandomSampler(seed=1))
    assert len(own.completed) == 6
    made = run(sampler=lambda seed: optuna.samplers.RandomSampler(seed=seed), trials=2)
    assert told(made) == told(run(sampler="random", trials=2))
    points = sorted(each.params["x"] for each in run(sampler="quasirandom", trials=16).completed)
    assert max(np.diff([0.0, *points, 1.0])) < 0.25  # evenly spread
    with pytest.raises(ValueError, match="no completed trial"):
        print(run(trials=0).best)


def test_tables_and_plots(tmp_path):
    study = run(trials=12, groups=["p", "q"], seeds=2)
    lines = str(study).splitlines()
    assert lines[0] == "Study 'study' in memory: 24 complete; minimize"
    assert lines[1].split()[:4] == ["group", "number", "value", "+-"]
    assert len(study.to_csv(tmp_path / "trials.csv").read_text().splitlines()) == 25
    shares = study.importances("p")
    assert sum(shares.values()) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="name a group"):
        study.importances()
    figure, axes = plt.subplots(2, 2)
    assert plot.search_history(study, axes[0, 0]) is axes[0, 0]
    best = axes[0, 0].lines[1].get_ydata()
    assert best[-1] == study.best_of("p").value
    assert np.all(np.diff(best) <= 0)
    assert plot.importances(shares, axes[0, 1]).patches[-1].get_width() == max(shares.values())
    assert plot.search_slice(study, "rate", axes[1, 0]).get_xscale() == "log"
    assert len(plot.parallel_coordinates(study, ax=axes[1, 1]).lines) == 24 + 4
    with pytest.raises(ValueError, match="has no 'depth'"):
        plot.search_slice(study, "depth")
    plt.close(figure)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".log", ".db"])
def test_a_search_that_is_killed_loses_only_what_ran(suffix, figures):
    command = [sys.executable, HELPERS / "killed_searches.py", "12", suffix]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures(done.stdout.strip().replace("\n", "; "))


LIMITED = """
import resource, sys
import numpy as np
from smoothspike.studies import search

def objective(trial):
    if trial.number == 1:
        np.ones(2**34)  # 128 GiB
    return trial["x"]

resource.setrlimit(resource.RLIMIT_AS, (2**34, 2**34))
study = search(objective, {"x": (0.0, 1.0)}, trials=3, storage=sys.argv[1], progress=False)
print(len(study.completed), study.failed[0].error)
"""


@pytest.mark.slow
def test_a_trial_without_enough_memory_fails_and_the_search_goes_on(tmp_path):
    pytest.importorskip("resource")
    command = [sys.executable, "-c", LIMITED, tmp_path / "study.log"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("3 out of memory: ")
    assert "Unable to allocate" in done.stdout
