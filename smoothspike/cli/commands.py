"""The command line: `smoothspike demo | models | verify | derive MODEL | train | search | landscape CONFIG | bench`.

MODEL is a library name (`smoothspike models` lists them) or `file.py:object`; CONFIG is a file in TOML. Exit status: 0
on success, 1 if a verification fails or remains undecided, no derivation exists, or a search fails, 2 for wrong usage,
including a file that cannot be run and a configuration that is wrong.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import NoReturn

import sympy as sp

from symbolic import DerivationError, ModelError, NeuronModel, Verdict, derive, models, verify
from symbolic.derive import METHODS, singularities

from ..studies.config import ConfigError
from ..studies.parts.user_file import FileError, model_in
from . import studies
from .terminal import Style


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Example:
        >>> main(["verify", "lif", "--json", "--no-witness"]) == 1
        {...}
        True
    """
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "bench":  # which passes them on
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        status = options.run(options)
        sys.stdout.flush()
        return status
    except (FileError, _UsageError, ConfigError) as error:
        parser.exit(2, f"{parser.prog}: error: {error}\n")
    except BrokenPipeError:
        # the reader has closed the pipe; Python must not flush to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 130


class _UsageError(Exception):
    """The arguments name something that does not exist or cannot be used."""


class _Parser(argparse.ArgumentParser):
    """Reports errors in one line that names the command."""

    def error(self, message: str) -> NoReturn:
        command, _, rest = self.prog.partition(" ")
        self.exit(2, f"{command}: error: {f'{rest}: ' if rest else ''}{message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="smoothspike", description="Spiking neurons whose spikes change continuously.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="declare, verify, derive and train: handwritten digits")
    demo.add_argument("--quick", action="store_true", help="train briefly, as a test")
    demo.add_argument("--output", default="runs/demo", help="folder for summary.json and demo.png (%(default)s)")
    demo.add_argument("--json", action="store_true", help="print the summary as JSON at the end")
    demo.set_defaults(run=_demo)
    certify = commands.add_parser("verify", help="prove or refute that a model's spikes change continuously")
    forms = certify.add_mutually_exclusive_group()
    forms.add_argument("--markdown", action="store_true", help="print the certificate as Markdown")
    forms.add_argument("--json", action="store_true", help="print JSON for machines")
    certify.add_argument("--no-witness", action="store_true", help="do not search for an example of a failure")
    certify.add_argument("--examine", action="store_true", help="compare the certificate with simulations")
    certify.set_defaults(run=_verify)
    solve = commands.add_parser("derive", help="derive a model's exact spikes")
    solve.add_argument("--method", choices=METHODS, help="force a method: %(choices)s")
    forms = solve.add_mutually_exclusive_group()
    forms.add_argument("--latex", action="store_true", help="print the formulas as LaTeX")
    forms.add_argument("--json", action="store_true", help="print JSON for machines")
    solve.set_defaults(run=_derive)
    for command in (certify, solve):
        command.add_argument("model", metavar="MODEL", help="a library name, or file.py:object")
    studies.add_commands(commands)
    listing = commands.add_parser("models", help="list the library's models, each with a line")
    listing.add_argument("--json", action="store_true", help="print JSON for machines")
    listing.set_defaults(run=_models)
    return parser


def _demo(options: argparse.Namespace) -> int:
    from . import demo

    folder = Path(options.output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _UsageError(f"--output {options.output}: {error.strerror}; use a folder that is writable") from error
    try:
        summary = demo.main(folder, quick=options.quick)
    except ImportError as error:
        raise _UsageError(str(error)) from error
    if options.json:
        print(json.dumps(summary))
    return 0


def _verify(options: argparse.Namespace) -> int:
    model = _model(options.model)
    try:
        certificate = verify(model)
    except ModelError as error:
        raise _UsageError(str(error)) from error
    is_searched = certificate.verdict is Verdict.FAILS and not options.no_witness
    witness = examined = None
    if is_searched or options.examine:
        from ..validation import cross_examine, find_witness

        witness = find_witness(certificate) if is_searched else None
        examined = cross_examine(certificate) if options.examine else None
    if options.json:
        found = {"witness": witness and witness.to_dict(), "examination": examined and examined.to_dict()}
        print(json.dumps(certificate.to_dict() | found, indent=1))
    else:
        title = "**Example.**" if options.markdown else "Example:"
        example = f"{title} {witness or 'the search found none; the verdict rests on the proof.'}"
        parts = [certificate.to_markdown() if options.markdown else str(certificate)]
        parts += [example] * is_searched + [str(examined)] * bool(examined)
        text = "\n\n".join(parts)
        print(text if options.markdown else Style.of(sys.stdout).shown(text))
    contradicted = examined is not None and bool(examined.contradictions)
    return 0 if certificate.holds and not contradicted else 1


def _derive(options: argparse.Namespace) -> int:
    model = _model(options.model)
    try:
        derivation = derive(model, options.method)
    except DerivationError as error:
        print(f"smoothspike: no derivation: {error}", file=sys.stderr)
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
    about = {name: (getattr(models, name).__doc__ or "").partition("\n")[0] for name in models.names()}
    width = max(map(len, about))
    lines = [f"{name:{width}}  {line}" for name, line in about.items()]
    print(json.dumps(list(about)) if options.json else "\n".join(lines))
    return 0


def _model(name: str) -> NeuronModel:
    """Return the model of a library name or of `file.py:object`, a model or a function that returns one."""
    if name in models.names():
        return getattr(models, name)()
    path, colon, attribute = name.rpartition(":")
    if colon:
        return model_in(path, attribute)
    if Path(name).is_file():
        raise _UsageError(f"{name} is a file; append the name of a model, as in {name}:model")
    close = get_close_matches(name.lower(), models.names(), n=3)
    guess = f"did you mean {' or '.join(close)}? " if close else ""
    raise _UsageError(f"no model {name!r}; {guess}the library has {', '.join(models.names())}; or use file.py:object")


def _version() -> str:
    try:
        return metadata.version("smoothspike")
    except metadata.PackageNotFoundError:  # run from a folder
        return "(not installed)"
