# Everything needs python3 (3.11 or newer) with venv, and make. Packages are pinned with hashes in requirements/.
PYTHON ?= python3
PLAN ?= quick
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help setup setup-dev setup-references setup-free-threaded run serve check-services test test-compose check format lock clean

help: ## What there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp for each set of packages: nothing is downloaded, or even looked for, twice.
$(VENV)/local.stamp: requirements/local.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("waitbench needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say make PYTHON=/path/to/python3.11") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/local.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/local.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/local.stamp ## Waitbench and its packages for a local run, into .venv
setup-dev: $(VENV)/dev.stamp ## Packages for work on waitbench too

setup-references: setup ## References that are no Python, built with what this machine has
	services/go_app/build.sh $(BIN)
	services/node_app/install.sh

# Under another name until it is whole: that it is there is taken for all of it. Moved, it still runs by bin/python, and
# its scripts, which know where they were made, are not used.
HALF := .venv-free-threaded.half
setup-free-threaded: ## A Python without the GIL for flask-free-threaded: INTERPRETER=/path/to/python3.14t
	@test -n "$(INTERPRETER)" || { echo "say make setup-free-threaded INTERPRETER=/path/to/python3.14t"; exit 2; }
	@$(INTERPRETER) -c 'import sys; getattr(sys, "_is_gil_enabled", lambda: True)() and sys.exit(sys.executable + " has the GIL on: give the path of a free-threaded build")'
	rm -rf $(HALF)
	$(INTERPRETER) -m venv $(HALF)
	$(HALF)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/free-threaded.txt
	@$(HALF)/bin/python -c 'import psycopg' || { echo "psycopg needs libpq here (Debian: libpq5)"; exit 1; }
	rm -rf .venv-free-threaded
	mv $(HALF) .venv-free-threaded

# The plan of that name, or its file.
CLAIMS := claims $(abspath loadtests/plans/claims.toml)
run: setup $(if $(filter $(CLAIMS),$(PLAN) $(abspath $(PLAN))),setup-references) ## Run PLAN (quick) on this machine; ARGS for more, as ARGS="--seed 1"
	$(BIN)/python -m waitbench run $(PLAN) $(ARGS)

check-services: setup ## Check contract, timing, overlap and budget of every service
	$(BIN)/python -m waitbench check

AT_ONCE := --dist loadfile --no-loadscope-reorder
test: setup-dev ## Every test but those that need a Docker engine
	$(BIN)/python -m pytest -m untimed --numprocesses 3 $(AT_ONCE) $(ARGS) || [ $$? = 5 ]
	$(BIN)/python -m pytest -m "not untimed and not alone and not compose" --numprocesses 2 $(AT_ONCE) $(ARGS) || [ $$? = 5 ]
	$(BIN)/python -m pytest -m alone $(ARGS) || [ $$? = 5 ]

test-compose: setup-dev ## The end-to-end test in containers
	$(BIN)/python -m pytest -m compose $(ARGS)

check: setup-dev ## Format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

format: setup-dev ## Format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: setup-dev ## Pin the newest packages that the .in files allow (needs uv)
	for set in dev services harness local references; do \
	  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    $$(test $$set = dev || echo --constraint requirements/dev.txt) --upgrade requirements/$$set.in -o requirements/$$set.txt; \
	done
	uv pip compile --quiet --universal --python-version 3.14 --generate-hashes --no-header --no-annotate \
	  --constraint requirements/dev.txt --upgrade requirements/free-threaded.in -o requirements/free-threaded.txt

clean: ## Remove the packages and caches; runs in results/ stay
	rm -rf $(VENV) .venv-free-threaded $(HALF) services/go_app/build services/node_app/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis
