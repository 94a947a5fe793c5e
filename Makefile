# Each target makes .venv with what it needs; a fresh machine needs only Python 3.11+ with venv.
# The byte code is made at once: where PYTHONDONTWRITEBYTECODE is set, each process would make it again.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# On Linux the plain wheel of PyTorch brings CUDA along; its CPU index saves the download. Unreachable: the plain one.
TORCH := torch==2.13.0
TORCH_INDEX ?= $(if $(filter Linux,$(shell uname -s)),https://download.pytorch.org/whl/cpu)

# Each test process compiles with several threads already: more than a few gain nothing.
WORKERS ?= 2

SOURCES := pyproject.toml setup.py $(wildcard kilnn/native/src/*)

.PHONY: demo tutorial test test-all fuzz lint format bench gpu-check clean

demo: $(VENV)/.demo
	$(BIN)/python examples/digits.py

tutorial: $(VENV)/.demo
	@for script in $(sort $(wildcard examples/tutorial/*.py)); do \
		echo "== $$script"; $(BIN)/python $$script || exit 1; echo; done

test: $(VENV)/.test
	$(BIN)/python -m pytest -q -m "not slow" -n $(WORKERS) --dist loadfile

test-all: $(VENV)/.test
	$(BIN)/python -m pytest -q --slow

# Generated programs beside PyTorch, lazily and eagerly: about an hour. Another SEED gives others.
COUNT ?= 10000
SEED ?= 0
fuzz: $(VENV)/.test
	$(BIN)/python -m tests.engine.fuzz.run --count $(COUNT) --seed $(SEED)
	$(BIN)/python -m tests.engine.fuzz.run --count $(COUNT) --seed $(SEED) --eager

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

# The device tests and the benchmark on an NVIDIA GPU; CUDA=cuda12 for older drivers.
CUDA ?= cuda13
gpu-check: $(VENV)/.test
	$(PIP) install -q -e '.[test,$(CUDA)]'
	$(BIN)/python -c 'import kilnn, sys; sys.exit(None if kilnn.cuda.is_available() else "no CUDA device")'
	$(BIN)/python -m pytest -q tests/gpu tests/parity
	$(BIN)/python -m benchmarks.gpu

clean:
	rm -rf $(VENV) build dist kilnn/native/*.so *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("kilnn needs Python 3.11 or newer: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(SOURCES) | $(BIN)/python
	$(PIP) install -q -e '.[demo]'
	$(BIN)/python -m compileall -q kilnn
	touch $@

$(VENV)/.test: $(SOURCES) | $(BIN)/python
	$(if $(TORCH_INDEX),-$(PIP) install -q --retries 0 --timeout 20 --index-url $(TORCH_INDEX) '$(TORCH)')
	$(PIP) install -q -e '.[test]'
	$(BIN)/python -m compileall -q kilnn
	touch $@
