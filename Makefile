# Each target makes its own virtual environment when it is missing; see README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Without bytecode, which an environment may forbid, each process compiles every module and every test anew: half a minute.
export PYTHONDONTWRITEBYTECODE :=
# make test compiles many networks: side by side, and without what XLA takes most of the time for (tests/flags.py).
QUICK = XLA_FLAGS="$$($(BIN)/python -m tests.flags) $$XLA_FLAGS"
SPREAD := -q -n auto --dist loadfile --no-loadscope-reorder --durations=10
TEST := -m "not slow" $(SPREAD)
TWO := -q -n 2 --dist loadfile --no-loadscope-reorder --durations=20

.PHONY: demo check test test-rest test-all costs colabfold alphafold3 docs matrix check-weights bench clean

$(STAMP): setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile -e ".[dev,oracle]"
	touch $@

demo: $(STAMP)  ## the main job on real proteins: fold, explore, tune a head, compare, ask
	rm -rf demo_out
	$(BIN)/python -m experiments.demo --out demo_out

check: $(STAMP)  ## format, lint, and the tests of seconds: under three minutes on two cores
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(QUICK) $(BIN)/python -m pytest -m "not slow and not medium" $(SPREAD)

test: $(STAMP)  ## every room, the laws, one full-size pass and its gradient: about a quarter of an hour
	$(QUICK) $(BIN)/python -m pytest $(TEST)

test-rest: $(STAMP) colabfold alphafold3  ## DeepMind's code live, other programs, browsers, notebooks, experiments; two processes, 24 GiB
	$(QUICK) $(BIN)/python -m pytest -m "slow and not optimised" $(TWO)
	$(BIN)/python -m pytest -m optimised $(TWO)

test-all: test test-rest  ## all of it: about an hour on two cores

costs: $(STAMP)  ## what each test of make test costs, the costliest first
	rm -rf build/costs
	COSTS=build/costs XDG_CACHE_HOME=$(CURDIR)/build/costs/cache $(QUICK) $(BIN)/python -m pytest -p tests.costs $(TEST)
	$(BIN)/python -m tests.costs build/costs

colabfold: .venv-colabfold/.installed  ## stock ColabFold beside, for the tests of exported parameters

.venv-colabfold/.installed: Makefile
	$(PYTHON) -m venv .venv-colabfold
	.venv-colabfold/bin/python -m pip install --quiet --no-compile "colabfold[alphafold]==1.6.3"
	touch $@

alphafold3:  ## alphafold3-colabfold beside, for the same tests, which are skipped where it cannot be had: it needs Python 3.12
	@test -x .venv-alphafold3/bin/python || { \
	  for p in python3.12 $$HOME/.pyenv/versions/3.12.*/bin/python ""; do [ -z "$$p" ] || $$p -c "" 2> /dev/null && break; done; \
	  [ -n "$$p" ] || { echo "Python 3.12: not found, alphafold3-colabfold is not installed"; exit 0; }; \
	  $$p -m venv .venv-alphafold3 && .venv-alphafold3/bin/python -m pip install --quiet --no-compile \
	    "alphafold3-colabfold==3.1.18" absl-py dm-haiku "jax==0.10.2" \
	    || { rm -rf .venv-alphafold3; echo "alphafold3-colabfold cannot be installed here"; }; }

docs: $(STAMP)  ## the documentation, as pages in build/docs
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs
	@echo build/docs/index.html

matrix:  ## make test on every interpreter found
	@found=0; for v in 3.11 3.12 3.13; do \
	  for p in python$$v $$HOME/.pyenv/versions/$$v.*/bin/python ""; do [ -z "$$p" ] || $$p -c "" 2> /dev/null && break; done; \
	  [ -n "$$p" ] || { echo "Python $$v: not found, skipped"; continue; }; found=1; \
	  echo "== $$($$p --version) =="; \
	  test -x .venv-$$v/bin/python || $$p -m venv .venv-$$v || exit 1; \
	  .venv-$$v/bin/python -m pip install --quiet -e ".[dev]" || exit 1; \
	  XLA_FLAGS="$$(.venv-$$v/bin/python -m tests.flags) $$XLA_FLAGS" \
	    .venv-$$v/bin/python -m pytest -m "not slow and not optimised" $(SPREAD) || exit 1; \
	  .venv-$$v/bin/python -m pytest -m "not slow and optimised" $(TWO) || exit 1; \
	done; [ $$found = 1 ]

check-weights: $(STAMP)  ## AF2JAX_PARAMS=DIR: loads every preset in DIR and folds a known chain
	@test -n "$$AF2JAX_PARAMS" || { echo "set AF2JAX_PARAMS to the directory of DeepMind's .npz files"; exit 2; }
	$(BIN)/python -m pytest tests/weights -q -s

bench: $(STAMP)  ## memory as compiled, then time beside DeepMind's code; an hour or more on a quiet machine
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.forward
	$(BIN)/python -m benchmarks.gradient
	$(BIN)/python -m benchmarks.finetune
	$(BIN)/python -m benchmarks.cache

clean:
	rm -rf .venv .venv-* demo_out overfit_out build dist *.egg-info

.PHONY: gpu
gpu: $(STAMP)  ## what must be seen on a GPU: its numbers, memory and speed; without one it says so
	$(BIN)/python -m benchmarks.gpu
