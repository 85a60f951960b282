# The two commands: `make app` starts the explorer, `make test` checks everything.
PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8501
ADDRESS ?= localhost
DEVICE ?= auto
DATA   ?=
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup app test lint format types contracts notebooks bench fuzz voices recordings assets layouts report evidence clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make app PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app-ready: requirements.txt pyproject.toml | $(BIN)/python
	$(PIP) install -r requirements.txt
	$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/.dev-ready: requirements-dev.txt $(VENV)/.app-ready
	$(PIP) install -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.app-ready ## install what the app needs into .venv

app: $(VENV)/.app-ready ## start the explorer on http://localhost:8501
	GRAM_DEVICE=$(DEVICE) $(BIN)/python -m streamlit run app/main.py --server.port $(PORT) --server.address $(ADDRESS) \
	  $(if $(DATA),-- --data-dir "$(DATA)")

test: $(VENV)/.dev-ready lint types contracts ## lint, types, import contracts and every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not browser" -n auto
	$(BIN)/python -m pytest -m browser

lint: $(VENV)/.dev-ready ## check style and docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/.dev-ready ## bring the code to the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/.dev-ready ## check types
	$(BIN)/mypy

contracts: $(VENV)/.dev-ready ## check that imports run one way
	$(BIN)/lint-imports

notebooks: $(VENV)/.dev-ready ## run every notebook from top to bottom
	$(BIN)/python -m pytest tests/test_notebooks.py

bench: $(VENV)/.dev-ready ## run the benchmarks; print each one's table, then all beside their aims
	$(BIN)/python benchmarks/all.py

fuzz: $(VENV)/.dev-ready ## damage 10,000 files of every kind that is read; each must open or be refused
	nice $(BIN)/python -m tests.fuzz.importers --count 10000

voices: $(VENV)/.app-ready ## build the packed voices (needs espeak-ng)
	$(BIN)/python -m gram.datasets.spoken_numbers.build_voices

recordings: $(VENV)/.app-ready ## download and check the real recordings for training (CC BY-SA 4.0)
	$(BIN)/python -m gram.datasets.spoken_numbers.fsdd data/fsdd

assets: $(VENV)/.app-ready ## train both models, embed, lay out and measure: all that assets/numbers holds
	for loss in gram cosine; do \
	  $(BIN)/python -m gram train --loss $$loss --robust --out assets/numbers/$$loss --device $(DEVICE) || exit 1; \
	done
	$(MAKE) layouts report

layouts: $(VENV)/.app-ready ## compute the projections that ship with the models
	for loss in gram cosine; do \
	  $(BIN)/python -m gram.projection assets/numbers/$$loss/test assets/numbers/$$loss/layouts || exit 1; \
	done

report: $(VENV)/.app-ready ## measure the shipped models; write the model card and the README's tables
	$(BIN)/python -m gram.training.spoken_numbers.report

evidence: $(VENV)/.app-ready ## carry out all experiments (90 minutes on two cores) and write the README's findings
	$(BIN)/python -m gram experiment all
	$(BIN)/python -m gram.experiments.report

clean: ## remove what was made here, .venv included
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
