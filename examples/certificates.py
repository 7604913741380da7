"""From a model that fails to one that holds: certificate, witness, a continuous alternative, cross-examination.

    python examples/certificates.py [--quick] [--output runs/certificates]

verifies the leaky integrate-and-fire neuron (LIF), searches for inputs at which its spike vanishes by a change of
1e-9, proposes a quadratic neuron (QIF) instead, and compares its certificate with simulations. It writes witness.png:
the touch of the threshold, and how the effect of an input on the QIF vanishes near the spike.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from matplotlib import pyplot as plt

import smoothspike as ss


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="vary fewer trials")
    parser.add_argument("--output", type=Path, default=Path("runs/certificates"), help="folder for the figure")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)

    certificate = ss.verify(ss.models.lif())
    print(certificate, end="\n\n")
    witness = ss.find_witness(certificate)
    if witness is None:
        raise SystemExit("No witness was found.")
    replay = ss.simulate_witness(witness)
    print(replay, end="\n\n")

    proposal = ss.nearest_continuous(ss.models.lif())
    print(proposal, end="\n\n")
    findings = ss.validation.cross_examine(proposal, trials=4 if options.quick else 16)
    print(findings)

    with ss.plot.paper_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.5), layout="constrained")
        ss.plot.witness(replay, ax=left)
        ss.plot.contact(findings, ax=right)
        figure.savefig(options.output / "witness.png")
        plt.close(figure)
    print(f"\nWrote {options.output / 'witness.png'}")


if __name__ == "__main__":
    main()
