# Two commands matter: `make demo` shows the bridge working, `make test` runs all tests.
# Both need Python 3.11 or newer and make; they set up everything else themselves, in .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TESTS ?= tests
# Two more than there are processors: tests of real processes wait most of their time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)

.PHONY: demo test unit lint types format console companion screenshots docs bench bench-peers test-pythons mutants test-tools \
  test-deploy soak lock clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 16

demo: .venv/ready  ## start the bridge, post every shipped sample, show what became of each (EXIT=1: then stop)
	@$(BIN)/capi-bridge demo $(if $(EXIT),--exit)

test: lint types unit  ## everything: lint, types and all tests, with a real PostgreSQL and real processes

# Node.js for the tests with Meta's Node SDK: the machine's own, or else the one from the test tools.
unit: .venv/ready-dev
	PATH="$$PATH:$(CURDIR)/$(BIN)" $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(TESTS)

test-pythons:  ## all tests on every other Python of the metadata that is here (PYTHONS="3.13" for one)
	@.ci/test-pythons $(PYTHONS)

mutants: .venv/ready-dev  ## change 325 lines, one at a time, and see whether a test notices (NUMBER= of each part, SEED=, PART=)
	$(BIN)/python -m tests.mutants $(if $(NUMBER),--number $(NUMBER)) $(if $(SEED),--seed $(SEED)) $(if $(PART),--part $(PART))

test-tools: .venv/ready-dev  ## test with a real Node-RED (from npm); with n8n too: make test-tools N8N=/path/to/n8n
	@test -n "$(N8N)" || echo "n8n is not tested. To test it, run: make test-tools N8N=/path/to/n8n"
	@N8N="$(N8N)" $(BIN)/python -m pytest -n0 -rA tests/opt_in/test_automation_tools.py

test-deploy: .venv/ready-dev  ## nginx, Caddy and systemd check the files in docs/ and deploy/ (all three must be installed)
	$(BIN)/python -m pytest -n0 tests/opt_in/test_deployment.py

lint: .venv/ready-dev  ## ruff: errors and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready-dev  ## mypy, strict
	$(BIN)/mypy

format: .venv/ready-dev  ## let ruff fix what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

console: .venv/ready-dev  ## bundle the scripts of the console again, from console/ and npm
	cd console && PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --ignore-scripts --no-audit --no-fund
	cd console && PATH="$$PATH:$(CURDIR)/$(BIN)" node build.cjs ../bridge/web/console/static

companion: .venv/ready-dev  ## build the scripts that websites load again, from companion/ and npm
	cd companion && PATH="$$PATH:$(CURDIR)/$(BIN)" npm ci --ignore-scripts --no-audit --no-fund
	cd companion && PATH="$$PATH:$(CURDIR)/$(BIN)" node build.cjs ../bridge/web/companion/static

screenshots: .venv/ready-dev  ## take the pictures of the console in docs/pictures again
	PATH="$$PATH:$(CURDIR)/$(BIN)" $(BIN)/python -m pytest -n0 tests/browser/pictures.py

docs: .venv/ready-dev  ## regenerate the generated pages and schemas
	$(BIN)/python -m bridge.docgen

bench: .venv/ready-dev  ## run the benchmarks (about sixteen minutes); writes benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks $(PARTS)

bench-peers:  ## run the same work in Node-RED and n8n, from npm (takes longer)
	@$(MAKE) --no-print-directory bench PARTS=peers

soak: .venv/ready-dev  ## kill and restart processes for eleven minutes, and compare 200,000 events of both ways
	FORGED=10000 $(BIN)/python -m pytest -n0 tests/faults/test_forged_beacons.py
	CASES=200000 $(BIN)/python -m pytest -n $(WORKERS) tests/mapping/test_generated_code.py
	$(BIN)/python tests/faults/soak_server.py
	$(BIN)/python tests/faults/soak.py --minutes 10

lock: .venv/ready-dev  ## resolve the version ranges of pyproject.toml again
	$(PIP) uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --all-extras --no-header -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --all-extras --group dev --group bench --no-header -o requirements-dev.lock pyproject.toml

clean:  ## delete what make created
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .hypothesis .bench .mutants

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is required, but $(PYTHON) is " + sys.version.split()[0] + ". Choose another one: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "This Python cannot create a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@echo "Setting up .venv (once; about a minute) …"
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-deps -e .
	@touch $@

.venv/ready-dev: .venv/ready requirements-dev.lock
	@echo "Adding the test tools to .venv (once) …"
	@$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@
