"""How fast is smoothspike? Benchmarks side by side with other packages, on the same work in one process.

Answers are compared before anything is timed: if they disagree, no ratio is printed. Times are medians of interleaved
runs after a warm-up; compilation is listed separately.
"""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import jax

from .measuring import hardware
from .peers import HOW_TO_GET
from .question import Options, Report, as_markdown, as_text, described

QUESTIONS = {
    "mnist": "a training step of a 784-100-100-10 network of theta neurons (peer: spikegd)",
    "yin_yang": "a training step on the Yin-Yang task, and errors of spike times (peer: eventax)",
    "recurrent": "a gradient through up to 5000 events of a recurrent network (peer: spikegd)",
    "sparse": "the cost of an event in recurrent networks of up to 100,000 neurons",
    "scaling": "the scaling of a gradient with neurons, events, batch and layers",
    "speech": "700 channels and 5000 input spikes a sample: events per second",
    "layers": "quadratic and leaky layers of any time constants beside the closed form",
    "prefix": "a layer as products of matrices, beside the scan from input to input",
    "precision": "single and double precision on handwritten digits (peer: spikegd)",
    "brian2": "simulation alone, at the step with which Brian2 is as exact as 1e-3 (peer: brian2)",
    "landscape": "jumps of the loss on random lines, beside those on a fine grid of another simulation",
    "processor": "where the time of a neuron and input goes, and loops in another order",
    "roofline": "one neuron update against the limits of memory and arithmetic",
}

# for all measurements, including peers: large arrays then need few entries of the page table
_HUGE_PAGES = "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"

# a module of a package's own name would hide it
MODULES = {"brian2": "clock_driven"}


def main() -> None:
    options = _parser().parse_args()
    if options.list:
        for name, text in QUESTIONS.items():
            print(f"{name:10} {text}")
        return
    if options.huge_pages:
        _start_again_with_huge_pages()
    jax.config.update("jax_num_cpu_devices", options.devices)
    machine = hardware()
    print(f"on {described(machine)}\n", flush=True)
    reports: dict[str, Report] = {}
    for name in options.names or QUESTIONS:
        question = importlib.import_module(f".{MODULES.get(name, name)}", __package__)
        reports[name] = question.answer(Options(dict(options.peer), options.repeats, options.quick))
        reports[name].figures["load"] = hardware()["load"]  # of the machine, by this and other work
        print(as_text(reports[name]), flush=True)
        _write(options, machine, reports)  # immediately: later questions may fail
    sys.exit(not all(agreement.holds for report in reports.values() for agreement in report.agreements))


def _write(options: argparse.Namespace, machine: dict[str, Any], reports: dict[str, Report]) -> None:
    """Write the results so far to the requested files."""
    if options.json:
        everything = {"hardware": machine, "questions": {name: report.as_json() for name, report in reports.items()}}
        options.json.write_text(json.dumps(everything, indent=1) + "\n")
    if options.markdown:
        chosen = ["--quick"] * options.quick + ["--huge-pages"] * options.huge_pages
        command = " ".join(["python -m benchmarks", *options.names, *chosen])
        options.markdown.write_text(as_markdown(reports, machine, command))


def _parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:10} {text}" for name, text in QUESTIONS.items())
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        description=f"{__doc__}\nQuestions:\n{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*QUESTIONS, []], help="questions; default: all")
    parser.add_argument("--list", action="store_true", help="list the questions")
    parser.add_argument(
        "--peer", action="append", default=[], type=_peer, metavar="NAME=FOLDER", help="where to import a peer from"
    )
    parser.add_argument("--repeats", type=int, default=7, help="number of timed runs")
    parser.add_argument("--devices", type=int, default=_cores(), help="number of CPU devices in JAX (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables to a file")
    parser.add_argument("--huge-pages", action="store_true", help=f"set {_HUGE_PAGES} first (Linux with glibc)")
    parser.add_argument("--quick", action="store_true", help="less work, as a test")
    return parser


def _start_again_with_huge_pages() -> None:
    """Run this command again, as glibc reads its settings only when a process starts."""
    name, _, setting = _HUGE_PAGES.partition("=")
    settings = [each for each in os.environ.get(name, "").split(":") if each]
    if setting not in settings:
        os.environ[name] = ":".join([*settings, setting])
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks", *sys.argv[1:]])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _peer(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if name not in HOW_TO_GET or not folder:
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=FOLDER with a name of {', '.join(HOW_TO_GET)}")
    if not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{folder} is not a folder")
    return name, Path(folder)


if __name__ == "__main__":
    main()
