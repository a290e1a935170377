# make setup   a virtual environment with everything, from wheels
# make test    setup if needed, then the test suite          (PYTEST_ARGS="-k bev" runs a part, JOBS=1 in one process)
# make lint    setup if needed, then the linter
# make demo    setup if needed, then the whole path on a simulated world; ends with a report
# make demo-real   the same on real Astyx data               (ASTYX=DIR, its folder)
# make environments   set up and test each Python, NumPy and OpenCV that should work, each in a folder of .venv-legs
# make clean   remove what setup, tests and demos made here; data sets stay
#
# Variables of setup; what OPENCV and NUMPY say holds until they are given again:
#   TORCH="torch==2.13.0"   the torch requirement; TORCH= keeps the torch that is there
#   PYTHON=python3          the interpreter of the virtual environment: 3.10, 3.11 or 3.12
#   SYSTEM_SITE=1           let it see the packages of that interpreter (a torch or compiled mmcv of yours)
#   OPENCV=auto             plain: opencv-python; headless: opencv-python-headless, which needs no libGL;
#                           auto: plain where libGL is, else headless
#   NUMPY=1                 1: NumPy 1.26, which nuscenes-devkit asks for; 2: NumPy 2 all the same
#   MMCV=REQUIREMENT        a compiled mmcv (version or wheel) instead of mmcv-lite
#   VENV=.venv              where it goes

VENV ?= .venv
PYTEST_ARGS ?=
JOBS ?= 2
DEMO_ARGS ?=
ASTYX ?= ../shared/data/radar_fusion/astyx_hires2019

PY = $(VENV)/bin/python
STAMP = $(VENV)/.perception_kd-setup

# What the command line or the environment sets; make passes it on to the scripts. Setup runs again when its files
# change, and when it is asked for something else than last time.
CHOICES = PYTHON TORCH SYSTEM_SITE OPENCV NUMPY MMCV
ASKED := $(strip $(foreach name,$(CHOICES),$(if $(filter command environment,$(origin $(name))),$(name)='$($(name))')))
ifneq ($(ASKED),)
ifneq ($(ASKED),$(strip $(shell cat "$(STAMP)" 2>/dev/null)))
$(STAMP): ask-again
endif
endif

.PHONY: help setup test lint demo demo-real environments clean ask-again

help:
	@sed -n '/^# /s/^# //p;/^#$$/s/.*//p' Makefile

setup: $(STAMP)

$(STAMP): setup.py constraints.txt constraints-numpy2.txt tools/setup.sh
	@rm -f "$(STAMP)"
	@VENV="$(VENV)" sh tools/setup.sh
	@echo "$(ASKED)" >"$(STAMP)"

test: setup
	@sh tools/browser.sh
	$(PY) -m pytest -n $(JOBS) --dist loadfile $(PYTEST_ARGS)

lint: setup
	$(PY) -m ruff check .

demo: setup
	$(PY) tools/demo.py $(DEMO_ARGS)

demo-real: setup
	@test -d "$(ASTYX)" || { echo "no Astyx data in $(ASTYX): pass ASTYX=DIR (see data/README.md)" >&2; exit 1; }
	$(PY) tools/demo.py --real "$(ASTYX)" $(DEMO_ARGS)

environments:
	@sh tools/environments.sh

clean:
	rm -rf $(VENV) .venv-legs work_dirs build dist perception_kd.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
