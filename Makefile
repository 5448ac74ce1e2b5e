# Two commands on a fresh machine: make demo, make test. Everything installs into .venv.
PYTHON ?= python3
VENV   ?= .venv
OUT    ?= out/demo
SEED   ?= 0
IMAGE  ?=
ROWS   ?=
JOBS   ?= 2
RUN     = $(VENV)/bin/python

.PHONY: demo test processors wheel-test lint bench clean

demo: $(VENV)/installed
	$(RUN) -m world.demo $(if $(IMAGE),--image "$(IMAGE)") --seed $(SEED) --out "$(OUT)"

test: $(VENV)/installed
	$(RUN) -m pytest -n $(JOBS) --dist loadgroup

# The promises of docs/reproducibility.md under other processors' kernels and more threads; ROWS names some rows.
processors: $(VENV)/installed
	$(RUN) -m tests.processors $(ROWS)

wheel-test: $(VENV)/installed
	$(RUN) -m tests.wheel

lint: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

bench: $(VENV)/installed
	$(RUN) -m benchmarks

$(VENV)/installed: pyproject.toml setup.py requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) out build dist
