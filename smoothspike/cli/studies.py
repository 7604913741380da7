"""The commands that run a configuration: `smoothspike train | search | landscape CONFIG`, and `smoothspike bench`."""

import argparse
import contextlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from ..studies.config import ConfigError, load
from ..studies.runs.folder import RunFolder
from ..studies.runs.landscape import run_landscape
from ..studies.runs.quick import quick
from ..studies.runs.search import run_search
from ..studies.runs.train import train

_RUNS = {"train": train, "search": run_search, "landscape": run_landscape}
_HELP = {
    "train": "train the networks of a configuration, evaluate and draw them",
    "search": "search for hyperparameters as [search] of a configuration says",
    "landscape": "compute the loss and its jumps around a network, as [landscape] of a configuration says",
}
_BENCHMARKS = (
    "the benchmarks are not part of the installed package: get the sources (the address is on the project's page), and "
    "run `python -m benchmarks` there, or this command in that folder"
)


def add_commands(commands: Any) -> None:
    """Add the commands to a parser."""
    for name, text in _HELP.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("config", metavar="CONFIG", help="a file in TOML, see docs/lookup/config.md")
        command.add_argument("--output", metavar="FOLDER", help=f"folder of the run (runs/{name}/NAME)")
        command.add_argument("--quick", action="store_true", help="run briefly, as a test")
        command.add_argument("--overwrite", action="store_true", help="remove another run that is in the folder")
        command.add_argument("--json", action="store_true", help="print the metrics as JSON")
        command.set_defaults(run=_run)
    bench = commands.add_parser(
        "bench", help="how fast: run the benchmarks, in a folder of the sources",
        epilog="All other options are passed on to `python -m benchmarks`.",
    )  # fmt: skip
    bench.add_argument("names", nargs="*", metavar="QUESTION", help="questions; --list says which there are")
    bench.set_defaults(run=_bench)


def _run(options: argparse.Namespace) -> int:
    config, source = load(options.config)
    told = None
    if options.quick:
        config, told = quick(config, source)
    name = f"{Path(options.config).stem}{'-quick' if options.quick else ''}"
    output = Path(options.output or Path("runs") / options.command / name)
    if told:
        print(f"smoothspike: {told}", file=sys.stderr)
    folder = RunFolder(output, options.command, config, source.folder, overwrite=options.overwrite)
    try:
        with _compiled_fast() if options.quick else contextlib.nullcontext():
            metrics = _RUNS[options.command](config, source, folder, progress=not options.json)
    except (ConfigError, ImportError) as error:
        folder.abandon()
        raise ConfigError(str(error)) from error
    except (RuntimeError, FloatingPointError) as error:
        print(f"smoothspike: {options.command}: {error}", file=sys.stderr)
        return 1
    table = metrics.get("table")
    shown = {key: value for key, value in metrics.items() if key != "table"}
    if options.json:
        print(json.dumps({"folder": str(output), "data": told, **shown}))
    else:
        print(table or (_table(shown) if "test" in shown else json.dumps(shown, indent=1)))
        print(f"\nWrote {output}")
    return 0


@contextlib.contextmanager
def _compiled_fast() -> Iterator[None]:
    """Compile without optimisations: a run of few steps is over sooner."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)


def _table(metrics: Mapping[str, Any]) -> str:
    """Tabulate the metrics of a training, with deviations where there are several networks."""
    lines = [f"{'':34} {'validation':>18} {'test':>18}"]
    for name in metrics["test"]:
        cells = []
        for part in ("validation", "test"):
            spread = metrics.get(f"{part}_deviation", {}).get(name)
            cells.append(f"{metrics[part][name]:.4f}" + ("" if spread is None else f" +- {spread:.4f}"))
        lines.append(f"{name.replace('_', ' '):34} {cells[0]:>18} {cells[1]:>18}")
    return "\n".join(lines)


def _bench(options: argparse.Namespace) -> int:
    sys.path.insert(0, "")  # the current folder
    try:
        is_there = importlib.util.find_spec("benchmarks.question") is not None
    except ModuleNotFoundError:
        is_there = False
    finally:
        sys.path.remove("")
    if not is_there:
        raise ConfigError(_BENCHMARKS)
    return subprocess.run([sys.executable, "-m", "benchmarks", *options.names, *options.rest], check=False).returncode
