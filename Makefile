# Everything starts here. Nothing but make and a Python from 3.11 on has to be installed.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup test lint format audit sbom focus demo up clean

# The stamp holds the path of the checkout. It counts only there, and while its Python runs.
SETUP := .venv/.setup
ifneq ($(shell [ "`cat $(SETUP) 2>/dev/null`" = "`pwd -P`" ] && \
  .venv/bin/python -c '' 2>/dev/null && echo yes),yes)
.PHONY: $(SETUP)
endif

help: ## Show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' | \
	  while IFS='|' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

setup: $(SETUP) ## Make .venv at the locked versions

$(SETUP): uv.lock pyproject.toml tools/bootstrap.py tools/setup_errors.py tools/uv.txt
	@for python in $(PYTHON) python3.13 python3.12 python3.11 python3.14 python3; do \
	  if "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' \
	      >/dev/null 2>&1; then \
	    exec "$$python" tools/bootstrap.py; \
	  fi; \
	done; \
	found=`python3 -c 'import sys; print("only " + sys.version.split()[0])' 2>/dev/null`; \
	echo "setup: Python 3.11 to 3.14 is needed, and $${found:-none} was found: install one, such" \
	  "as python3.13, or name it: make setup PYTHON=/path/to/python" >&2; \
	exit 1

test: setup ## Lint, types and all tests
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/python -m pytest -n auto --maxprocesses 4

lint: setup ## Lint and types alone
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

format: setup ## Put the code into shape
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

audit: setup ## Ask osv.dev for known vulnerabilities of the locked packages
	@.venv/bin/python tools/audit.py

sbom: setup ## Print what the product is made of, as CycloneDX with licences
	@.venv/bin/python tools/sbom.py

focus: setup ## Ask the FinOps Foundation's validator about FILE, a CSV of FOCUS 1.2
	@.venv/bin/python tools/focus_validator.py "$(FILE)"

demo: setup ## Everything once, against the simulator
	@.venv/bin/arcadia demo

up: setup ## The whole deployment, until Ctrl-C
	@exec .venv/bin/arcadia up

clean: ## Remove .venv and .tools; data in .arcadia stay
	rm -rf .venv .tools .mypy_cache .ruff_cache .hypothesis
