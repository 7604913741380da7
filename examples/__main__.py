"""The gallery: `python -m examples [NAME ...] [--quick] [--record]` runs its entries, each in a process of its own.

Without names it lists them; `--all` runs all. `--record` writes their pages, numbers and figures to docs/gallery, and
the table of all entries; `--pages` only rewrites these from recorded numbers.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER))  # scripts import the module `gallery` from their own folder

from gallery import RECORDS, Entry, row, write_page  # noqa: E402

#: In the order of the table.
NAMES = (
    "continuity", "two_spike_times", "precise_spike_trains", "mnist_from_silence", "event_prop", "learnt_delays",
    "quadratic_against_leaky", "surrogate_gradients", "landscapes", "sparse_balanced", "receptor",
    "learn_time_constants", "mean_field", "own_neuron",
)  # fmt: skip
_HEAD = """# Gallery

What the package rests on, reproduced and carried further. Each entry is one script, one figure, one file of numbers
and one page: what was published, what we get, how to rerun it. All numbers come from the scripts; accuracies are by
ordinary spikes unless a page says otherwise.

| entry | published | ours | seeds | CPU time |
|---|---|---|---|---|
"""


def entry(name: str) -> Entry:
    """Import a script and return its entry."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ENTRY


def recorded() -> dict[str, dict]:
    """Return the numbers of all entries that have been recorded."""
    files = {name: RECORDS / f"{name}.json" for name in NAMES}
    return {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}


def table() -> str:
    """Return the page with all entries."""
    return _HEAD + "\n".join(row(name, entry(name), record) for name, record in recorded().items()) + "\n"


def write_pages() -> None:
    """Rewrite all pages from recorded numbers."""
    for name, record in recorded().items():
        write_page(name, entry(name), record)
    (RECORDS / "README.md").write_text(table())


def main() -> int:
    """Run entries; return how many failed."""
    parser = argparse.ArgumentParser(prog="python -m examples", description="Run entries of the gallery.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--all", action="store_true", help="run all entries")
    parser.add_argument("--quick", action="store_true", help="short runs, as a test")
    parser.add_argument("--record", action="store_true", help="write pages, numbers and figures to docs/gallery")
    parser.add_argument("--pages", action="store_true", help="only rewrite pages from recorded numbers")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"there is no entry {unknown[0]}; there are {', '.join(NAMES)}")
    if options.pages:
        write_pages()
        return 0
    chosen = NAMES if options.all else options.names
    if not chosen:
        print("\n".join(NAMES))
        return 0
    options_of_each = [f"--{name}" for name in ("quick", "record") if getattr(options, name)]
    failed = []
    for name in chosen:
        print(f"==> {name}", flush=True)
        command = [sys.executable, str(FOLDER / f"{name}.py"), *options_of_each]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    if options.record:
        write_pages()
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
