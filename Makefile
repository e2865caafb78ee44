# Two commands do everything on a machine with Python >= 3.11, make and pip: `make demo` and `make test`.
# `make help` prints each target with the words that stand beside it after two hashes.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help demo test lint fix check docs goldens pictures accuracy bench mutate clean chosen-python

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "PYTHON=python3.12 makes the environment with that Python, VENV=FOLDER makes it in that folder:"
	@echo "make PYTHON=python3.12 VENV=.venv-python3.12 test"

demo: $(VENV)/.installed ## install, and run: gptcli forward "Every effort moves you"
	$(BIN)/gptcli forward "Every effort moves you"

# Slow tests are grids and random cases beyond those that every run has.
test: $(VENV)/.installed-dev ## install with the development tools, and run the tests; with CI=true the slow ones too
	$(BIN)/python -m pytest -n 3 $(if $(CI),,-m "not slow")

lint: $(VENV)/.installed-dev ## ruff, format, types, import contracts, docs: all that is checked without a test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.docs --check
	$(BIN)/python -m tools.models --check

fix: $(VENV)/.installed-dev ## repair what a tool can repair: ruff's findings, format, docs/cli.md, docs/models.md
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python -m tools.docs --write
	$(BIN)/python -m tools.models --write

check: lint ## before a commit: lint, and the tests without those that are slow or need a peer or a browser
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not parity and not browser"

docs: $(VENV)/.installed-dev ## write docs/cli.md from the help screens
	$(BIN)/python -m tools.docs --write

goldens: $(VENV)/.installed-dev ## write the golden screens of the tests anew; read the diff
	$(BIN)/python -m pytest tests/golden -q --update-goldens

pictures: $(VENV)/.installed-dev ## draw the pictures of the docs
	$(BIN)/python -m tools.pictures

accuracy: $(VENV)/.installed-dev ## print docs/accuracy.md: estimates beside measurements
	$(BIN)/python -m tools.accuracy

bench: $(VENV)/.installed-dev ## time the program beside its peers, and write docs/benchmarks.md
	$(BIN)/python -m benchmarks

# An error at one of SAMPLE places, drawn by SEED, and the tests of the books against it; PORTION=20 judges twenty and
# stops, and the same command goes on. AGAIN=1 judges those again that survived.
SAMPLE  ?= 100
SEED    ?= 0
PORTION ?= 0
mutate: $(VENV)/.installed-dev ## plant one error after the other and see whether the tests notice
	$(BIN)/python -m tools.mutate --sample $(SAMPLE) --seed $(SEED) --portion $(PORTION) $(if $(AGAIN),--again)

clean: ## remove the environment, builds and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .mutation

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: gptcli needs Python 3.11 or newer; choose one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -f $@; exit 1; }

# An environment stays with the Python that made it. Another one that is asked for is refused, never ignored.
chosen-python: $(VENV)/bin/python
ifneq ($(origin PYTHON),file)
	@version='import sys; print(sys.version)'; test "$$($(PYTHON) -c "$$version")" = "$$($(BIN)/python -c "$$version")" || \
	  { echo "error: $(VENV) was made with another Python than $(PYTHON); choose another folder with: make PYTHON=$(PYTHON) VENV=.venv-$(notdir $(PYTHON)) $(MAKECMDGOALS)" >&2; exit 1; }
endif

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt | chosen-python
	@echo "Installing into $(VENV) (a minute or two) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	$(BIN)/python -m compileall -q gptcli
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt | chosen-python
	@echo "Installing into $(VENV), with the development tools (a minute or two) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m compileall -q gptcli
	@touch $@ $(VENV)/.installed
