"""Run the code on pages: `python docs/_site/pages.py PAGE ...` writes its output, and its figures, onto them.

All Python blocks of a page share their names, as the cells of a notebook. A block of `text` right after one is what it
prints. With `--check` nothing is written, and output that differs is an error; numbers may differ by 2 %, as
machines do, and those below 1e-6 are rounding. A comment `<!-- not run: ... -->` above a block excludes it.
"""

import argparse
import contextlib
import io
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("MPLBACKEND", "Agg")
_BLOCK = re.compile(
    r"^(?P<skipped><!-- not run: [^>]*-->\n+)?```python\n(?P<code>.*?)^```\n"
    r"(?P<printed>\n```text\n(?P<text>.*?)^```\n)?",
    re.DOTALL | re.MULTILINE,
)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
TOLERANCE, ROUNDING = 0.02, 1e-6


class Run(NamedTuple):
    """A block of a page and what it printed."""

    block: re.Match
    output: str


def runs(page: Path) -> Iterator[Run]:
    """Run the blocks of a page one after the other, in the present folder."""
    text = page.read_text()
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in _BLOCK.finditer(text):
        if block["skipped"]:
            continue
        above = text.count("\n", 0, block.start("code"))
        code = compile("\n" * above + block["code"], str(page), "exec")  # tracebacks name lines of the page
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, names)
        yield Run(block, "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines()))


def agree(one: str, other: str) -> bool:
    """Compare two outputs, up to white space and small differences of numbers.

    Example:
        >>> agree("loss 0.501, 3 spikes", "loss  0.502, 3 spikes"), agree("3 spikes", "4 spikes")
        (True, False)
    """
    if _NUMBER.sub("#", "".join(one.split())) != _NUMBER.sub("#", "".join(other.split())):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(math.isclose(float(a), float(b), rel_tol=TOLERANCE, abs_tol=ROUNDING) for a, b in pairs)


def check(page: Path) -> list[str]:
    """Run a page; return what is printed otherwise than it says."""
    wrong = []
    for block, output in runs(page):
        if block["printed"] and not agree(output, block["text"]):
            line = page.read_text().count("\n", 0, block.start("text")) + 1
            wrong.append(f"{page}:{line}: the page says\n{block['text']}\nbut the code prints\n{output}")
    return wrong


def rewrite(page: Path) -> None:
    """Run a page, write what it prints onto it, and keep its figures in the folder `images` beside it."""
    before, after, end = page.read_text(), "", 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for block, output in runs(page):
            after += before[end : block.start()] + f"```python\n{block['code']}```\n"
            if output and (block["printed"] or not _says(block["code"])):
                after += f"\n```text\n{output}```\n"
            end = block.end()
        for figure in Path(folder).glob("*.png"):
            shutil.copy(figure, page.parent / "images")
    page.write_text(after + before[end:])


def _says(code: str) -> bool:
    """Whether comments in the code say what it prints."""
    return re.search(r"^# |print\(.*\)  # ", code, re.MULTILINE) is not None


def main() -> int:
    """Run the pages that are named; return how many differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--check", action="store_true", help="write nothing, and compare")
    options = parser.parse_args()
    failed = 0
    for page in map(Path.absolute, options.pages):
        if options.check:
            with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
                wrong = check(page)
            print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
            failed += bool(wrong)
        else:
            rewrite(page)
    return failed


if __name__ == "__main__":
    sys.exit(main())
