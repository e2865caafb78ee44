# Two commands do everything on a machine with Python >= 3.11, make and pip: `make demo` and `make test`.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint docs goldens pictures accuracy bench mutate clean

demo: $(VENV)/.installed
	$(BIN)/gptcli forward "Every effort moves you"

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.docs --check

docs: $(VENV)/.installed-dev
	$(BIN)/python -m tools.docs --write

goldens: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/golden -q --update-goldens

pictures: $(VENV)/.installed-dev
	$(BIN)/python -m tools.pictures

accuracy: $(VENV)/.installed-dev
	$(BIN)/python -m tools.accuracy

# An error at one of SAMPLE places, drawn by SEED, and the tests of the books against it; PORTION=20 judges twenty and
# stops, and the same command goes on. AGAIN=1 judges those again that survived.
SAMPLE  ?= 100
SEED    ?= 0
PORTION ?= 0
mutate: $(VENV)/.installed-dev
	$(BIN)/python -m tools.mutate --sample $(SAMPLE) --seed $(SEED) --portion $(PORTION) $(if $(AGAIN),--again)

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .mutation

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: gptcli needs Python 3.11 or newer; choose one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (a minute or two) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	$(BIN)/python -m compileall -q gptcli
	@touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing into $(VENV), with the development tools (a minute or two) ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m compileall -q gptcli
	@touch $@ $(VENV)/.installed
