# Two commands do everything on a fresh machine with Python 3.11-3.14, git and make:
#   make search   make test
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: search test lint style types suite audit test-long benchmark benchmark-truth benchmark-peers package-sampler docs release chaos test-gpu clean

search: $(VENV)/.installed
	$(BIN)/nas search --budget 300M-MACs $(ARGS)

# What fails in seconds first; then the types, which take a minute of one core, beside the tests, which often wait.
test: style
	$(MAKE) --no-print-directory --jobs 2 types suite

lint: style types

style: $(VENV)/.developer
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.developer
	$(BIN)/mypy

suite: $(VENV)/.developer
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long and not benchmark and not chaos and not gpu"

audit: $(VENV)/.developer
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

test-long: $(VENV)/.developer
	$(BIN)/pytest -m long

benchmark: $(VENV)/.developer
	$(BIN)/pytest -m benchmark

# Hours on two cores, goes on where it was interrupted. On a GPU: make benchmark-truth ARGS="--budget 20M-MACs --device cuda"
benchmark-truth: $(VENV)/.developer
	$(BIN)/python -m tests.benchmarks.truth $(ARGS)

# Hours on two cores, goes on where it was interrupted. Peers live in an environment of their own.
benchmark-peers: $(VENV)-peers/.installed
	$(VENV)-peers/bin/python -m tests.benchmarks.peer_regret $(ARGS)

# dist/factor_gp_sampler: the sampler alone, as OptunaHub's registry takes it.
package-sampler: $(VENV)/.installed
	$(BIN)/python tests/standalone/build_sampler.py

# dist/site: the documentation as a site. Warnings are errors; README's and docs' commands are run by the tests.
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --config-file docs/site/mkdocs.yml

# dist/*.whl and .tar.gz, each installed alone into a bare environment, in which it then searches outside of this folder.
release: $(VENV)/.installed
	$(BIN)/python tests/standalone/release.py $(ARGS)

chaos: $(VENV)/.developer
	$(BIN)/pytest -m chaos

test-gpu: $(VENV)/.developer
	$(BIN)/pytest -m gpu

# torch first and by its exact pin: anything else that asks for torch would pull a CUDA build.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 14) else f"Python {v[0]}.{v[1]} found, expected 3.11 to 3.14: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/pip install --quiet torch==2.13.0
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

# What LiteRT needs here, without what its packages ask for besides: text generation, older typing_extensions.
LITERT := litert-torch ai-edge-quantizer ai-edge-litert litert-converter backports.strenum xdsl lark \
	immutabledict ordered-set absl-py jax jaxlib opt_einsum torchao tabulate

# timm and torchvision without their dependencies, which would pull a CUDA build of torch: tests compare with
# them, nothing else imports them. The index has torchvision for CUDA only; beside another torch it is made importable.
$(VENV)/.developer: $(VENV)/.installed tests/importable_torchvision.py
	$(BIN)/pip install --quiet --constraint constraints.txt --group dev
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps torchvision timm huggingface_hub httpx2 httpcore2 h11 anyio truststore hf-xet
	$(BIN)/pip install --quiet --constraint constraints.txt --no-deps $(LITERT)
	$(BIN)/python tests/importable_torchvision.py
	touch $@

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --group docs
	touch $@

# The peers last: Ax asks for a botorch of its own choice, SMAC for an older scikit-learn, Syne Tune for a hub client.
$(VENV)-peers/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)-peers
	$(VENV)-peers/bin/pip install --quiet --upgrade "pip>=25.1"
	$(VENV)-peers/bin/pip install --quiet torch==2.13.0
	$(VENV)-peers/bin/pip install --quiet --constraint constraints.txt --editable .
	$(VENV)-peers/bin/pip install --quiet ax-platform==1.3.0 smac==2.4.0 syne-tune==0.16.0 "scikit-learn<1.9" huggingface_hub pytest
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-peers .mypy_cache .pytest_cache .ruff_cache .hypothesis
