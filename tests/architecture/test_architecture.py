"""Rules of the house that no linter knows."""

import importlib
import inspect
import pkgutil
import re
import tomllib
from pathlib import Path
from typing import Generic

import equinox as eqx
import pytest

import smoothspike
import symbolic

ROOT = Path(__file__).parents[2]
PACKAGES = (smoothspike, symbolic)


@pytest.fixture(scope="module")
def modules():
    names = [
        found.name
        for package in PACKAGES
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.name.endswith("__main__")
    ]
    assert len(names) > 30
    return [*PACKAGES, *map(importlib.import_module, names)]


def test_every_module_says_what_it_is_for(modules):
    assert [module.__name__ for module in modules if not (module.__doc__ or "").strip()] == []


def test_public_names_are_documented():
    """Each has its own text, and so has each public method and property."""
    silent, looked_at = [], 0
    for package in PACKAGES:
        for name, member in vars(package).items():
            if name.startswith("_") or not (inspect.isclass(member) or inspect.isfunction(member)):
                continue
            looked_at += 1
            if not (member.__doc__ or "").strip():
                silent.append(name)
            for attribute, value in vars(member).items() if inspect.isclass(member) else ():
                is_offered = inspect.isfunction(value) or isinstance(value, property)
                if not attribute.startswith("_") and is_offered and not (inspect.getdoc(value) or "").strip():
                    silent.append(f"{name}.{attribute}")
    assert looked_at > 20
    assert silent == []


def test_a_module_class_is_abstract_or_final(modules):
    """The class that one reads is the code that runs: nothing is inherited from a concrete class."""
    classes = {
        member
        for module in modules
        for _, member in inspect.getmembers(module, inspect.isclass)
        if member.__module__ == module.__name__ and issubclass(member, eqx.Module)
    }
    assert len(classes) > 20

    def is_abstract(cls):
        return inspect.isabstract(cls) or bool(cls.__abstractmethods__)

    def is_right(cls):
        if is_abstract(cls):
            return cls.__name__.startswith("Abstract")
        bases = [base for base in cls.__bases__ if base not in (eqx.Module, Generic)]
        return cls.__dict__.get("__final__") is True and all(map(inspect.isabstract, bases))

    assert [cls.__qualname__ for cls in classes if not is_right(cls)] == []


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
    extras = (needs for extra, needs in project["optional-dependencies"].items() if extra != "dev")
    wanted = [*project["dependencies"], *(each for needs in extras for each in needs)]
    tested = dict(line.split("==") for line in (ROOT / ".github/oldest.txt").read_text().splitlines() if "==" in line)
    for requirement in wanted:
        name, least = requirement.split(">=")
        assert (tested[name] + ".0").startswith(f"{least}."), requirement


def test_what_is_declared_is_used():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    imports = {"scikit-learn": "sklearn", "python-flint": "flint", "tomli-w": "tomli_w"}
    source = "\n".join(path.read_text() for package in PACKAGES for path in Path(package.__file__).parent.rglob("*.py"))
    for requirement in [*project["dependencies"], "scikit-learn"]:
        name = requirement.partition(">=")[0]
        assert re.search(rf"^\s*(import|from) {imports.get(name, name)}\b", source, re.MULTILINE), name


def test_version_is_stated_once():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert config["project"]["version"] in (ROOT / "CHANGELOG.md").read_text()
