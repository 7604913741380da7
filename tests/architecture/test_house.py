"""Rules of the house that no linter knows."""

import importlib
import inspect
import pkgutil
import re
import tomllib
from pathlib import Path

import equinox as eqx
import pytest

import smoothspike
import symbolic

ROOT = Path(__file__).parents[2]
PACKAGES = (smoothspike, symbolic)


def modules():
    for package in PACKAGES:
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield importlib.import_module(found.name)


MODULES = list(modules())
CLASSES = sorted(
    {
        member
        for module in MODULES
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__
    },
    key=lambda cls: (cls.__module__, cls.__qualname__),
)
PUBLIC = sorted(
    (f"{package.__name__}.{name}", member)
    for package in PACKAGES
    for name, member in vars(package).items()
    if not name.startswith("_") and (inspect.isclass(member) or inspect.isfunction(member))
)


def test_something_is_found():
    assert len(MODULES) > 30
    assert len(CLASSES) > 20
    assert len(PUBLIC) > 20


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_module_says_what_it_is_for(module):
    assert (module.__doc__ or "").strip()


@pytest.mark.parametrize("name", [name for name, _ in PUBLIC])
def test_public_names_are_documented(name):
    """Each has its own text, and so has each public method and property."""
    member = dict(PUBLIC)[name]
    assert (member.__doc__ or "").strip()
    if inspect.isclass(member):
        for attribute, value in vars(member).items():
            if not attribute.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert (inspect.getdoc(value) or "").strip(), attribute


@pytest.mark.parametrize("cls", [c for c in CLASSES if issubclass(c, eqx.Module)], ids=lambda cls: cls.__name__)
def test_a_module_class_is_abstract_or_final(cls):
    """The class that one reads is the code that runs: nothing is inherited from a concrete class."""
    if inspect.isabstract(cls) or cls.__abstractmethods__:
        assert cls.__name__.startswith("Abstract")
    else:
        assert cls.__dict__.get("__final__") is True
        assert all(base is eqx.Module or inspect.isabstract(base) for base in cls.__bases__)


def test_configured_paths_exist():
    """Tools that are pointed at a missing folder pass without looking at anything."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pytest_paths = config["tool"]["pytest"]["ini_options"]
    paths = [
        *config["tool"]["pyright"]["include"],
        *pytest_paths["testpaths"],
        *pytest_paths["pythonpath"],
        *config["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"],
        config["project"]["readme"],
    ]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    module, _, function = config["project"]["scripts"]["smoothspike"].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_type_checkers_see_the_types():
    for package in PACKAGES:
        assert (Path(package.__file__).parent / "py.typed").exists()


def test_the_oldest_versions_are_those_that_are_tested():
    """What pyproject.toml admits and what the workflow installs are the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["datasets"]]
    tested = dict(line.split("==") for line in (ROOT / ".github/oldest.txt").read_text().splitlines() if "==" in line)
    for requirement in wanted:
        name, least = requirement.split(">=")
        assert (tested[name] + ".0").startswith(f"{least}."), requirement


def test_what_is_declared_is_used():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    imports = {"scikit-learn": "sklearn", "python-flint": "flint"}
    source = "\n".join(path.read_text() for package in PACKAGES for path in Path(package.__file__).parent.rglob("*.py"))
    for requirement in [*project["dependencies"], "scikit-learn"]:
        name = requirement.partition(">=")[0]
        assert re.search(rf"^\s*(import|from) {imports.get(name, name)}\b", source, re.MULTILINE), name


def test_version_is_stated_once():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert config["project"]["version"] in (ROOT / "CHANGELOG.md").read_text()
