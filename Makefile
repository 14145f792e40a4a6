# `make run` and `make test` are all that one needs; they fetch what they need into .venv and .tox.

# tox does not find pyenv's Pythons through pyenv's shims, so their own folders go first on the path.
PYENV_ROOT ?= $(HOME)/.pyenv
pythons := $(wildcard $(PYENV_ROOT)/versions/3.1[123]*/bin)
empty :=
export PATH := $(if $(pythons),$(subst $(empty) $(empty),:,$(pythons)):)$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

VENV := .venv
# A missing Python is skipped on a user's machine, and a failure in CI.
TOX = $(VENV)/bin/tox $(if $(CI),--skip-missing-interpreters false)

.DEFAULT_GOAL := help
.PHONY: help run demo test quick lint types coverage bench services lock clean

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: demo ## set everything up and start the demo venue

demo: $(VENV)/run.stamp ## start the demo venue
	@$(VENV)/bin/tradepost demo

test: $(VENV)/tox.stamp ## run the whole suite: every Python that is here, lint, types, coverage, the demo
	@$(TOX)

quick: $(VENV)/tox.stamp ## lint, types, unit and property tests, in under two minutes
	@$(TOX) -e lint,types,py311 -- tests/unit tests/property

lint: $(VENV)/tox.stamp ## check style with ruff
	@$(TOX) -e lint

types: $(VENV)/tox.stamp ## check types with mypy
	@$(TOX) -e types

coverage: $(VENV)/tox.stamp ## check that unit and property tests reach every branch of the pure cores
	@$(TOX) -e coverage

bench: $(VENV)/run.stamp ## measure the book, the pipeline and HTTP
	@$(VENV)/bin/python -m bench.book
	@$(VENV)/bin/python -m bench.pipeline
	@$(VENV)/bin/python -m bench.http

services: ## install what some tests need beyond Python (Debian, as root)
	@tools/services.sh

lock: $(VENV)/tox.stamp ## lock the newest versions that pyproject.toml allows
	@$(TOX) -e lock

clean: ## remove all that was made here
	rm -rf $(VENV) .tox .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find actors bench gateway tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made.stamp:
	@tools/venv.sh $(VENV)
	@touch $@

$(VENV)/run.stamp: $(VENV)/made.stamp requirements/run.txt pyproject.toml
	@echo "Installing what Tradepost needs into $(VENV) …"
	@$(VENV)/bin/python -m pip install --quiet --require-hashes --requirement requirements/run.txt
	@$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/tox.stamp: $(VENV)/made.stamp requirements/tox.txt
	@echo "Installing tox into $(VENV) …"
	@$(VENV)/bin/python -m pip install --quiet --require-hashes --requirement requirements/tox.txt
	@touch $@
