# The two commands of the project are `make brief` and `make test`; each sets up everything it needs.
# A fresh machine needs python3 (3.11 or newer), make and git.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PLACE ?= KAZ
OUT ?= briefs/$(PLACE).html

.DEFAULT_GOAL = help

help:
	@echo "make brief            write the brief of Kazakhstan to briefs/KAZ.html (PLACE=UZB for another)"
	@echo "make test             run the tests"
	@echo "make check            format, lint, types, tests, docs"
	@echo "make snapshot FROM=…  compile the packaged figures from a folder of publishers' tables"

$(VENV)/.core: pyproject.toml tools/setup.sh
	sh tools/setup.sh "$(PYTHON)" "$(VENV)" .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	sh tools/setup.sh "$(PYTHON)" "$(VENV)" '.[all]' dev
	@touch $@

brief: $(VENV)/.core
	@mkdir -p $(dir $(OUT))
	$(BIN)/keruen brief $(PLACE) --out $(OUT) --force

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto --dist loadfile

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

check: lint types test

snapshot: $(VENV)/.core
	$(BIN)/keruen compile $(FROM)

clean:
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis briefs

.PHONY: help brief test lint types check snapshot clean
