# make setup   a virtual environment with everything, from wheels
# make test    setup if needed, then the test suite          (PYTEST_ARGS="-k bev" runs a part)
# make lint    setup if needed, then the linter
# make demo    setup if needed, then the whole path on a simulated world
# make demo-real   the same on real Astyx data               (ASTYX=DIR, its folder)
# make clean   remove what setup, tests and demos made here; data sets stay
#
# Variables of setup:
#   TORCH="torch==2.13.0"   the torch requirement; TORCH= keeps the torch that is there
#   PYTHON=python3          the interpreter of the virtual environment
#   SYSTEM_SITE=1           let it see the packages of that interpreter (a torch or compiled mmcv of yours)
#   VENV=.venv              where it goes

PYTHON ?= python3
VENV ?= .venv
TORCH ?= default
SYSTEM_SITE ?= 0
PYTEST_ARGS ?=
DEMO_ARGS ?=
ASTYX ?= ../shared/data/radar_fusion/astyx_hires2019

PY = $(VENV)/bin/python
STAMP = $(VENV)/.perception_kd-setup

.PHONY: help setup test lint demo demo-real clean

help:
	@sed -n '/^# /s/^# //p;/^#$$/s/.*//p' Makefile

setup: $(STAMP)

$(STAMP): setup.py constraints.txt tools/setup.sh
	@VENV="$(VENV)" PYTHON="$(PYTHON)" TORCH="$(TORCH)" SYSTEM_SITE="$(SYSTEM_SITE)" sh tools/setup.sh
	@touch $(STAMP)

test: setup
	$(PY) -m pytest $(PYTEST_ARGS)

lint: setup
	$(PY) -m ruff check .

demo: setup
	$(PY) tools/demo.py $(DEMO_ARGS)

demo-real: setup
	@test -d "$(ASTYX)" || { echo "no Astyx data in $(ASTYX): pass ASTYX=DIR (see data/README.md)" >&2; exit 1; }
	$(PY) tools/demo.py --real "$(ASTYX)" $(DEMO_ARGS)

clean:
	rm -rf $(VENV) work_dirs build dist perception_kd.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
