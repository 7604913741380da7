"""Kill a search at random instants, with two processes at work, and check what is left: `python killed_searches.py 50`.

Processes are forked, so that an instant is one of the search and not of an import. Each kill may cost the trial that
the killed process was running, and nothing else.
"""

import os
import random
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from smoothspike.studies import load_study, search

SPACE = {"x": (0.0, 1.0), "n": (1, 50)}
WORK = 0.004  # seconds that a trial takes, about as long as to record it


def objective(trial):
    for step in range(3):
        trial.report(value(trial.params), step)
    time.sleep(WORK)
    if trial.number % 17 == 5:
        raise ValueError("as every 17th does")
    return value(trial.params)


def value(params):
    return (params["x"] - 0.25) ** 2 + params["n"] / 1000


def run(storage, trials):
    return search(objective, SPACE, trials=trials, storage=storage, pruner="none", progress=False)


def forked(storage, trials):
    """Start a search in a process of its own."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            run(storage, trials)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return child


def completed(storage):
    return {each.number: (dict(each.params), each.value) for each in load_study(storage).completed}


def main(kills, folder, suffix=".log"):
    storage, generator = Path(folder) / f"study{suffix}", random.Random(kills)
    run(None, 12)  # what is imported late, before processes are forked
    before, killed, torn = {}, 0, 0
    while killed < kills:
        pair = [forked(storage, 10**6) for _ in range(2)]
        for child in pair:
            time.sleep(generator.uniform(0.0, 1.0))
            os.kill(child, signal.SIGKILL)
        assert {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in pair} == {-signal.SIGKILL}
        killed += len(pair)
        torn += suffix == ".log" and storage.exists() and storage.read_bytes()[-1:] not in (b"", b"\n")
        try:
            after = completed(storage) if storage.exists() else {}
        except ValueError as error:  # killed before there was a study
            if "no studies" not in str(error):
                raise
            after = {}
        assert {number: after.get(number) for number in before} == before, "a completed trial was lost"
        before = after
    done = len(before)
    trials = done + 60
    pair = [forked(storage, trials) for _ in range(2)]
    assert [os.waitpid(child, 0)[1] for child in pair] == [0, 0]
    study = load_study(storage)
    lost = [each for each in study.failed if each.error.startswith("its process ended")]
    assert len(study.completed) == trials, (len(study.completed), trials)
    assert [each.number for each in study.trials] == list(range(len(study.trials)))
    assert all(each.state in ("complete", "failed") for each in study.trials)
    assert all(each.value == value(each.params) for each in study.completed)
    assert {each.number % 17 for each in study.failed if each not in lost} <= {5}
    assert len(lost) <= killed, (len(lost), killed)
    print(f"{killed} kills, {done} trials then complete, none lost; {len(lost)} that were running marked as failed")
    print(f"then {trials - done} more by two processes at once; {torn} torn lines mended")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(int(sys.argv[1]), temporary, *sys.argv[2:])
