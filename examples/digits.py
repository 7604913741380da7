"""A silent network of a declared neuron learns to read handwritten digits.

Declares the quadratic integrate-and-fire neuron in SymPy, prints its certificate and its derivation, trains a 64-100-10
network on scikit-learn's digits and writes runs/demo/summary.json and runs/demo/demo.png, in a few minutes:

    python examples/digits.py [--quick] [--output runs/demo]

This is the same as `smoothspike demo`; read smoothspike/demo.py to see how it is done.
"""

import argparse

from smoothspike.cli import demo

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="train briefly, to see that it runs")
    parser.add_argument("--output", default="runs/demo", help="folder for summary.json and demo.png")
    options = parser.parse_args()
    demo.main(options.output, quick=options.quick)
