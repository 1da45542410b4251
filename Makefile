# make train, make test: all set-up included. make help lists the rest.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 false; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
ARGS ?= model=cnn3 optimizer=sgd
BIN := .venv/bin
SHARED := -n auto --maxprocesses 8 --dist loadscope
READY := .venv/.ready

.PHONY: help setup train test lint tensorboard clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## build .venv with every extra (done by the other targets when needed)

train: $(READY)  ## train; make train ARGS="model=cnn2 optimizer=adam" for another experiment
	$(BIN)/python -m fer.train $(ARGS)

test: $(READY)  ## run the quick tests; .ci/run runs all
	$(BIN)/python -m pytest $(SHARED)

lint: $(READY)  ## check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

tensorboard: $(READY)  ## show all runs in the browser
	$(BIN)/tensorboard --logdir runs

clean:  ## remove .venv
	rm -rf .venv

# uv installs several times faster but does not read pip's configuration, so pip stands behind it.
$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer; name one with make PYTHON=/path/to/python"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	($(BIN)/python -m pip install -q uv && $(BIN)/uv pip install -q --python $(BIN)/python -e '.[all]') \
		|| $(BIN)/python -m pip install -q -e '.[all]'
	touch $@
