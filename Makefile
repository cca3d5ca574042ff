# One line, one task. `make up` and `make test` are all that a newcomer needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help up setup test test-fast check format lint types contracts docs docs-write wheel assets crash-test screenshots fuzz benchmark benchmark-detection load-test lock tools

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | column -t -s "$$(printf '\t')"
up: setup        ## start everything on the demo and print the address
	@$(BIN)/tocsin up --demo
setup: .setup-done ## create the environment from the hashed lock and build the assets
.setup-done: requirements-dev.lock requirements-uv.lock pyproject.toml package-lock.json scripts/setup.sh scripts/assets.py
	@PYTHON=$(PYTHON) sh scripts/setup.sh $(VENV) && touch .setup-done
assets: setup    ## fetch and build the JavaScript and CSS of the pages
	@$(BIN)/python scripts/assets.py
test: setup tools ## run every test
	@COLUMNS=200 $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder
test-fast: setup ## run the tests of the thinking rooms
	@$(BIN)/pytest tests/ocsf tests/conditions tests/normalize tests/detect tests/posture tests/incidents tests/respond -m "not slow" -n 2 --dist loadfile
check: lint types contracts docs test ## everything that must hold
format: setup    ## format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix-only -q .
lint: setup      ## check format and lint
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
types: setup     ## check types
	@$(BIN)/mypy
contracts: setup ## check who imports whom
	@$(BIN)/lint-imports
docs: setup      ## check that generated pages and the catalog for translators are fresh
	@$(BIN)/python scripts/docs.py --check && $(BIN)/python scripts/catalog.py --check
docs-write: setup ## renew the pages and the catalog that are made from the program
	@$(BIN)/python scripts/docs.py && $(BIN)/python scripts/catalog.py
wheel: setup     ## build a wheel that holds pages and content
	@$(BIN)/python -m build --wheel --no-isolation
crash-test: setup tools ## 200 kill -9 at random moments under load
	@$(BIN)/pytest tests/crash --kills 200 -p no:xdist -o faulthandler_timeout=0
	@TOCSIN_RESPONSE_KILLS=500 $(BIN)/pytest tests/run/test_responding_crashes.py -k random -p no:xdist -o faulthandler_timeout=0
screenshots: setup tools ## take the pictures of README
	@$(BIN)/python scripts/screenshots.py
benchmark: setup ## measure normalize and store, ingest to finding, start
	@$(BIN)/python -m benchmarks
benchmark-detection: setup ## measure detection: engine, growth, memory, latency, and peers in environments of their own
	@$(BIN)/python -m benchmarks.detection
load-test: setup ## hold 5,000 events/s through all receivers for 10 minutes; nothing may be lost
	@$(BIN)/python -m benchmarks.load_test
fuzz: setup      ## give every parser 110,000 damaged inputs in all; what breaks one is kept as a test
	@$(BIN)/python -m tests.fuzz
lock: setup      ## renew the lock files
	@sh scripts/lock.sh $(BIN)
tools:           ## install the programs that tests need: Chromium, strace (Debian, Ubuntu)
	@sh scripts/tools.sh
