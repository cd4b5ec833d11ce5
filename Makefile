# Needs make and Python 3.11 or newer; everything else goes into .venv.
PYTHON ?= python3
PYTEST_ARGS ?=
BENCH_ARGS ?=

VENV := .venv
LOWEST := .venv-lowest
BENCH := .venv-bench
BENCH_OLD := .venv-bench-old
BENCHMARKS := $(BENCH)/bin/python -m benchmarks --old $(BENCH_OLD)/bin/python
RESULTS := benchmarks/results.json
RUN := $(VENV)/bin/python -m
PIP := -m pip --disable-pip-version-check --no-input --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types imports docs lowest picture bench bench-quick clean

help:
	@echo "make demo     show the extension at work on a fresh SQLite application"
	@echo "make test     run the test-suite"
	@echo "make check    run ruff, mypy, pyright, import-linter and the docs build"
	@echo "make docs     build the user guide into docs/_build"
	@echo "make lowest   run the test-suite with the oldest supported releases"
	@echo "make picture  make the picture of the terminal again"
	@echo "make bench    compare with the predecessors, write it into the guide (a good hour)"
	@echo "make bench-quick  the rows that say most (three minutes)"
	@echo "make clean    remove what these commands have made"

demo: $(VENV)/demo.stamp
	@$(VENV)/bin/python scripts/demo.py

test: $(VENV)/dev.stamp
	$(RUN) pytest -n 3 $(PYTEST_ARGS)

check: lint types imports docs

lint: $(VENV)/dev.stamp
	$(RUN) ruff check --no-fix .
	$(RUN) ruff format --check .

types: $(VENV)/dev.stamp
	$(RUN) mypy
	$(RUN) pyright --pythonpath $(VENV)/bin/python

imports: $(VENV)/dev.stamp
	$(VENV)/bin/lint-imports --no-logo

docs: $(VENV)/dev.stamp
	$(RUN) sphinx -W -n --keep-going -q -b html docs docs/_build/html

lowest: $(LOWEST)/dev.stamp
	$(LOWEST)/bin/python -m pytest -n 3 $(PYTEST_ARGS)

picture: $(VENV)/demo.stamp
	$(VENV)/bin/python scripts/picture.py docs/_static/terminal.svg

bench: $(BENCH)/bench.stamp $(BENCH_OLD)/bench.stamp
	$(BENCHMARKS) --json $(RESULTS) $(BENCH_ARGS)
	$(BENCH)/bin/python -m benchmarks.page $(RESULTS)

bench-quick: $(BENCH)/bench.stamp $(BENCH_OLD)/bench.stamp
	$(BENCHMARKS) --quick --json build/bench-quick.json

clean:
	rm -rf $(VENV) $(LOWEST) $(BENCH) $(BENCH_OLD) docs/_build build dist

# A stamp is younger than all that was installed for it: nothing is installed twice.
$(VENV)/%.stamp: requirements/%.txt pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python $(PIP) install -r $<
	$(VENV)/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(LOWEST)/dev.stamp: requirements/lowest.txt pyproject.toml | $(LOWEST)/bin/python
	$(LOWEST)/bin/python $(PIP) install -r $<
	$(LOWEST)/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Not editable: what is measured is what is installed.
$(BENCH)/bench.stamp: requirements/bench.txt requirements/demo.txt pyproject.toml \
		$(shell find src -name '*.py') | $(BENCH)/bin/python
	$(BENCH)/bin/python $(PIP) install -r $<
	$(BENCH)/bin/python $(PIP) install --no-deps --no-build-isolation --force-reinstall .
	@touch $@

$(BENCH_OLD)/bench.stamp: requirements/bench-old.txt | $(BENCH_OLD)/bin/python
	$(BENCH_OLD)/bin/python $(PIP) install -r $<
	@touch $@

$(VENV)/bin/python $(LOWEST)/bin/python $(BENCH)/bin/python $(BENCH_OLD)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed; name one with PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(@:/bin/python=)
