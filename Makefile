# Everything needs python3 (3.11 or newer) with venv, and make. Packages are pinned with hashes in requirements/.
PYTHON ?= python3
PLAN ?= quick
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
# Hundreds of processes start, so each module is compiled once, not in each of them.
unexport PYTHONDONTWRITEBYTECODE
# These caches are found by content, so the next clone can use them too. Without them, types take half a minute, and Go
# takes a quarter of a minute.
CACHES := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/waitbench
export MYPY_CACHE_DIR ?= $(CACHES)/mypy
export GOCACHE ?= $(CACHES)/go

.PHONY: help setup setup-dev setup-references setup-free-threaded run serve check-services test-fast test test-all test-compose check format lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# If uv is on PATH, it installs in a quarter of pip's time.
INSTALL := $(if $(shell command -v uv 2>/dev/null),uv pip install --quiet --compile-bytecode --python $(BIN)/python,$(BIN)/python -m pip install --quiet --disable-pip-version-check) --require-hashes -r

# Each set of packages has a stamp, so nothing is downloaded, or even looked up, twice.
$(VENV)/local.stamp: requirements/local.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("waitbench needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say make PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) requirements/local.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/local.stamp
	$(INSTALL) requirements/dev.txt
	@touch $@

# If the machine lacks what these need, it is looked for only once; `make lint` says what it did not check.
$(VENV)/go.stamp: requirements/references.txt services/go_app/toolchain.sh | $(VENV)/local.stamp
	services/go_app/toolchain.sh $(BIN)
	@touch $@

$(VENV)/javascript.stamp: tools/javascript/package-lock.json tools/lint-javascript | $(VENV)/local.stamp
	tools/lint-javascript --setup
	@touch $@

setup: $(VENV)/local.stamp ## Install waitbench and its packages for a local run, into .venv
setup-dev: $(VENV)/dev.stamp $(VENV)/go.stamp $(VENV)/javascript.stamp ## Install the packages for working on waitbench too

setup-references: setup-go setup-node ## Install the references in other languages, with what this machine has
.PHONY: setup-go setup-node lint coverage faults test-faults
setup-go: $(VENV)/go.stamp
	services/go_app/build.sh $(BIN)
setup-node:
	services/node_app/install.sh

# The environment has another name until it is complete, because its presence means that it is complete. After the move
# it still runs by bin/python; its scripts, which contain the old path, are not used.
HALF := .venv-free-threaded.half
setup-free-threaded: ## Install a Python without the GIL for flask-free-threaded: INTERPRETER=/path/to/python3.14t
	@test -n "$(INTERPRETER)" || { echo "say make setup-free-threaded INTERPRETER=/path/to/python3.14t"; exit 2; }
	@$(INTERPRETER) -c 'import sys; getattr(sys, "_is_gil_enabled", lambda: True)() and sys.exit(sys.executable + " has the GIL on: give the path of a free-threaded build")'
	rm -rf $(HALF)
	$(INTERPRETER) -m venv $(HALF)
	$(HALF)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/free-threaded.txt
	@$(HALF)/bin/python -c 'import psycopg' || { echo "psycopg needs libpq here (Debian: libpq5)"; exit 1; }
	rm -rf .venv-free-threaded
	mv $(HALF) .venv-free-threaded

# The plan of claims, by its name or its file.
CLAIMS := claims $(abspath loadtests/plans/claims.toml)
run: setup $(if $(filter $(CLAIMS),$(PLAN) $(abspath $(PLAN))),setup-references) ## Run PLAN (quick) on this machine; ARGS passes options, such as ARGS="--seed 1"
	$(BIN)/python -m waitbench run $(PLAN) $(ARGS)

check-services: setup ## Check contract, timing, overlap and budget of every service
	$(BIN)/python -m waitbench check

# Tests mostly wait, so more of them run at once than there are cores. Tests that measure to a hundredth run separately.
PYTEST := $(BIN)/python -m pytest
test-fast: setup-dev ## Run every test that starts no service and no browser: under a minute
	$(PYTEST) -p no:schemathesis -m "not live and not tools and not alone and not slow and not compose" --numprocesses 3 $(ARGS)

test: setup-dev ## Run every test that needs no Docker engine, except the slow ones
	$(PYTEST) -m "not alone and not slow and not compose" --numprocesses 5 $(ARGS)
	$(PYTEST) -m "alone and not slow and not compose" --numprocesses 2 $(ARGS)

test-all: export HYPOTHESIS_PROFILE := deep
test-all: setup-dev test ## Run the slow tests too, and the others with more examples
	$(PYTEST) -m "slow and not compose" $(ARGS)

test-faults: setup-dev ## Inject every fault into the product, and list the faults that it survived
	$(PYTEST) -m "fault and not compose" --numprocesses 2 $(ARGS)

test-compose: setup-dev ## Run the end-to-end test in containers
	$(BIN)/python -m pytest -m compose $(ARGS)

faults: setup-dev ## Put 33 faults into copies of the checkout; the tests have to detect each (an hour)
	$(BIN)/python -m tools.faults.inject $(ARGS)

# TESTS=test covers the live services and Locust too, in twice the time of the tests; a killed process leaves no data.
TESTS := test-fast
coverage: setup-dev ## Show which lines the fast tests run, and write htmlcov/index.html
	$(BIN)/coverage erase
	$(MAKE) $(TESTS) PYTEST="$(BIN)/coverage run -m pytest"; ended=$$?; \
	  $(BIN)/coverage combine --quiet && $(BIN)/coverage html --quiet && $(BIN)/coverage report && exit $$ended

lint: setup-dev ## Check format, lint and types of Python, Go and JavaScript: seconds
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	tools/lint-go $(BIN)
	tools/lint-javascript

check: lint test ## Check everything that has to pass before a commit: lint, then test

format: setup-dev ## Format Python, Go and JavaScript, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	tools/lint-go --fix $(BIN)
	tools/lint-javascript --fix

lock: setup-dev ## Pin the newest packages that the .in files allow (needs uv)
	for set in dev services harness local references ci; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    $$(test $$set = dev || echo --constraint requirements/dev.txt) --upgrade requirements/$$set.in -o requirements/$$set.txt; \
	done
	uv pip compile --quiet --universal --python-version 3.14 --generate-hashes --no-header --no-annotate \
	  --constraint requirements/dev.txt --upgrade requirements/free-threaded.in -o requirements/free-threaded.txt

clean: ## Remove the packages and caches; runs in results/ stay
	rm -rf $(VENV) .venv-free-threaded $(HALF) services/go_app/build services/node_app/node_modules tools/javascript/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis htmlcov .coverage*
