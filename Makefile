# Plain `make` lists the targets. Every target brings its own set-up: Python 3.11 or newer is all that has to be there.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo test check bench chaos docs lock clean

VENV := .venv
PYTHON := $(VENV)/bin/python
# The stamp names the lock and the place: a changed lock or a moved checkout sets up again, anything else starts at once.
STAMP := $(VENV)/ready-$(shell { cat constraints.txt pyproject.toml; pwd; } | cksum | cut -d' ' -f1)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(STAMP) ## run everything on this machine, no Docker needed: says `ready`, Ctrl-C stops it
	@exec $(PYTHON) -m services.cli up

demo: $(STAMP) ## play a day in a coffee chain against what `make run` runs
	@exec $(PYTHON) -m services.cli demo

test: $(STAMP) ## all tests, on servers of their own
	@$(PYTHON) -m pytest

check: $(STAMP) ## form, types, walls and house rules
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(PYTHON) -m pytest -q tests/test_house.py

bench: $(STAMP) ## measure throughput and latency on this machine
	@$(PYTHON) -m tests.bench

chaos: $(STAMP) ## kill processes and servers at random and check every promise
	@$(PYTHON) -m tests.chaos

docs: $(STAMP) ## write AsyncAPI, JSON Schemas, message catalogue and settings under docs/
	@$(PYTHON) -m services.cli docs

lock: $(STAMP) ## resolve the dependencies anew into constraints.txt
	@$(PYTHON) -m pip install -q uv
	@$(PYTHON) -m uv pip compile -q --universal --upgrade --python-version 3.11 --generate-hashes --extra dev \
	    --no-header --no-emit-index-url --no-annotate pyproject.toml -o constraints.txt

clean: ## remove the set-up and the local servers' files
	@rm -rf $(VENV) .punchcard .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(STAMP):
	@for python in python3.13 python3.12 python3.11 python3; do \
	    command -v $$python >/dev/null && $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	        2>/dev/null && break; python=; done; \
	if [ -z "$$python" ]; then echo "punchcard needs Python 3.11 or newer, with venv" >&2; exit 1; fi; \
	echo "setting up $(VENV) with $$($$python --version)"; \
	grep -qs "$(CURDIR)/$(VENV)" $(VENV)/bin/activate && $(PYTHON) -c '' 2>/dev/null || \
	    { rm -rf $(VENV) && $$python -m venv $(VENV); }
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r constraints.txt
	@$(PYTHON) -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/ready-* && touch $@
