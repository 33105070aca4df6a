# Two commands do all the set-up: `make demo` and `make test`. Both build their own .venv.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin

.PHONY: demo train-demo test fuzz lint gate clean

demo: $(STAMP)
	$(BIN)/vstain-bench demo --out demo

train-demo: $(STAMP)
	PYTHON=$(BIN)/python benchmarks/phantom/train_demo.sh build/train-demo

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal

fuzz: $(STAMP)
	nice -n 10 $(BIN)/python -m benchmarks.fuzz.images --png 30000 --jpeg 20000 --tiff 10000

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

gate: $(STAMP)
	rm -rf build/gate
	PYTHON=$(BIN)/python benchmarks/phantom/gate.sh build/gate

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vstain-bench needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

clean:
	rm -rf $(VENV) demo
