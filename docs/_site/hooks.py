"""What the site adds to pages: formulas, cards of the gallery, notebooks and scripts to download, uses of functions.

MkDocs calls the functions named `on_...` while it builds; see `.mkdocs.yml`.
"""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\s*\\([(\[])(.*?)\\[)\]]\s*</\1>', re.DOTALL)
_ROW = re.compile(r"^\| \[(?P<title>[^\]]+)\]\((?P<name>\w+)\.md\) \|(?P<cells>.*)\|$", re.MULTILINE)
_API = re.compile(r"^::: (?:smoothspike|symbolic)\.(?P<path>[\w.]+)$", re.MULTILINE)
_SCRIPT = re.compile(r"\]\(\.\./(?=(?:\.\./)*examples/)")
#: Pages with wide tables.
_WIDE = {f"lookup/{name}.md" for name in ("models", "accuracy", "cross_examination")} | {"understand/findings.md"}
_PAGE = '<script src="browser/page.js" defer></script>'
_WITHOUT = """!!! warning

    This copy of the site was built without Python for browsers, which `make docs` adds. In a terminal,
    `smoothspike verify file.py:model` gives the same report.
"""


def on_config(config: Any) -> Any:
    """List the entries of the gallery behind its page, and pages without a place at the end of their part."""
    parts = {name: pages for part in config.nav for name, pages in part.items()}
    parts["Gallery"].extend(f"gallery/{name}.md" for name in _entries())
    placed = set(_leaves(config.nav)) | {"lookup/changelog.md"}
    for name, folder in (("Learn", "learn"), ("Do", "do"), ("Understand", "understand"), ("Look up", "lookup")):
        pages = (str(page.relative_to(DOCS)) for page in sorted((DOCS / folder).rglob("*.md")))
        parts[name].extend(page for page in pages if page not in placed)
    return config


def _leaves(nav: Any) -> Iterator[str]:
    """The pages of a navigation."""
    for each in nav.values() if isinstance(nav, dict) else nav:
        yield from [each] if isinstance(each, str) else _leaves(each)


def on_files(files: Files, *, config: Any) -> Files:
    """Add what can be downloaded: scripts of the gallery, and pages of Learn and Do as notebooks."""
    for script in sorted((ROOT / "examples").glob("*.py")):
        files.append(File.generated(config, f"examples/{script.name}", abs_src_path=str(script)))
    for page in [file for file in files.documentation_pages() if _is_notebook(file.src_uri)]:
        notebook = jupytext.writes(jupytext.reads((DOCS / page.src_uri).read_text(), "md"), "ipynb")
        files.append(File.generated(config, page.src_uri.replace(".md", ".ipynb"), content=notebook))
    for script in sorted((ROOT / "build" / "browser").glob("*.js")):
        files.append(File.generated(config, f"learn/browser/{script.name}", abs_src_path=str(script)))
    files.append(File.generated(config, "lookup/changelog.md", content=(ROOT / "CHANGELOG.md").read_text()))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Add cards, links to downloads and uses of functions."""
    source = page.file.src_uri
    if source in _WIDE:
        page.meta["hide"] = ["toc"]
    markdown = markdown.replace("<!-- cards -->", _cards())
    if not (ROOT / "build" / "browser" / "page.js").exists():
        markdown = markdown.replace(_PAGE, _WITHOUT)
    markdown = _SCRIPT.sub("](", markdown)  # scripts lie beside docs, but on the site in it
    if _is_notebook(source):
        name = Path(source).stem
        button = f"\n[:material-download: Notebook]({name}.ipynb){{ .md-button download={name}.ipynb }}\n"
        markdown += button
    if source.startswith("gallery/") and source != "gallery/README.md":
        markdown += f"\n[:material-download: Script](../examples/{Path(source).stem}.py){{ .md-button }}\n"
    if source.startswith("lookup/api/"):
        markdown = _API.sub(lambda match: f"{match.group()}\n\n{_uses(match['path'].split('.')[-1])}", markdown)
    return markdown


def on_page_content(content: str, **_: Any) -> str:
    """Turn LaTeX into MathML, which browsers show without a script."""

    def formula(match: re.Match) -> str:
        display = "block" if match[2] == "[" else "inline"
        return convert(html.unescape(match[3]).strip(), display=display)

    return _FORMULA.sub(formula, content)


def _is_notebook(source: str) -> bool:
    return source.startswith(("learn/", "do/")) and not source.endswith(("index.md", "continuous.md"))


def _entries() -> dict[str, re.Match]:
    return {row["name"]: row for row in _ROW.finditer((DOCS / "gallery" / "README.md").read_text())}


def _cards() -> str:
    """Return a card with a thumbnail for each entry of the gallery."""
    cards = ""
    for name, row in _entries().items():
        published, ours, _, time = (cell.strip() for cell in row["cells"].split(" | "))
        cards += (
            '<div class="card" markdown>\n'
            f"[![{row['title']}](gallery/{name}.png)](gallery/{name}.md)\n\n"
            f"[{row['title']}](gallery/{name}.md){{ .title }}\n\n"
            f"*Published:* {published}\n\n*Here:* {ours}\n\n"
            f"{time} of CPU time · [script](examples/{name}.py){{ .last download={name}.py }}\n"
            "</div>\n"
        )
    return f'<div class="cards" markdown>\n{cards}</div>'


def _uses(name: str) -> str:
    """Return links to the pages that use a function, as far as they name it in code."""
    used = re.compile(
        rf"\b(?:ss|losses|models|datasets|callbacks|plot|parallel|exchange|rec|record|net)\.(?:\w+\.)*{name}\b"
    )
    pages = [
        page for part in ("learn", "do", "gallery") for page in sorted((DOCS / part).glob("*.md"))
        if used.search(page.read_text()) and page.stem != "README"
    ]  # fmt: skip
    links = [f"[{_title(page)}](../../{page.relative_to(DOCS)})" for page in pages]
    scripts = [
        f"[{script.name}](../../examples/{script.name})"
        for script in sorted((ROOT / "examples").glob("*.py"))
        if used.search(script.read_text())
    ]
    return f'<p class="used" markdown>Used in: {", ".join([*links, *scripts])}</p>\n' if links or scripts else ""


def _title(page: Path) -> str:
    return next(line[2:] for line in page.read_text().splitlines() if line.startswith("# "))
