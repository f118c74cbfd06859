# The verbs of the project. `make` without a verb lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.NOTPARALLEL:

PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/.ready

CLUSTER ?= test
NODES ?= 1
SHAPE ?=

# uv trusts the system's certificates, so that a company's own authority works without a setting.
export UV_SYSTEM_CERTS ?= 1
export UV_PROJECT_ENVIRONMENT := .venv
# Debian keeps ip, nft and runc where only root's PATH looks; without them here they would count as missing.
export PATH := $(PATH):/usr/sbin:/sbin

PYTEST = $(PY) -m pytest $(if $(TIER),-m $(TIER)) $(ARGS)

##@ Start here

.PHONY: help
help: ## List these verbs
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z%-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile
	@printf '\nSettings: CLUSTER=%s NODES=%s SHAPE=%s (node, control or api), TIER=units|runtime|gateway|api|control|node, ARGS=…\n' $(CLUSTER) $(NODES) $(SHAPE)

.PHONY: demo
demo: ## From here to an answered prompt and its record, in a cluster of its own; call it again to go on
	@$(PYTHON) -m tools.demo up $(ARGS)

.PHONY: demo-down
demo-down: ## Take the cluster of the demo away again, and all that it made
	@$(PYTHON) -m tools.demo down $(ARGS)

.PHONY: setup
setup: host $(READY) ## Install what is missing: system packages (as root on Debian), then .venv

.PHONY: host
host:
	@tools/system-packages

$(READY): pyproject.toml uv.lock tools/bootstrap.py $(PY)
	@tools/system-packages
	@$(PYTHON) tools/bootstrap.py
	@touch $@

# Missing also when .venv points to a Python that the system has since replaced: then $(READY) is made again.
$(PY):
	@:

##@ A Kubernetes on this machine

.PHONY: cluster
cluster: setup ## Start the cluster CLUSTER, or repair it, or find it running
	@$(PY) -m tools.cluster up --name $(CLUSTER) $(if $(SHAPE),--shape $(SHAPE)) --nodes $(NODES)

.PHONY: cluster-status
cluster-status: $(READY) ## Show what runs, what does not, and how much memory it takes
	@$(PY) -m tools.cluster status --name $(CLUSTER)

.PHONY: cluster-logs
cluster-logs: $(READY) ## Show the last lines of a component's log: COMPONENT=kubelet
	@$(PY) -m tools.cluster logs --name $(CLUSTER) $(COMPONENT)

.PHONY: cluster-down
cluster-down: $(READY) ## Stop the cluster and remove everything it made
	@$(PY) -m tools.cluster down --name $(CLUSTER)

.PHONY: images
images: setup ## Build the images and load them into CLUSTER if it runs
	@$(PY) -m tools.images build --cluster $(CLUSTER)

##@ The operator

# A cluster that was named wins over KUBECONFIG; one that was not is `test` where there is no KUBECONFIG either.
INSTALL = $(PY) -m tools.install
NAMED = $(if $(filter file,$(origin CLUSTER)),,--cluster $(CLUSTER))

.PHONY: install
install: $(if $(findstring --image,$(ARGS)),setup,images) ## Put operator and gateway on CLUSTER, or on the cluster that KUBECONFIG names
	@$(INSTALL) install $(NAMED) $(ARGS)

.PHONY: uninstall
uninstall: setup ## Take operator and gateway away again; ARGS=--crds takes the definitions too
	@$(INSTALL) uninstall $(NAMED) $(ARGS)

##@ The engine

.PHONY: engine
engine: setup ## Build llama.cpp for this machine's processor, at .build/engine
	@$(PY) -m tools.engine build

# JAX is big and only this needs it: its environment is another one than that of all other verbs.
TRAIN := .build/train-venv

.PHONY: small-model
small-model: engine ## Train the small model of models/ anew, eight minutes of one core, and check its answers
	@UV_PROJECT_ENVIRONMENT=$(TRAIN) .venv/bin/uv sync --frozen --quiet --no-default-groups --no-install-project \
	  --group train --extra engine
	@PLIMSOLL_ENGINE=.build/engine PYTHONPATH=operator $(TRAIN)/bin/python -m models.train $(ARGS) .build/small-model
	@cp .build/small-model/plimsoll-small.gguf models
	@cd models && sha256sum *.gguf > SHA256SUMS
	@$(PY) -m pytest tests/runtime/test_answers.py

##@ Checks

.PHONY: lint
lint: $(READY) ## Format, rules, types, import layers, dependencies, generated files
	$(PY) -m ruff format --check
	$(PY) -m ruff check
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo
	$(PY) -m deptry operator
	$(PY) -m deptry --ignore DEP002,DEP004 tools bench models tests
	$(PY) -m tools.generate --check

.PHONY: generate
generate: $(READY) ## Write the CRD, the reference and the JSON schema from the models of the API
	@$(PY) -m tools.generate

.PHONY: golden
golden: $(READY) ## Write tests/golden anew: what becomes of each sample, for reviewers to see
	@$(PY) -m tests.support.golden

.PHONY: format
format: $(READY) ## Format the code and repair what ruff can repair
	$(PY) -m ruff check --fix-only
	$(PY) -m ruff format

.PHONY: test
test: setup ## The tests in short form, every tier that this machine can run: TIER=units runs one
	@$(PYTEST)

.PHONY: faults
faults: setup ## The same tests in long form: every kill point, large counts: TIER=node runs one part
	@$(PYTEST) --form=long

##@ Figures

bench-cluster: ## Measure start, stop, memory and images against their gates; QUICK=1 takes three minutes

bench-operator: ## Measure the operator with 1,000 models against its gates; QUICK=1 takes 100

bench-engine: ## Measure the engine beside llama-server and llama_cpp.server; QUICK=1 takes six minutes

bench-demo: ## Measure make demo: first, with warm caches, again, after a kill; QUICK=1 only with warm caches

bench-gateway: ## Measure the gateway beside LiteLLM and a bare pass-through; QUICK=1 takes five minutes

# Not phony: make looks for a pattern only where a target is not.
bench-%: setup
	@$(PY) -m bench.$* $(if $(QUICK),--quick) $(ARGS)

##@ Tidy

.PHONY: clean
clean: ## Remove what this checkout built (.venv, .build, caches); the caches in your home stay
	rm -rf .venv .build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find operator tools bench models tests -name __pycache__ -type d -prune -exec rm -rf {} +
