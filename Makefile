# MlJob: every command a person needs. `make help` lists them.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

include $(wildcard deploy/*.mk)

.PHONY: help venv lock lint format types imports unit

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

venv: $(VENV)/.stamp ## the Python environment in .venv, from hashed locks

$(VENV)/.stamp: requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "MlJob needs Python 3.11 or newer; found " + sys.version.split()[0] + ". Set PYTHON=/path/to/python3.11.")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "venv: installing the locked dependencies"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "mljob-checkout.pth").write_text(str(pathlib.Path("operator").resolve()) + "\n")'
	@touch $@

lock: ## compile requirements/*.txt (names, versions, hashes) from pyproject.toml
	@$(PYTHON) -m venv .local/lock && .local/lock/bin/pip install --quiet uv
	@.local/lock/bin/uv $(COMPILE) --extra operator --extra server pyproject.toml -o requirements/operator.txt
	@.local/lock/bin/uv $(COMPILE) --extra operator --extra server --group dev pyproject.toml -o requirements/dev.txt
	@! grep -l 'https\?://' requirements/*.txt

lint: venv
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .

format: venv ## format and fix what ruff can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

types: venv
	@$(BIN)/mypy operator/mljob tests deploy

imports: venv
	@$(BIN)/lint-imports

unit: venv ## unit tests alone
	@$(BIN)/pytest tests/unit

# Tests. Unit tests need nothing but Python; the others get what they need by the targets they depend on.
PYTEST_WORKERS ?= 2
TEST_TOOLS := etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok helm
COVERAGE := --cov=mljob --cov-branch --cov-report=

.PHONY: check test integration

check: lint types imports verify-generated ## lint, types, import rules, drift of generated files

integration: venv postgres ## tests against a real API server and a real PostgreSQL
	@$(MAKE) --no-print-directory tools TOOLS="$(TEST_TOOLS)"
	@$(BIN)/pytest tests/unit tests/integration --numprocesses $(PYTEST_WORKERS)

test: check postgres ## everything: check, then unit, integration and e2e tests with coverage
	@$(CLUSTER_RUN) images
	@$(MAKE) --no-print-directory tools TOOLS="$(TEST_TOOLS)"
	@mkdir -p .local/log && rm -f .coverage .coverage.*
	@$(BIN)/pytest tests --numprocesses $(PYTEST_WORKERS) $(COVERAGE) | tee .local/log/pytest.log
	@$(BIN)/coverage report --format=total --fail-under=90 >.local/log/coverage \
	  || { echo "coverage of the package is $$(cat .local/log/coverage) %, expected 90 or more: see \`$(BIN)/coverage report\`"; exit 1; }
	@$(BIN)/coverage report --format=total --include='operator/mljob/core/*' --fail-under=100 >.local/log/coverage-core \
	  || { echo "coverage of core/ is $$(cat .local/log/coverage-core) %, expected 100: see \`$(BIN)/coverage report --include='operator/mljob/core/*'\`"; exit 1; }
	@echo "coverage by branch: $$(cat .local/log/coverage) % of the package, $$(cat .local/log/coverage-core) % of core/"
	@tail -n 1 .local/log/pytest.log
