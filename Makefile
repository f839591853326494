# The two commands that matter: `make demo` and `make test`. Everything else is for developers.
SHELL := /bin/bash
PYTHON_IN_VENV := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## Set everything up in .venv (done by the others when needed)
	@scripts/setup.sh

demo: setup  ## Stimuli, a session, simulated participants and a report, from the embedded default
	@$(PYTHON_IN_VENV) scripts/demo.py

test: setup  ## Run all tests but the slow ones
	@$(PYTHON_IN_VENV) -m pytest

test-slow: setup  ## Run the slow tests
	@$(PYTHON_IN_VENV) -m pytest -m slow

lint: setup  ## Style, types and the walls between the rooms
	@$(PYTHON_IN_VENV) -m ruff check .
	@$(PYTHON_IN_VENV) -m ruff format --check .
	@$(PYTHON_IN_VENV) -m mypy
	@.venv/bin/lint-imports

clean:  ## Remove the environment and caches; banks, sessions and reports stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
