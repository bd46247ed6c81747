# housekey: everything a checkout can do. On a fresh Debian 12 git, make and python3 are enough.

PY := .venv/bin/python
READY := .venv/complete
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test slow engines lint types floors homes bench page integration clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY)  ## a real Home Assistant, taken to https, until Ctrl-C (ONCE=1: until it is proven)
	@$(PY) -m demo $(if $(ONCE),--once)

test: $(READY)  ## the tests; what this machine cannot run is skipped with the reason (ARGS='-k name')
	@$(PY) -m pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

slow: $(READY)  ## all that test samples (half an hour), and Home Assistant's own five minutes
	@$(PY) -m pytest -n 2 -m slow $(ARGS)

engines: $(READY)  ## every chain of the corpus to every engine, some minutes (ARGS='-k java')
	@$(PY) -m pytest -q -s tests/engines/full_run.py $(ARGS)

lint: $(READY)  ## ruff: style and format
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check

types: $(READY)  ## mypy, strict
	@$(PY) -m mypy

floors: $(READY)  ## imports run downward only
	@.venv/bin/lint-imports

homes: $(READY)  ## install the tests' Home Assistants now (the tests do it by themselves)
	@$(PY) -m tests.homes.install

bench: $(READY)  ## the table of ratios
	@$(PY) -m bench $(ARGS)

page: $(READY)  ## docs/platforms.md and docs/errors.md anew, from the records
	@$(PY) -c 'from housekey.platforms.page import page; print(page(), end="")' > docs/platforms.md
	@$(PY) -m tests.docs.errors_page > docs/errors.md
	@$(PY) -m tests.docs.lane_page

integration: $(READY)  ## the integration as a folder to copy and an archive for HACS, in dist
	@$(PY) -m release

clean:  ## remove everything that was installed or made here
	rm -rf .venv .cache .demo dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements/lock.txt .ci/venv
	@sh .ci/venv
