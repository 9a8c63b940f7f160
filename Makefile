# What a person types here; the work is done in tools/. `make` lists it.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run setup setup-test test check format fuzz bench fleet-demo screenshots fresh lock clean

BIN := .venv/bin
# Without sudo the program starts all the same, and says what it lacks.
SUDO := $(shell [ "$$(id -u)" = 0 ] || ! command -v sudo >/dev/null || echo sudo $${NO_COLOR:+NO_COLOR=1})
UV ?= uv

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: setup ## install what is missing, then start tcplat: make run ARGS="eth0 --json"
	@$(SUDO) $(BIN)/tcplat $(ARGS)

setup: ## only install what is missing to run it
	@tools/setup run

setup-test:
	@tools/setup test

test: check ## every check and every test (root runs those of the kernel too): make test ARGS="-k filter"
	$(BIN)/pytest -n auto $(ARGS)

check: setup-test ## style, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-test ## write the code the one way
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

fuzz: setup-test ## mutated packets through the kernel program and the matcher: make fuzz ARGS="5000000 --seed 7"
	$(SUDO) $(BIN)/python tools/fuzz.py $(ARGS)

bench: setup-test ## what it costs, every figure beside a reference: make bench ARGS="kernel loss --quick"
	$(SUDO) $(BIN)/python -m tools.bench $(ARGS)

fleet-demo: setup-test ## many boxes on one screen: made-up boxes, a real Prometheus, tcplat --fleet; all on loopback
	@$(BIN)/python -m tools.fleet_demo $(ARGS)

screenshots: setup-test ## draw screenshots/ anew
	$(BIN)/python tools/screenshots.py $(ARGS)

fresh: ## try it all in new Debian roots, as a new user would: make fresh ARGS=trixie
	tools/fresh $(ARGS)

lock: ## pin the newest packages that pyproject.toml allows (needs uv): make lock ARGS=--upgrade
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile pyproject.toml --group build \
	    --universal --python-version 3.10 --generate-hashes -q -o requirements.txt $(ARGS)
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile pyproject.toml --group build --group test \
	    -c requirements.txt --universal --python-version 3.10 --generate-hashes -q -o requirements-test.txt $(ARGS)

clean: ## remove what was made here
	rm -rf .venv dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find bpf tui tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
