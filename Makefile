# make demo    train the declared neuron on handwritten digits (a few minutes)
# make test    the tests that guard users, in a few minutes; make test-all runs all, optimised and in both precisions
# Both work alone on a fresh clone: they make .venv and install what they need. Another interpreter: make PYTHON=python3.12 test

PYTHON ?= python3
WORKERS ?= 2
# limit of a test's CPU seconds, such as 3 on a machine that you know; none by default, so that a slow one passes
BUDGET ?=
# questions and options of `python -m benchmarks`, such as BENCH="mnist --peer spikegd=FOLDER"; all questions by default
BENCH ?=
# files or folders of tests; all by default
TESTS ?=
# no: a site without Python for the page on which one types equations
BROWSER ?= yes

VENV := .venv
BIN := $(VENV)/bin
# a module's tests stay in one process, where they share what its fixtures compile
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo demo-quick test test-slow test-single test-all wheel bench gallery docs lint clean
.NOTPARALLEL:

help:
	@echo "make demo        train the declared neuron on handwritten digits"
	@echo "make demo-quick  the same in short, to see that it runs"
	@echo "make test        the tests that guard users (WORKERS=$(WORKERS) processes)"
	@echo "make test-slow   the others, compiled as users do; TESTS=\"FOLDER...\" for some of them"
	@echo "make test-single the tests of make test in single precision, compiled as users do"
	@echo "make test-all    everything, for hours: what runs every night"
	@echo "make wheel       build the package into dist/ and look that it is whole"
	@echo "make bench       how fast, side by side with other packages (BENCH=\"NAME... --peer PACKAGE=FOLDER\")"
	@echo "make gallery     compute the gallery again and write its pages (hours; MNIST and others need files: see its pages)"
	@echo "make docs        build the site into build/site; open build/site/index.html (BROWSER=no without npm)"
	@echo "make lint        style, types, import rules, spelling and prose"
	@echo "make clean       remove .venv and caches"

demo: $(VENV)/.installed-datasets
	$(BIN)/smoothspike demo

demo-quick: $(VENV)/.installed-datasets
	$(BIN)/smoothspike demo --quick

test: $(VENV)/.installed-dev
	$(PYTEST) --check-shapes $(if $(BUDGET),--budget $(BUDGET)) --costs 10 $(TESTS)

test-slow: $(VENV)/.installed-dev
	$(PYTEST) --thorough --costs 10 -m slow $(TESTS)

test-single: $(VENV)/.installed-dev
	JAX_ENABLE_X64=0 $(PYTEST) --thorough $(TESTS)

test-all: test-single
	$(PYTEST) --thorough -m "slow or not slow" $(TESTS)

wheel: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/python -m zipfile --list dist/*.whl | grep -c "py.typed" | grep -qx 2

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks $(BENCH)

gallery: $(VENV)/.installed-dev
	$(BIN)/python -m examples --all --record

docs: $(VENV)/.installed-docs
	[ "$(BROWSER)" = no ] || $(BIN)/python docs/_site/browser/build.py build/browser
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file .mkdocs.yml
	@echo "Built build/site/index.html"

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/codespell README.md CONTRIBUTING.md CHANGELOG.md docs smoothspike symbolic examples benchmarks
	$(BIN)/proselint --config .proselintrc.json check README.md CONTRIBUTING.md CHANGELOG.md docs

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make a second call instant; a change of pyproject.toml installs again.
$(VENV)/.installed-datasets: pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "Installing smoothspike into $(VENV) (a minute or two) ..."
	$(PIP_INSTALL) -e ".[datasets]"
	@touch $@

# The dev extra contains the datasets extra.
$(VENV)/.installed-dev: pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "Installing smoothspike and its development tools into $(VENV) (a minute or two) ..."
	$(PIP_INSTALL) -e ".[dev]"
	@touch $@ $(VENV)/.installed-datasets

$(VENV)/.installed-docs: pyproject.toml | $(VENV)/pyvenv.cfg
	@echo "Installing what builds the site into $(VENV) ..."
	$(PIP_INSTALL) -e ".[docs]"
	@touch $@

# A half-made environment (Debian without python3-venv makes one) is removed, so that the next call starts afresh.
$(VENV)/pyvenv.cfg:
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "error: '$(PYTHON)' was not found. Install Python 3.11 or newer, or name it: make PYTHON=/path/to/python ..." >&2; \
		exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: smoothspike needs Python 3.11 or newer, but '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1)." >&2; \
		echo "       Name a newer one: make PYTHON=python3.12 ..." >&2; \
		exit 1; }
	"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }
