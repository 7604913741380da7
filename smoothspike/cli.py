"""The command line: `smoothspike demo | verify MODEL | derive MODEL`.

MODEL is a name of the library (`smoothspike models` lists them) or `file.py:object`. Exit status: 0 on success, 1 when
a verification fails or stays undecided or no derivation exists, 2 for wrong usage.
"""

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import sympy as sp

from symbolic import DerivationError, ModelError, NeuronModel, Verdict, derive, models
from symbolic.derive import singularities

from .terminal import Style, shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Example:
        >>> main(["verify", "lif", "--json", "--no-witness"]) == 1
        {...}
        True
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except _UsageError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


class _UsageError(Exception):
    """What the user typed names nothing that exists."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smoothspike", description="Spiking neurons whose spikes change continuously."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="declare, verify, derive and train: handwritten digits")
    demo.add_argument("--quick", action="store_true", help="train briefly, to see that it runs")
    demo.add_argument("--output", default="runs/demo", help="folder for summary.json and demo.png (%(default)s)")
    demo.add_argument("--json", action="store_true", help="print the summary as JSON at the end")
    demo.set_defaults(run=_demo)
    certify = commands.add_parser("verify", help="prove or refute that a model's spikes change continuously")
    certify.add_argument("--markdown", action="store_true", help="print the certificate as Markdown")
    certify.add_argument("--latex", action="store_true", help="print the certificate as LaTeX")
    certify.add_argument("--no-witness", action="store_true", help="do not search for an example where it fails")
    certify.add_argument("--examine", action="store_true", help="compare the certificate with simulations too")
    certify.set_defaults(run=_verify)
    solve = commands.add_parser("derive", help="derive a model's exact spikes")
    solve.add_argument("--method", help="insist on projective, linear, phase or numeric")
    solve.add_argument("--latex", action="store_true", help="print the formulas as LaTeX")
    solve.set_defaults(run=_derive)
    for command in (certify, solve):
        command.add_argument("model", metavar="MODEL", help="a library name, or file.py:object")
        command.add_argument("--json", action="store_true", help="print JSON for machines")
    listing = commands.add_parser("models", help="list the library's models")
    listing.add_argument("--json", action="store_true", help="print JSON for machines")
    listing.set_defaults(run=_models)
    return parser


def _demo(options: argparse.Namespace) -> int:
    from . import demo

    summary = demo.main(options.output, quick=options.quick)
    if options.json:
        print(json.dumps(summary))
    return 0


def _verify(options: argparse.Namespace) -> int:
    from .examination import cross_examine
    from .verification import verify

    certificate = verify(_model(options.model))
    if not options.no_witness:
        _ = certificate.witness  # searched for on demand, and shown once it is there
    examined = cross_examine(certificate.model) if options.examine else None
    if options.json:
        content = certificate.to_dict() | ({"examination": examined.to_dict()} if examined else {})
        print(json.dumps(content, indent=1))
    elif options.markdown or options.latex:
        print(certificate.to_markdown() if options.markdown else certificate.to_latex())
    else:
        print(shown(certificate, Style.of(sys.stdout)))
    if examined and not options.json:
        print(f"\n{examined}")
    contradicted = examined is not None and bool(examined.contradictions)
    return 0 if certificate.verdict is Verdict.HOLDS and not contradicted else 1


def _derive(options: argparse.Namespace) -> int:
    model = _model(options.model)
    try:
        derivation = derive(model, options.method)
    except DerivationError as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        content = {
            "model": model.name, "method": derivation.method, "closed_form": derivation.closed_form,
            "reason": derivation.reason, "relation": derivation.relation and str(derivation.relation),
            "formulas": {name: sp.sstr(formula) for name, formula in derivation.formulas.items()},
            "attempts": [{"name": attempt.name, "reason": attempt.reason} for attempt in derivation.attempts],
            "singularities": [
                {"formula": one.formula, "condition": sp.sstr(one.condition), "limit": one.limit and sp.sstr(one.limit),
                 "reason": one.reason}
                for one in singularities(derivation)
            ],
        }  # fmt: skip
        print(json.dumps(content, indent=1))
    else:
        print(derivation.to_latex() if options.latex else derivation)
    return 0


def _models(options: argparse.Namespace) -> int:
    names = list(models.names())
    print(json.dumps(names) if options.json else "\n".join(names))
    return 0


def _model(name: str) -> NeuronModel:
    """Find a model by its library name or as `file.py:object`, a model or a function that makes one."""
    if name in models.names():
        return getattr(models, name)()
    path, colon, attribute = name.rpartition(":")
    if not colon:
        raise _UsageError(f"no model {name!r}; the library has {', '.join(models.names())}; or name file.py:object")
    if not Path(path).is_file():
        raise _UsageError(f"no file {path!r}")
    specification = importlib.util.spec_from_file_location("declared_model", path)
    if specification is None or specification.loader is None:
        raise _UsageError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
        found = getattr(module, attribute, None)
        model = found() if callable(found) else found
    except ModelError as error:
        raise _UsageError(f"{path} declares a wrong model: {error}") from error
    if not isinstance(model, NeuronModel):
        raise _UsageError(f"{path} has no NeuronModel called {attribute!r}")
    return model
