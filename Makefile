# Two commands matter: `make up` and `make test`. A bare machine needs a Python >= 3.11 and nothing else.

VENV     := .venv
PY       := $(VENV)/bin/python
NEXT     := .venv-next
OTHERS   := .venv-bench
# The same code passes on this Django, where Python 3.13 is present.
DJANGO_NEXT := 6.1.3
PYTHON_NEXT ?= $(firstword $(shell python3.13 -c '' 2>/dev/null && command -v python3.13) $(wildcard $(or $(PYENV_ROOT),$(shell pyenv root 2>/dev/null))/versions/3.13.*/bin/python3.13))
# What leans most on Django and on Python itself: there the same rooms are walked through once more.
NEXT_TESTS := tests/kernel sdk/tests
# Of two cores two workers leave a quarter idle: they wait for processes, clocks and each other.
WORKERS  ?= 3
ARGS     ?=
PIP      := -m pip --disable-pip-version-check --quiet install

.DEFAULT_GOAL := help
.PHONY: help up test test-next weaviate check format docs bench bench-swarm bench-review bench-memory lock clean

help:
	@echo "make up [ARGS=--no-campaign]   start everything, and work on the example campaign (CHIMERA_PORT, CHIMERA_HOME)"
	@echo "make test [ARGS=tests/races]   prove everything, on servers of its own"
	@echo "make weaviate                  build Weaviate, the optional search index, once (Go 1.26, three minutes); up and test use it"
	@echo "make check                     lint, format, types, layers, migrations, generated pages"
	@echo "make test-next                 the quick tests of kernel, doors and flows on Django $(DJANGO_NEXT) and Python 3.13"
	@echo "make bench-swarm [ARGS=--write]  measure Chimera beside Celery, Dramatiq, RQ and Procrastinate"
	@echo "make bench-review [ARGS=--write]  measure the reviewers' queue and card among 100 000 that wait"
	@echo "make bench-memory [ARGS=--write]  measure memory's writes and searches among 100 000, beside the bare Weaviate client"
	@echo "make format | docs | bench | lock | clean"

up: $(VENV)/runs
	@exec $(PY) manage.py up $(ARGS)

test: $(VENV)/tests
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

weaviate: $(VENV)/runs
	@exec $(PY) manage.py build_weaviate

test-next: $(if $(PYTHON_NEXT),$(NEXT)/tests)
ifeq ($(PYTHON_NEXT),)
	@echo "not tried: Django $(DJANGO_NEXT), because there is no Python 3.13 here"
else
	@$(NEXT)/bin/python -m pytest -n $(WORKERS) --dist worksteal -m "not slow" $(or $(ARGS),$(NEXT_TESTS))
endif

# One line, one check. All are run, side by side, and one that fails fails the whole.
define CHECKS
ruff check .
ruff format --check .
mypy .
lint-imports
python -m chimera.kernel.embedded python manage.py makemigrations --check --dry-run
python manage.py draw_states --check
python manage.py draw_events --check
python manage.py draw_roles --check
endef
export CHECKS

check: $(VENV)/tests
	@failed=0; lines=(); pids=(); said=$$(mktemp -d); trap 'rm -rf "$$said"' EXIT; \
	while read -r line; do \
		$(VENV)/bin/$$line >"$$said/$${#pids[@]}" 2>&1 </dev/null & \
		lines+=("$$line"); pids+=($$!); \
	done <<< "$$CHECKS"; \
	for number in "$${!pids[@]}"; do \
		printf '%-84s' "$${lines[number]}"; \
		if wait "$${pids[number]}"; then echo ok; \
		else failed=1; echo FAILED; cat "$$said/$$number"; fi; \
	done; \
	exit $$failed

format: $(VENV)/tests
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

docs: $(VENV)/tests
	@$(PY) manage.py draw_states
	@$(PY) manage.py draw_events
	@$(PY) manage.py draw_roles

bench: $(VENV)/tests
	@$(PY) -m benchmarks $(ARGS)

# The other queues never share a venv with the project.
bench-swarm: $(VENV)/tests $(OTHERS)/queues
	@$(PY) -m benchmarks.swarm --queues $(OTHERS)/bin/python $(ARGS)

bench-review: $(VENV)/tests
	@$(PY) benchmarks/review_queue.py $(ARGS)

bench-memory: $(VENV)/tests
	@$(PY) -m benchmarks.memory $(ARGS)

# Pins of everything that the two requirements files bring along, from a fresh installation of them.
# async-timeout is asked for by redis below Python 3.11.3 alone, so a newer Python does not see it.
lock:
	@rm -rf build/lock && $(call find_python) && "$$python" -m venv build/lock
	@build/lock/bin/python $(PIP) -r requirements-dev.txt
	@{ head -1 constraints.txt; { echo async-timeout==5.0.1; build/lock/bin/python -m pip freeze --exclude async-timeout; } \
		| sort --ignore-case; } > build/constraints.txt && mv build/constraints.txt constraints.txt

clean:
	@rm -rf build out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

# The stamps are newer than what they were made from: a second run touches neither pip nor the network.
SHELL := /bin/bash
define find_python
for python in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
	command -v "$$python" >/dev/null \
		&& "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	python=; \
done; \
if [ -z "$$python" ]; then \
	echo "Chimera needs Python 3.11 or newer with the venv module, and found none." >&2; \
	echo "Debian, Ubuntu: apt install python3-venv. Elsewhere: python.org. Or say which: make PYTHON=/path/to/python" >&2; \
	exit 1; \
fi
endef

$(VENV)/bin/python:
	@$(find_python); echo "making $(VENV) with $$("$$python" --version)" >&2; "$$python" -m venv --clear $(VENV)

$(VENV)/runs: requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "installing requirements.txt (the first time only, about a minute)" >&2
	@$(PY) $(PIP) -c constraints.txt -r requirements.txt >&2
	@touch $@

$(VENV)/tests: requirements-dev.txt $(VENV)/runs
	@echo "installing requirements-dev.txt (the first time only)" >&2
	@$(PY) $(PIP) -c constraints.txt -r requirements-dev.txt >&2
	@touch $@

$(OTHERS)/queues: benchmarks/requirements.txt | $(VENV)/bin/python
	@echo "making $(OTHERS) with the other queues (the first time only)" >&2
	@$(PY) -m venv --clear $(OTHERS)
	@$(OTHERS)/bin/python $(PIP) -r benchmarks/requirements.txt >&2
	@touch $@

$(NEXT)/tests: requirements-dev.txt requirements.txt constraints.txt
	@echo "making $(NEXT) with Django $(DJANGO_NEXT) (the first time only)" >&2
	@$(PYTHON_NEXT) -m venv --clear $(NEXT)
	@for file in requirements.txt requirements-dev.txt constraints.txt; do \
		sed 's/^Django==[0-9.]*/Django==$(DJANGO_NEXT)/' $$file > $(NEXT)/$$file; done
	@$(NEXT)/bin/python $(PIP) -c $(NEXT)/constraints.txt -r $(NEXT)/requirements-dev.txt >&2
	@touch $@
