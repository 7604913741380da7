"""The site says what is there: all public names, links that lead somewhere, numbers that were recorded."""

import ast
import importlib.util
import inspect
import json
import re
import sys
from pathlib import Path

import pytest

import smoothspike as ss

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# `symbolic` and JAX's own names are not ours; `models` has a table of its own
MODULES = "baselines", "datasets", "exchange", "losses", "parallel", "plot", "validation"
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def load(path, monkeypatch):
    monkeypatch.syspath_prepend(str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exported(module):
    """The names that a module offers: those it imports under their own name."""
    tree = ast.parse(Path(module.__file__).read_text())
    imports = [each for each in tree.body if isinstance(each, ast.ImportFrom)]
    return {alias.asname for each in imports for alias in each.names if alias.asname and alias.asname[0] != "_"}


def test_every_public_name_is_in_the_reference():
    reference = "\n".join(page.read_text() for page in (DOCS / "lookup" / "api").glob("*.md"))
    documented = set(re.findall(r"^::: [\w.]*\.(\w+)$", reference, re.MULTILINE))
    documented |= set(re.findall(r"`ss\.(?:\w+\.)*(\w+)`", reference))
    names = exported(ss) - {"callbacks", "models", *MODULES}
    for module in MODULES:
        names |= exported(getattr(ss, module))
    names |= set(ss.models.names())
    assert len(names) > 100
    assert names - documented == set()


def test_every_page_is_in_one_of_the_four_parts():
    strays = {page.relative_to(DOCS).parts[0] for page in PAGES} - {"learn", "do", "understand", "lookup", "gallery"}
    assert strays == {"index.md"}


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.stem)
def test_links_lead_to_files(page):
    generated = {"changelog.md"}
    links = [link for link in LINK.findall(page.read_text()) if Path(link).name not in generated]
    missing = [link for link in links if not (page.parent / link).exists()]
    if page == DOCS / "index.md":
        missing = [link for link in missing if not link.startswith("gallery/")]
    assert missing == []


def test_the_numbers_of_the_readme_were_recorded():
    readme = (ROOT / "README.md").read_text()
    continuity, two = (
        json.loads((DOCS / "gallery" / f"{name}.json").read_text())["numbers"]
        for name in ("continuity", "two_spike_times")
    )
    assert f"**{continuity['qif']['weight']['jump']:.0e}** membrane" in readme
    assert f"{continuity['lif']['weight']['jump']:.1f} (leaky neuron)" in readme
    assert f"**{two['paper']['loss']:.0e}**" in readme
    findings = (DOCS / "understand" / "findings.md").read_text().partition("## A training step on Yin-Yang")[0]
    ours, theirs = re.findall(
        r"^\| loss and gradient \| (?:smoothspike|spikegd) \| ([\d.]+) m?s", findings, re.MULTILINE
    )
    assert f"**{float(ours):.0f} ms**; {theirs} s by" in readme


def test_signatures_show_names_instead_of_private_unions():
    for name in exported(ss):
        member = getattr(ss, name)
        is_error = inspect.isclass(member) and issubclass(member, Exception)
        if inspect.isfunction(member) or (inspect.isclass(member) and not is_error):
            shown = str(inspect.signature(member))
            assert "_NestedSequence" not in shown, name
            assert "jaxlib._jax.Array, '2'" not in shown, name
    assert "**declaration" not in str(inspect.signature(ss.NeuronModel.from_equations))


def test_output_may_differ_by_rounding_only(monkeypatch):
    pages = load(DOCS / "_site" / "pages.py", monkeypatch)
    assert pages.agree("loss 0.501 after 3 epochs", "loss  0.502 after 3 epochs")
    assert pages.agree("error 3e-9", "error 5e-10")
    assert not pages.agree("loss 0.501", "loss 0.52")
    assert not pages.agree("3 spikes", "3 trials")


def test_output_is_written_onto_a_page_and_checked(monkeypatch, tmp_path):
    pages = load(DOCS / "_site" / "pages.py", monkeypatch)
    page = tmp_path / "page.md"
    page.write_text("```python\nx = 2\nprint(x * 3)\n```\n\n<!-- not run: no -->\n```python\n1 / 0\n```\n")
    pages.rewrite(page)
    assert "```text\n6\n```" in page.read_text()
    assert pages.check(page) == []
    page.write_text(page.read_text().replace("6", "7"))
    assert "page.md:7: the page says\n7" in pages.check(page)[0]


@pytest.fixture
def browser(monkeypatch):
    pytest.importorskip("latex2mathml")
    report = load(DOCS / "_site" / "browser" / "report.py", monkeypatch).report
    yield lambda **fields: report(json.dumps(fields))
    sys.modules.pop("phase_line", None)


def examples():
    page = (DOCS / "learn" / "continuous.md").read_text()
    return json.loads(page.partition('id="examples">')[2].partition("</script>")[0])


VERDICTS = {"quadratic (QIF)": "holds", "leaky (LIF)": "fails", "exponential (EIF)": "holds", "Izhikevich": "fails"}


@pytest.mark.parametrize("name", VERDICTS)
def test_the_report_on_typed_equations(browser, name):
    html = browser(**examples()[name])
    assert f'class="verdict {VERDICTS[name]}"' in html
    assert "<svg" in html
    assert html.count("<math") > 5
    assert "nan" not in html


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"equations": "dV/dt = __import__('os').system('ls')"}, "unexpected character"),
        ({"equations": "dV/dt = V**2 + J"}, "neither a state nor a parameter"),
        ({"parameters": "tau_m = eval(1), tau_s = 1"}, "is not a number"),
        ({"equations": "dV/dt = " + "V + " * 2000 + "1"}, "longer than 5000 letters"),
        ({"reset": "V = <script>"}, "&lt;script&gt;"),
    ],
)
def test_what_is_no_declaration_is_refused(browser, changes, message):
    html = browser(**(examples()["quadratic (QIF)"] | changes))
    assert 'class="verdict wrong"' in html
    assert message in html
    assert "<script" not in html
