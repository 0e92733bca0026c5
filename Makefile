# Two commands do everything on a machine that has Python 3.11 or newer and make:
#   make demo   set up, then run the main job        make test   set up, then run the tests
PYTHON ?= python3
VENV ?= $(if $(filter python3,$(PYTHON)),.venv,.venv-$(notdir $(PYTHON)))
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
STAMP := $(VENV)/.installed
PEERS := $(or $(DESPINA_PEERS_CACHE),$(HOME)/.cache/despina-peers)
# one thread a process: the tests run several processes, tuning runs two trials
export OMP_NUM_THREADS ?= 1
# three for two processors: tests wait for services and jobs a good part of their time
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup demo test check types lint imports unit mutants test-peers test-sdk bench clean

help:  ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## Create the environment and install

$(STAMP): pyproject.toml constraints.txt
	@echo "==> environment in $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Despina needs Python 3.11 or newer; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "==> installing (a minute or less where the packages are cached; torch is the large one)"
	@$(RUN) pip install --quiet --disable-pip-version-check -c constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS)) -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

demo: setup  ## The main job: from the social network to a predicted friend
	@echo "==> despina demo"
	@$(BIN)/despina demo

test: check unit  ## Everything that is tested without servers of other makers

check: lint types imports  ## Formatter, linter, strict types, import contracts

lint: setup
	@echo "==> formatter and linter"
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .

types: setup
	@echo "==> strict types"
	@$(RUN) mypy

imports: setup
	@echo "==> import contracts"
	@$(BIN)/lint-imports

unit: setup
	@echo "==> tests"
	@$(RUN) pytest -n $(WORKERS) --dist loadscope --ignore tests/peers

mutants: setup  ## Change 25 lines a room, one at a time, and name the changes that no near test notices (ROOM=workflow/jobs for one)
	@echo "==> changed lines"
	@$(RUN) tests.mutants $(ROOM)

test-peers: setup  ## Beside real servers: Gremlin Server, JanusGraph, Neo4j, MinIO, LocalStack (skipped loudly where one cannot start), and the long notebooks
	@echo "==> tests beside servers of other makers"
	@$(RUN) pytest -n 2 --dist loadscope tests/peers --ignore tests/peers/test_sagemaker_sdk.py

test-sdk: setup  ## The documented examples for the sagemaker SDK, run by its newest and its oldest version that do, against the emulator (skipped loudly where they cannot be installed)
	@echo "==> the sagemaker SDK"
	@$(RUN) pytest tests/peers/test_sagemaker_sdk.py

bench: setup  ## Speed and memory, as ratios against a peer in the same run
	@for run in service.py inference.py codec.py link_prediction.py "gremlin.py $(PEERS)/gremlin" "cypher.py $(PEERS)/cypher"; do \
	  echo "==> benchmarks/$$run"; $(BIN)/python benchmarks/$$run || exit 1; done

clean:  ## Remove the environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
