# The developer's commands. Every target first brings .venv up to date; `make` alone lists them.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard locale/*/LC_MESSAGES/*.po))
# What a site on the open network sets; none of these hosts is ever asked. Its static files (W003) are not here.
PRODUCTION := DEBUG=off SECRET_KEY=$(shell od -An -tx1 -N48 /dev/urandom | tr -d ' \n') \
  ALLOWED_HOSTS=bordereau.example SITE_URL=https://bordereau.example \
  DATABASE_URL=postgres://bordereau:secret@db.example/bordereau REDIS_URL=rediss://:secret@redis.example/0 \
  EMAIL_URL=smtp+tls://bordereau:secret@mail.example:587 SILENCED_SYSTEM_CHECKS=bordereau.W003
# `make run PORT=9000 WORKERS=3`; `make demo EXIT=1` ends after the findings.
RUN_OPTIONS := $(if $(PORT),--port $(PORT)) $(if $(WORKERS),--workers $(WORKERS))
.DEFAULT_GOAL := help
.PHONY: help setup run demo test check fix bench soak lock messages clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.installed $(CATALOGUES)  ## make .venv, install into it, compile the translations
	@:

.venv/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Bordereau needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Install a newer one, then name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

# Wheels only: nothing is compiled, and every file is compared with the hash in the lock file.
.venv/.installed: requirements/dev.txt | .venv/.created
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check \
	  --require-hashes --no-deps --only-binary :all: -r requirements/dev.txt
	@touch $@

# Babel writes the catalogue, so that a machine without gettext gets its translations too.
%.mo: %.po .venv/.installed
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

run: setup  ## serve the site: web, workers and, without REDIS_URL, a Redis of its own
	@$(BIN)/python manage.py run $(RUN_OPTIONS)

demo: setup  ## the same after a sample file went through the real form (EXIT=1 stops there)
	@$(BIN)/python manage.py demo $(RUN_OPTIONS) $(if $(EXIT),--exit)

test: setup  ## all tests, on every pair of database and Redis that answers here
	@$(BIN)/python -m tests.suites $(ARGS)

check: setup  ## format, lint, types, imports, migrations, settings, translations, known vulnerabilities
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python -m tests.catalogues
	$(BIN)/python -m tests.vulnerabilities

fix: setup  ## mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup  ## measure speed and memory (docs/benchmarks.md)
	@$(BIN)/python -m benchmarks $(ARGS)

soak: setup  ## kill everything under thousands of jobs, then prove that nothing was lost (docs/reliability.md)
	@$(BIN)/python -m tests.soak $(ARGS)

lock: setup  ## resolve requirements/*.in into lock files with hashes
	@constraint=; for name in base dev otel peers; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    $(if $(UPGRADE),--upgrade) $$constraint \
	    --output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	  constraint=$$([ $$name = otel ] || echo "--constraint requirements/base.txt"); done

messages: setup  ## bring locale/*.po up to date with the sources
	@command -v xgettext >/dev/null || { \
	  echo "make messages needs gettext: apt-get install gettext (Debian), brew install gettext (macOS)." >&2; exit 1; }
	$(BIN)/python -m tests.catalogues --write

clean:  ## remove what was built; the data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find locale -name '*.mo' -delete
