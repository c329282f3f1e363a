# Plain `make` lists the targets. Every target brings its own set-up: Python 3.11 or newer is all that has to be there.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run demo test check bench simulate histories fuzz security chaos load docs lock clean

VENV := .venv
PYTHON := $(VENV)/bin/python
# A stamp names the locks and the place: a changed lock or a moved checkout sets up again, anything else starts at once.
# What runs needs less than what tests: `make run` doesn't wait for the tools.
STATE := $(shell { cat constraints.txt constraints-dev.txt pyproject.toml; pwd; } | cksum | cut -d' ' -f1)
RUN := $(VENV)/run-$(STATE)
DEV := $(VENV)/dev-$(STATE)
# Byte code is made on the first import instead of for everything: a third of the time. Where a machine forbids that, every
# process would compile all libraries anew: more than half of what starting a worker costs.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(PYTHON) -m pip install -q --disable-pip-version-check --no-deps --no-compile
LOCK := $(PYTHON) -m uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header \
    --no-emit-index-url --no-annotate pyproject.toml --extra build

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUN) ## run everything on this machine, no Docker needed: says `ready`, Ctrl-C stops it
	@exec $(PYTHON) -m services.cli up

demo: $(RUN) ## play a day in a coffee chain against what `make run` runs
	@exec $(PYTHON) -m services.cli demo

test: $(DEV) ## the everyday tests, on servers of their own; with LONG=1 all of them
	@$(PYTHON) -m pytest -n 2 --dist loadfile $(if $(LONG),,-m "not long")

check: $(DEV) ## form, types, walls and house rules
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports --no-logo
	$(PYTHON) -m pytest -q tests/test_house.py

bench: $(DEV) ## measure throughput, latency, growth and search on this machine
	@$(PYTHON) -m tests.bench

chaos: $(DEV) ## kill, freeze and restart everything under load, and judge what is left (KILLS=n ARGS=…)
	@$(PYTHON) -m tests.chaos --kills $(or $(KILLS),20) $(ARGS)

load: $(DEV) ## saturation, then a share of it for long: memory, lag, latency (ARGS="--minutes 30 --share 0.7")
	@$(PYTHON) -m tests.load $(ARGS)

fuzz: $(DEV) ## attack every topic and door with bad input: make fuzz MESSAGES=200000 SEED=1
	@$(PYTHON) -m tests.fuzz --messages $(or $(MESSAGES),200000) --seed $(or $(SEED),1)

security: $(DEV) ## rights, secrets, connections, dependencies: on Apache Kafka where it can be had (ARGS="-k scan")
	@$(PYTHON) -m tests.security $(ARGS)

simulate: $(DEV) ## the machine on simulated servers, and its mutants: SEEDS=2000, FIRST=7000, again SEED=7, COMMANDS=500
	@$(PYTHON) -m tests.proof.simulation --commands $(or $(COMMANDS),500) --seeds $(or $(SEEDS),100) \
	    $(if $(FIRST),--first $(FIRST)) $(if $(SEED),--seed $(SEED))

histories: $(DEV) ## random histories of accounts against a model of the rules: HISTORIES=2000, MUTANTS=1 or names
	@$(if $(MUTANTS),$(if $(HISTORIES),HISTORIES=$(HISTORIES)) $(PYTHON) -m tests.workers.rewards.mutants $(filter-out 1,$(MUTANTS)), \
	    HISTORIES=$(or $(HISTORIES),2000) $(PYTHON) -m pytest -q --timeout 0 tests/workers/rewards/test_against_model.py)

docs: $(DEV) ## write AsyncAPI, JSON Schemas, message catalogue and settings under docs/
	@$(PYTHON) -m services.cli docs

lock: $(DEV) ## resolve the dependencies anew: constraints.txt to run, constraints-dev.txt to test
	@$(PYTHON) -m pip install -q uv
	@$(LOCK) --upgrade -o constraints.txt
	@$(LOCK) --upgrade --extra dev -c constraints.txt -o constraints-dev.txt

clean: ## remove the set-up and the local servers' files
	@rm -rf $(VENV) .punchcard .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(RUN):
	@for python in python3.13 python3.12 python3.11 python3; do \
	    command -v $$python >/dev/null && $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	        2>/dev/null && break; python=; done; \
	if [ -z "$$python" ]; then echo "punchcard needs Python 3.11 or newer, with venv" >&2; exit 1; fi; \
	echo "setting up $(VENV) with $$($$python --version)"; \
	grep -qs "$(CURDIR)/$(VENV)" $(VENV)/bin/activate && $(PYTHON) -c '' 2>/dev/null || \
	    { rm -rf $(VENV) && $$python -m venv $(VENV); }
	@$(INSTALL) --require-hashes -r constraints.txt
	@$(INSTALL) --no-build-isolation -e .
	@$(PYTHON) -c 'import runtime.serve, services.gateway, services.sms_standin.app'  # once, not by five workers at once
	@rm -f $(VENV)/run-* && touch $@

$(DEV): $(RUN)
	@echo "setting up the tools for tests and checks"
	@$(INSTALL) --require-hashes -r constraints-dev.txt
	@rm -f $(VENV)/dev-* && touch $@
