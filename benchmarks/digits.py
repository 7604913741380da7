"""How well does the demo's network read digits, and how much is chance?

    python benchmarks/digits.py [--splits 0 1 2 3 4] [--epochs 50] [--json]

Trains the demo's 64-100-10 network on several random splits of scikit-learn's digits (1438 for training, 359 held out),
each from other initial weights, and prints held-out accuracies after the last epoch with their mean and standard
deviation: with pseudospikes, and with ordinary spikes only. About a minute per split on two cores.
"""

import argparse
import json

import jax
import numpy as np

import smoothspike as ss
from smoothspike.cli import demo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, default=demo.EPOCHS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for split in options.splits:
        train, test = ss.datasets.digits(duration=demo.INPUT_DURATION, seed=split)
        network, trained = demo.learn(
            demo.declare(), train, test, epochs=options.epochs, key=jax.random.key(split), progress=False
        )
        rows.append({"split": split, "before": ss.evaluate(network, test), "after": trained.history[-1]})
        if not options.json:
            after = trained.history[-1]
            print(f"split {split}: {after['accuracy']:.1%}, {after['accuracy_without_pseudospikes']:.1%}", flush=True)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    for name in ("accuracy", "accuracy_without_pseudospikes"):
        values = np.array([row["after"][name] for row in rows])
        print(f"{name.replace('_', ' '):32} {values.mean():.1%} +- {values.std(ddof=1):.1%}")


if __name__ == "__main__":
    main()
