# `make demo` shows what taylorad does, `make test` runs all that CI runs.
# Both need only Python 3.11 or newer; `make test PYTHON=python3.13` picks which.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Figures go to files, also where there is no screen.
export MPLBACKEND := Agg

# A half-made environment must not pass for a whole one.
.DELETE_ON_ERROR:

.PHONY: demo test lint types layers docs examples unit bench format clean

demo: $(VENV)/demo.stamp
	$(BIN)/python examples/demo.py

# The quick checks first, pytest and its summary last.
test: lint types layers docs examples unit

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test.stamp
	$(BIN)/mypy

layers: $(VENV)/test.stamp
	$(BIN)/lint-imports

# -E: a page that warned in the last build must warn again.
docs: $(VENV)/test.stamp
	$(BIN)/sphinx-build -E -W --keep-going -q docs docs/_build

examples: $(VENV)/test.stamp
	@set -e; for script in $(wildcard examples/*.py); do \
		echo "$$script"; $(BIN)/python $$script; \
	done

unit: $(VENV)/test.stamp
	$(BIN)/python -m pytest -n 2

bench: $(VENV)/bench.stamp
	@set -e; for script in $(wildcard benchmarks/*.py); do \
		echo "$$script"; $(BIN)/python $$script; \
	done

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist docs/_build examples/output
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find taylorad tests examples benchmarks docs -name __pycache__ -prune -exec rm -rf {} +

# One environment; a stamp for each set of extras, renewed when pyproject.toml changes.
$(VENV)/demo.stamp: EXTRAS := plot
$(VENV)/test.stamp: EXTRAS := test,docs,plot
$(VENV)/bench.stamp: EXTRAS := bench

$(VENV)/%.stamp: pyproject.toml | $(BIN)/python
	$(PIP) --editable '.[$(EXTRAS)]'
	@touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
