# The one door to everything a contributor does here; `make` alone lists the targets.
#
# It needs GNU make, a POSIX shell and Python 3.10 or newer. Everything else is installed by pip
# into $(VENV); nothing is written outside this directory. Git is not needed.
#
# Settings, each to be given on the command line (make test JOBS=1):
#   VENV         the virtual environment                       .venv
#   PYTHON       the interpreter it is made with               python3, or the first that is new enough
#   JOBS         parallel test processes                       auto (one per core)
#   PYTEST_ARGS  further arguments for pytest, as in make test PYTEST_ARGS='-k resume'
#   FAULTS       how much bench-faults plays: quick or full     quick
#   BENCH        how much the other benchmarks measure: quick or full    quick
#   BENCH_ARGS   further arguments for bench-faults
#   SPEED_ARGS   further arguments for those that BENCH is about
#   FAKE_ARGS    further arguments for the fake service
#   DEMO_ARGS    further arguments for the demo's civitai-dl

VENV ?= .venv
JOBS ?= auto
FAULTS ?= quick
BENCH ?= quick
PYTHON ?= $(shell for name in python3 python python3.14 python3.13 python3.12 python3.11 python3.10; \
	do $$name -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 \
	&& { echo $$name; exit; }; done; echo python3)

# The checks, in the order in which they run: `check-NAME` below is one of them.
# .pre-commit-config.yaml runs the same targets, and tests/house fails when the two lists differ.
CHECKS := black ruff mypy lint-imports codespell house secrets

CODE := $(wildcard src tests bench scripts)
PROSE := $(wildcard src tests bench scripts docs changes *.md Makefile pyproject.toml)

ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python

# Tools run as `python -m`, so that they work in a virtual environment that was moved, too.
# The caches that would lie in the home directory lie in the virtual environment instead.
CACHE = $$(cd $(VENV) && pwd)/.cache
PIP = PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_CACHE_DIR="$(CACHE)/pip" $(PY) -m pip --quiet
BLACK = BLACK_CACHE_DIR="$(CACHE)/black" $(PY) -m black
PYTEST = $(PY) -m pytest
FAKE = $(PY) -m civitai_dl.testing --world demo

# Stamps: what the virtual environment already holds, and for which directory it was made.
MADE := $(VENV)/pyvenv.cfg
RUN := $(VENV)/.ready-run
DEV := $(VENV)/.ready-dev
PLACE := $(VENV)/.place

# A virtual environment is made anew, in place, when its interpreter is gone or the checkout moved.
BROKEN := $(shell test -e $(MADE) || exit 0; \
	test -x "$(PY)" || { echo broken; exit; }; \
	test ! -e $(PLACE) || test "$$(cat $(PLACE))" = "$$(pwd)" || echo moved)

# Benchmarks against other downloaders on the same servers: `bench-NAME` below is one of them.
SPEED := file images capped latency job streams

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Two pips in one virtual environment would fight.
.NOTPARALLEL:
.PHONY: help demo fake captures test smoke test-full test-nightly reliability-report check \
	$(CHECKS:%=check-%) format hooks bench bench-startup bench-faults \
	$(SPEED:%=bench-%) bench-queue bench-crowds bench-browse bench-profile bench-report clean distclean always

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

demo: $(RUN) ## download a small invented Civitai into demo-archive/ (no key, no network)
	@rm -rf demo-archive
	@echo "The fake service bears any rate, so the demo lifts both request caps (--max-rate-* 0)."
	@status=0; \
	$(FAKE) --run $(BIN)/civitai-dl --users '{users}' --models '{models}' --output demo-archive \
	  --token demo-key --base-url '{base_url}' --max-rate-model 0 --max-rate-image 0 $(DEMO_ARGS) \
	  || status=$$?; \
	echo; \
	echo "The archive:       demo-archive"; \
	page=$$(find demo-archive -name description.html 2>/dev/null | sort | head -n 1); \
	if test -n "$$page"; then echo "A page to look at: $$page"; \
	  echo "All of it:         $(BIN)/civitai-dl browse demo-archive"; \
	else echo "make demo: no description.html was written" >&2; test $$status != 0 || status=1; fi; \
	exit $$status

fake: $(RUN) ## serve the same invented Civitai on loopback until Ctrl-C
	@$(FAKE) $(FAKE_ARGS)

captures: $(DEV) ## draw the pictures of `browse` in docs/captures again (needs a Chromium)
	@$(PY) tests/browser/captures.py docs/captures

# -v takes back the -q of pyproject.toml: the closing line is then pytest's ordinary one.
test: $(DEV) ## run the whole suite, then the two coverage gates
	@echo "== pytest: the whole suite, with branch coverage"
	@$(PYTEST) -v -n $(JOBS) --cov --cov-report= $(PYTEST_ARGS)
	@echo "== coverage, gate 1 of 2: every branch of the domain (100 %)"
	@$(PY) -m coverage report --include='src/civitai_dl/domain/*' --fail-under=100
	@echo "== coverage, gate 2 of 2: all of the package (at least 90 %)"
	@$(PY) -m coverage report --fail-under=90

smoke: $(DEV) ## run the quick part of the suite only (for a second interpreter)
	@$(PY) --version
	@$(PY) -m civitai_dl --help >$(VENV)/help.log
	@$(PYTEST) -n $(JOBS) $(wildcard tests/house tests/unit) $(PYTEST_ARGS)

# What the reliability tests count is left as files in $(REPORT), for the target after these.
# Without coverage, which would make hours of them: `make test` has run a sample of each with it.
RELIABILITY_TESTS := $(wildcard tests/matrix tests/reliability)
REPORT := build/reliability
reliability = RELIABILITY=$(1) RELIABILITY_REPORT="$$(pwd)/$(REPORT)" $(PYTEST) -v -n $(JOBS) \
	-o timeout=1500 --junitxml=$(REPORT)/$(1).xml $(RELIABILITY_TESTS) $(PYTEST_ARGS)

test-full: $(DEV) ## run the fault matrix and the crash tests in full
	@mkdir -p $(REPORT)
	@$(call reliability,full)

test-nightly: $(DEV) ## repeat them until chance has had its say: more than an hour
	@mkdir -p $(REPORT)
	@$(call reliability,nightly)

reliability-report: $(DEV) ## put what these two found into docs/reliability.md
	@$(PY) bench/reliability_report.py $(REPORT) --docs docs/reliability.md

# Every check runs, also after one has failed: a person then mends them all at once.
check: $(DEV) ## run every check that a commit must pass
	@failed=; \
	for check in $(CHECKS); do \
	  $(MAKE) --no-print-directory check-$$check || failed="$$failed $$check"; \
	done; \
	if test -n "$$failed"; then echo "== failed:$$failed"; exit 1; fi; \
	echo "== passed: $(CHECKS)"

check-black: $(DEV)
	@echo "== black: the layout of the code"
	@$(BLACK) --check $(CODE) || { echo "make format writes it so."; exit 1; }

check-ruff: $(DEV)
	@echo "== ruff: every lint rule, less the exceptions argued for in pyproject.toml"
	@$(PY) -m ruff check --quiet --output-format=concise $(CODE)

check-mypy: $(DEV)
	@echo "== mypy: strict types"
	@$(PY) -m mypy --no-error-summary
	@$(PY) -m mypy --no-error-summary tests/typing/public_api.py

check-lint-imports: $(DEV)
	@echo "== lint-imports: imports run one way"
	@$(PY) -c 'from importlinter.cli import lint_imports_command as run; run()' \
	  >$(VENV)/lint-imports.log 2>&1 || { cat $(VENV)/lint-imports.log; exit 1; }
	@sed -n '/^Contracts:/p' $(VENV)/lint-imports.log

check-codespell: $(DEV)
	@echo "== codespell: spelling"
	@$(PY) -m codespell_lib $(PROSE)

check-house: $(DEV)
	@echo "== house: the house rules, the 400-line limit among them"
	@$(PYTEST) tests/house -k 'not secret'

check-secrets: $(DEV)
	@echo "== secrets: nothing that looks like a key"
	@$(PYTEST) tests/house -k secret

format: $(DEV) ## rewrite the code as black and ruff want it
	@$(PY) -m ruff check --quiet --fix-only $(CODE)
	@$(BLACK) --quiet $(CODE)

hooks: $(DEV) ## run the checks before each git commit from now on
	@$(PY) -m pre_commit install

bench: bench-startup $(SPEED:%=bench-%) bench-queue bench-crowds bench-browse bench-faults ## run the benchmarks

bench-startup: $(RUN) ## time civitai-dl --help against an empty Python program
	@$(PY) bench/startup.py

bench-file: $(RUN) ## one large file, against curl and aria2c (BENCH=full: 1 GB, five rounds)
bench-images: $(RUN) ## thousands of images, against curl, aria2c and gallery-dl
bench-capped: $(RUN) ## a server that is slow per connection, against aria2c
bench-latency: $(RUN) ## a server that is far away, against aria2c
bench-job: $(RUN) ## the whole job from lists, against gallery-dl and aria2c
bench-streams: $(RUN) ## 64 streams at once: memory; four: the event loop

$(SPEED:%=bench-%):
	@$(PY) bench/peers.py $(@:bench-%=%) --size $(BENCH) $(SPEED_ARGS)

bench-queue: $(RUN) ## a queue of a million rows, and what a run needs that starts with it
	@$(PY) bench/scale.py --size $(BENCH) $(SPEED_ARGS)

bench-crowds: $(RUN) ## how many transfers it finds right, on lines of six kinds
	@$(PY) bench/crowds.py --size $(BENCH) $(SPEED_ARGS)

bench-browse: $(DEV) ## a large archive in the browser: pages, search, memory, scrolling
	@$(PY) bench/browse.py --size $(BENCH) $(SPEED_ARGS)

bench-profile: $(RUN) ## where the CPU goes, per GB and per 1,000 images, as text in build/bench
	@$(PY) bench/cpu_profile.py --size $(BENCH) $(SPEED_ARGS)

bench-report: $(RUN) ## put what they measured into docs/performance.md
	@$(PY) bench/performance_report.py --docs docs/performance.md

bench-faults: $(DEV) ## play the fault matrix to other downloaders, too (FAULTS=full: all of it)
	@$(PY) bench/faults.py --size $(FAULTS) --json build/faults-$(FAULTS).json $(BENCH_ARGS)

clean: ## remove what the targets above wrote, but not the virtual environment
	rm -rf demo-archive build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache \
	  .mypy_cache .pytest_cache .ruff_cache
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the virtual environment, too
	@test ! -e $(MADE) || { echo "rm -rf $(VENV)"; rm -rf $(VENV); }

$(RUN): pyproject.toml $(MADE)
	@echo "Installing civitai-dl into $(VENV)"
	@$(PIP) install 'pip>=22.3'
	@$(PIP) install --editable '.[web]'
	@pwd >$(PLACE)
	@touch $@

$(DEV): pyproject.toml $(MADE)
	@echo "Installing civitai-dl and the development tools into $(VENV)"
	@$(PIP) install 'pip>=22.3'
	@$(PIP) install --editable '.[dev]'
	@pwd >$(PLACE)
	@touch $(RUN) $@

# Some systems ship Python without the parts that make virtual environments; three ways are tried.
$(MADE): $(if $(BROKEN),always)
	@python=$(PYTHON); \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
	  found=$$( ($$python --version) 2>&1) || found="not there"; \
	  echo "make: civitai-dl needs Python 3.10 or newer; $$python is $$found." >&2; \
	  echo "      Install one (https://www.python.org/downloads/)," \
	    "or name it: make PYTHON=python3.12 ..." >&2; \
	  exit 1; }; \
	echo "Making $(VENV) with $$($$python --version)"; \
	if $$python -c 'import venv, ensurepip' 2>/dev/null; then \
	  $$python -m venv $(VENV); \
	elif $$python -c 'import virtualenv' 2>/dev/null; then \
	  VIRTUALENV_VENV_REDIRECT=false VIRTUALENV_OVERRIDE_APP_DATA=$(VENV)/.cache/virtualenv \
	    $$python -m virtualenv --quiet $(VENV); \
	elif $$python -c 'import venv, pip; assert int(pip.__version__.split(".")[0]) >= 23' \
	    2>/dev/null; then \
	  $$python -m venv --without-pip $(VENV) \
	    && $$python -m pip --disable-pip-version-check --no-cache-dir --quiet --python $(PY) \
	      install pip; \
	else \
	  echo "make: $$python cannot make a virtual environment. Install what it lacks:" >&2; \
	  echo "        Debian, Ubuntu   sudo apt install python3-venv" >&2; \
	  echo "        Fedora           sudo dnf install python3 python3-pip" >&2; \
	  echo "        elsewhere        $$python -m pip install --user virtualenv" >&2; \
	  exit 1; \
	fi
	@touch $@
