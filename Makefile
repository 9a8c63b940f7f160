# What a person types here; the work is done in tools/. `make` lists it.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run setup setup-test test check format fuzz models faults soak bench fleet-demo screenshots fresh fresh-dist dist audit lock clean

BIN := .venv/bin
# Without sudo the program starts all the same, and says what it lacks.
SUDO := $(shell [ "$$(id -u)" = 0 ] || ! command -v sudo >/dev/null || echo sudo $${NO_COLOR:+NO_COLOR=1})
UV ?= uv
LOCKED := --generate-hashes --custom-compile-command "make lock" -q
LOCK := $(UV) pip compile pyproject.toml $(LOCKED)

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

models: setup-test ## rows, filters, packets and captures against naive models, re and tshark: many more examples than `make test` tries
	$(SUDO) TCPLAT_THOROUGH=1 $(BIN)/pytest -n auto tests/core tests/exporter/test_label_sets.py \
	    tests/bpf/test_matcher.py tests/end_to_end/test_capture_against_tshark.py $(ARGS)

faults: setup-test ## floods, kills, detached programs, small limits: more and longer than `make test`, with figures at the end
	$(SUDO) TCPLAT_THOROUGH=1 $(BIN)/pytest tests/end_to_end/test_flood.py tests/end_to_end/test_killed.py \
	    tests/end_to_end/test_interface_faults.py tests/end_to_end/test_limits.py \
	    tests/end_to_end/test_terminal.py tests/end_to_end/test_privileges.py $(ARGS)

soak: setup-test ## changing traffic and keys for MINUTES (10; from 20 on memory must be flat), then look at what it holds and whether its figures are true
	$(SUDO) TCPLAT_SOAK_MINUTES=$(or $(MINUTES),10) $(BIN)/pytest -s tests/end_to_end/test_soak.py $(ARGS)

bench: setup-test ## what it costs, every figure beside a reference: make bench ARGS="kernel loss --quick"
	$(SUDO) $(BIN)/python -m tools.bench $(ARGS)

fleet-demo: setup-test ## many boxes on one screen: made-up boxes, a real Prometheus, tcplat --fleet; all on loopback
	@$(BIN)/python -m tools.fleet_demo $(ARGS)

screenshots: setup-test ## draw screenshots/ anew
	$(BIN)/python tools/screenshots.py $(ARGS)

fresh: ## try it all in new Debian roots, as a new user would: make fresh ARGS=trixie
	tools/fresh $(ARGS)

fresh-dist: dist ## try what make dist builds in new Debian roots: make fresh-dist ARGS=trixie
	tools/fresh --dist $(ARGS)

dist: setup-test ## build what is handed to people into dist/: tcplat.pyz, a Debian package, a wheel and its sources
	$(BIN)/python -m tools.dist

audit: ## ask PyPI for known vulnerabilities of what is locked
	tools/audit $(ARGS)

lock: ## pin the newest packages that pyproject.toml allows (needs uv): make lock ARGS=--upgrade
	$(LOCK) --group build --universal --python-version 3.10 -o requirements.txt $(ARGS)
	$(LOCK) --group build --group test -c requirements.txt \
	    --universal --python-version 3.10 -o requirements-test.txt $(ARGS)
	$(LOCK) -c requirements.txt --python-platform linux --python-version 3.10 -o requirements-bundle.txt $(ARGS)
	$(UV) pip compile --group audit $(LOCKED) --universal --python-version 3.10 -o requirements-audit.txt $(ARGS)

clean: ## remove what was made here
	rm -rf .venv dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find bpf tui tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
