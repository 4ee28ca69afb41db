# Every target does its own set-up. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
PACKAGES := $(wildcard libs/* services/*)
EDITABLE := $(foreach package,$(PACKAGES),--editable $(package))
EXPORT := $(UV) export --quiet --frozen --all-packages --no-emit-workspace --no-default-groups --no-header --no-annotate

DATA ?=
NAME ?=
BASE_PORT ?=
# Where a suite in the default folder keeps them, so that `huaxiang up` finds what make has compiled.
export NUMBA_CACHE_DIR ?= $(CURDIR)/var/huaxiang/data/numba
# Kept, whatever the shell says: each process of a suite would compile its source anew.
export PYTHONDONTWRITEBYTECODE :=

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.runtime: requirements.lock $(wildcard libs/*/pyproject.toml services/*/pyproject.toml) | $(UV)
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps $(EDITABLE)
	$(BIN)/python -m compileall -q $(wildcard libs/*/src services/*/src)
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.runtime
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements-test.lock
	@touch $@

$(VENV)/.bench: requirements-bench.lock $(VENV)/.runtime
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirement requirements-bench.lock
	@touch $@

setup: $(VENV)/.runtime ## Install what the suite needs to run, and compile its kernels
	$(BIN)/huaxiang compile

demo: $(VENV)/.runtime ## Run the main job end to end (DATA=<online_retail.parquet> for real invoices)
	$(BIN)/huaxiang demo $(if $(DATA),--data $(DATA))

up: $(VENV)/.runtime ## Start the suite in the background (BASE_PORT=8100 for other ports than 7101 to 7404)
	$(BIN)/huaxiang up --detach $(if $(BASE_PORT),--base-port $(BASE_PORT))

down: $(VENV)/.runtime ## Stop the suite
	$(BIN)/huaxiang down

test: $(VENV)/.test ## Run the tests (about twelve minutes on two cores)
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder -m "not proof"

proof: $(VENV)/.test ## Run the tests at full counts (hours)
	HUAXIANG_PROOF=1 $(BIN)/python -m pytest

check: $(VENV)/.test ## Format, lint, types, contracts, generated code, deployment files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(wildcard libs/*/src services/*/src)
	$(MAKE) --no-print-directory check-proto check-deploy

check-proto: $(VENV)/.test
	$(BIN)/buf lint protos
	$(BIN)/buf format --diff --exit-code protos
	$(BIN)/buf breaking protos --against protos/landed.binpb
	PYTHON=$(BIN)/python protos/generate.sh --check

check-deploy: $(VENV)/.test
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/hadolint services/*/Dockerfile

proto: $(VENV)/.test ## Format the contracts and regenerate their code
	$(BIN)/buf format --write protos
	PYTHON=$(BIN)/python protos/generate.sh

landed: $(VENV)/.test ## Renew the image that contracts are compared with; a break needs a "contract:" line in CHANGELOG.md
	$(BIN)/buf build protos --output protos/landed.binpb

format: $(VENV)/.test ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench ## Measure against peers (NAME=identity|tagging|segments|... for one)
	$(BIN)/python -m benches $(NAME)

lock: $(UV) ## Resolve the dependencies anew and write the locks
	$(UV) lock --quiet --upgrade
	$(EXPORT) --output-file requirements.lock > /dev/null
	$(EXPORT) --group test --output-file requirements-test.lock > /dev/null
	$(EXPORT) --group bench --output-file requirements-bench.lock > /dev/null

clean: ## Remove what was built, installed and stored here
	rm -rf $(VENV) var .mypy_cache .pytest_cache .ruff_cache .hypothesis

.PHONY: help setup demo up down test proof check check-proto check-deploy proto landed format bench lock clean
