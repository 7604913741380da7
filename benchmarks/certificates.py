"""All certificates of the library compared with simulations: the time of the proof, and whether measurements agree.

    python benchmarks/certificates.py [--models qif lif ...] [--output docs/lookup/cross_examination.md]

prints a Markdown table, or writes it to a file: seconds of the first call of `verify`, contact exponents as proven
and as fitted, the leading singular power of the delay as an input passes the own spike or another input (1 is a kink,
2 a jump of the second derivative), and witnesses of failures. The column on agreement also lists what could not be
measured.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import smoothspike as ss

HEADER = """# Certificates, cross-examined

Written by `python benchmarks/certificates.py --output docs/lookup/cross_examination.md`, on {machine}.

- **proof**: seconds of the first call of `verify`;
- **k**: the contact exponent, by the certificate and as fitted on log-log axes for times left to the spike from 1e-6
  down to 1e-13 (1e-2 to 1e-5 at finite thresholds), median over random states;
- **past the spike, past an input**: the leading singular power of the delay in the time of the next spike, as an input
  passes the own spike, or another input: 1 is a kink, 2 a jump of the second derivative, "none < 3" if there is none
  below the third power;
- **agrees**: whether the simulation contradicts nothing and supports the verdict. For HOLDS this means that no jump was
  found; for FAILS that a witness was found and confirmed by another solver. Statements that the simulation could not
  decide are listed as "not measured".

| model | verdict | proof | k proven | k fitted | past the spike | past an input | agrees | witness |
|---|---|---|---|---|---|---|---|---|
"""


def seconds_of_proof(name: str) -> float:
    """Time the first `verify` of a model, before SymPy has cached anything about it."""
    start = time.perf_counter()
    ss.verify(getattr(ss.models, name)())
    return time.perf_counter() - start


def row(name: str) -> str:
    """Cross-examine one model and write its row of the table."""
    proof = seconds_of_proof(name)
    found = ss.validation.cross_examine(getattr(ss.models, name)())
    certificate = found.certificate
    proven = fitted = past_spike = past_input = "-"
    for findings in found.routes:
        proven = str(certificate.route(findings.name).contact_exponent)
        fitted = f"{findings.contact_exponent:.4f}"
        past_spike, past_input = power(*findings.swap_with_spike.least), power(*findings.swap_with_input.least)
    witness = str(found.witness).partition(" Confirmed by")[0] if found.witness else ""
    measured = (proven, fitted, past_spike, past_input)
    return (
        "| "
        + " | ".join((f"`{name}`", certificate.verdict.name, f"{proof:.2f}", *measured, answer(found), witness))
        + " |"
    )


def answer(found: ss.validation.CrossExamination) -> str:
    """Whether the simulation agrees, contradicts, or could not measure something."""
    if found.contradictions:
        return "NO: " + "; ".join(found.contradictions)
    left = "not measured: " + "; ".join(found.not_measured) if found.not_measured else ""
    return "; ".join(filter(None, ("yes" if found.agrees else "", left))) or "not measured"


def power(least: float, resolved: float) -> str:
    """A singular power, or the power up to which there is none."""
    if np.isnan(least):
        return "-"
    return f"{least:.3f}" if np.isfinite(least) else f"none < {resolved:.0f}"


def machine() -> str:
    """The name of the processor, if known."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else "an unknown processor"


def main(arguments: Sequence[str] | None = None) -> None:
    """Examine the models and print or write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=ss.models.names(), choices=ss.models.names(), metavar="NAME")
    parser.add_argument("--output", type=Path, help="a Markdown file")
    options = parser.parse_args(arguments)
    lines = []
    for name in options.models:
        lines.append(row(name))
        print(lines[-1], flush=True)
    if options.output:
        options.output.write_text(HEADER.format(machine=machine()) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
