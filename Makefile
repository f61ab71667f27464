# Two commands do everything: `make run` and `make test`. Windows: see README, "Without make".
#
# The environment is .venv. llama.cpp is compiled once, about 8 minutes on two cores; its wheel is kept
# in CACHE, outside this folder, so that a second clone is ready in seconds.

PYTHON ?= python3
GPU    ?= none
ARGS   ?=
VENV   := .venv
BIN    := $(VENV)/bin
UV     := $(BIN)/uv

# GPU=cuda|metal|vulkan|hip compiles llama.cpp for that card. What each needs beside a C++ compiler, and where it comes from:
GPUS := none cuda metal vulkan hip
$(if $(filter $(GPUS),$(GPU)),,$(error GPU=$(GPU): there is no such build; take one of: $(GPUS)))
NEEDS_cuda := nvcc
NEEDS_metal := xcrun
NEEDS_vulkan := glslc
NEEDS_hip := hipcc
FROM_cuda := the CUDA toolkit of developer.nvidia.com/cuda-downloads
FROM_metal := a Mac with Xcode: xcode-select --install
FROM_vulkan := the Vulkan SDK of vulkan.lunarg.com
FROM_hip := ROCm, of rocm.docs.amd.com
CMAKE_cuda   := -DGGML_CUDA=on
CMAKE_metal  := -DGGML_METAL=on
CMAKE_vulkan := -DGGML_VULKAN=on
CMAKE_hip    := -DGGML_HIP=on

# Without AMX: virtual machines exist that announce it and end a process that uses it (SIGILL at the first prompt).
NO_AMX_FLAGS := -mno-amx-tile -mno-amx-int8 -mno-amx-bf16
NO_AMX := $(shell $(CC) $(NO_AMX_FLAGS) -E -x c /dev/null >/dev/null 2>&1 && echo $(NO_AMX_FLAGS))

# llama.cpp's own server, in the same wheel. In quotes, since a folder's name may have spaces.
ADD_SERVER := '-DCMAKE_PROJECT_llama.cpp_INCLUDE=$(CURDIR)/router/engine/llama-server.cmake'

CACHE  := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/turnout
LLAMA  := $(shell sed -n 's/^\(llama-cpp-python\)==\([^ ]*\).*/\1-\2/p' requirements.txt)
WHEEL  := $(CACHE)/$(LLAMA)-$(GPU)-server$(if $(NO_AMX),-noamx)
# ENGINE=none sets up without llama.cpp, for a server of your own: nothing is compiled. So it is where local.url names one.
OWN    := turnout.yaml $(or $(XDG_CONFIG_HOME),$(HOME)/.config)/turnout/turnout.yaml
SERVER := $(or $(TURNOUT_LOCAL__URL),$(shell sed -n '/^local:/,/^[a-z]/s/^ \{1,\}url: *//p' $(OWN) 2>/dev/null))
ENGINE ?= $(if $(SERVER),$(if $(wildcard $(WHEEL)/.built),llama.cpp,none),llama.cpp)
$(if $(filter none llama.cpp,$(ENGINE)),,$(error ENGINE=$(ENGINE): there is no such engine; take none or llama.cpp))
READY  := $(VENV)/.run-$(if $(filter none,$(ENGINE)),without-engine,$(GPU))
TOOLS  := $(PATH):/usr/local/cuda/bin:/opt/rocm/bin
INSTALL := $(UV) pip install -q --python $(BIN)/python

.PHONY: run test test-slow conformance test-all lint format proofs bench lock clean help

help:            ## show this list
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(READY)                 ## set up and start the endpoint (ARGS="--listen 127.0.0.1:4800", GPU=cuda, ENGINE=none)
	@$(BIN)/turnout serve $(ARGS)

# As in service: with so little to multiply, a second thread is only waited for, by all tests at once.
test test-slow test-all conformance: export OPENBLAS_NUM_THREADS := 1

test: $(VENV)/.dev node       ## all quick tests
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile $(ARGS)

SLOW := $(VENV)/.dev node node-slow .venv-clients/.ready .venv-gptme/.ready .venv-swebench/.ready

test-slow: $(SLOW)            ## real clients, crashes and load, as CI runs them: minutes
	$(BIN)/python -m pytest -m "slow and not long" $(ARGS)

conformance: $(SLOW)          ## each client and all that it must do, with a provider's faults, too
	$(BIN)/python -m pytest -m slow tests/clients/test_conformance.py $(ARGS)

test-all: test $(SLOW)        ## everything there is
	$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(VENV)/.dev            ## ruff, mypy strict, the import ladder
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev          ## put the code in shape
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Needed after a change of how requests are read or judged; `turnout policy check` says so.
DATA ?= ../shared/data
proofs: $(VENV)/.dev          ## record the suites anew (DATA=FOLDER), prove the shipped policies and write their page
	$(BIN)/turnout bench record --data $(DATA)
	$(BIN)/turnout bench policies --markdown benchmarks/results/check.md
	for policy in policies/*.yaml; do $(BIN)/turnout policy check $$(basename $$policy .yaml) --publish >/dev/null || exit 1; done

bench: $(VENV)/.run-$(GPU) .venv-bench/.ready  ## the latency the endpoint adds, beside its peers; what a decision costs
	$(BIN)/turnout bench overhead --peers .venv-bench $(ARGS)
	$(BIN)/turnout bench reading

lock: $(UV)                   ## resolve the locked requirements anew
	$(UV) pip compile -q -U $(LOCK) pyproject.toml -o requirements.txt
	$(UV) pip compile -q -U $(LOCK) pyproject.toml --extra otel --extra postgres --group dev -c requirements.txt -o requirements-dev.txt
	$(UV) pip compile -q -U $(LOCK) requirements-bench.in -o requirements-bench.txt
	$(UV) pip compile -q -U $(LOCK) --no-deps requirements-bench-bare.in -o requirements-bench-bare.txt
	$(UV) pip compile -q -U $(LOCK) requirements-engines.in -o requirements-engines.txt
	$(UV) pip compile -q -U $(LOCK) requirements-clients.in -o requirements-clients.txt
	$(UV) pip compile -q -U $(LOCK) requirements-gptme.in -o requirements-gptme.txt
	$(UV) pip compile -q -U $(LOCK) requirements-swebench.in -o requirements-swebench.txt
	echo "uv==$(shell $(UV) --version | cut -d' ' -f2)" | $(UV) pip compile -q -U $(LOCK) - -o requirements-setup.txt
LOCK := --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-annotate --no-header

clean:           ## remove what was set up here
	rm -rf $(VENV) .venv-bench .venv-engines .venv-clients .venv-gptme .venv-swebench tests/clients/node_modules

$(UV):
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-setup.txt

$(WHEEL)/.built: | $(UV)
	@$(NEED_COMPILER)
	@$(if $(NEEDS_$(GPU)),$(NEED_TOOLS))
	@echo "Compiling llama.cpp, this once: about 8 minutes on two cores ..."
	@mkdir -p $(WHEEL)
	@awk '/^llama-cpp-python==/ {on=1} on {print} on && !/\\$$/ {exit}' requirements.txt > $(WHEEL)/requirement.txt
	PATH="$(TOOLS)" CFLAGS="$$CFLAGS $(NO_AMX)" CXXFLAGS="$$CXXFLAGS $(NO_AMX)" CMAKE_ARGS="$(CMAKE_$(GPU)) $(ADD_SERVER)" \
		$(BIN)/python -m pip wheel -q --disable-pip-version-check --no-cache-dir \
		--no-deps --require-hashes -r $(WHEEL)/requirement.txt -w $(WHEEL)
	@touch $@

$(VENV)/.run-$(GPU): requirements.txt pyproject.toml $(WHEEL)/.built | $(UV)
	@echo "Setting up in $(VENV) ..."
	$(INSTALL) --no-deps --reinstall-package llama-cpp-python $(WHEEL)/*.whl
	$(INSTALL) --require-hashes -r requirements.txt
	$(INSTALL) --no-deps -e .
	@rm -f $(VENV)/.run-* && touch $@

NEED_COMPILER = for compiler in "$$CXX" c++ g++ clang++; do command -v "$$compiler" >/dev/null 2>&1 && exit 0; done; \
	echo "There is no C++ compiler to build llama.cpp with: install one (apt install build-essential, dnf install gcc-c++," \
	"xcode-select --install), or do without: make run ENGINE=none, with TURNOUT_LOCAL__URL=http://127.0.0.1:11434" \
	"for Ollama or another server of yours" >&2; exit 1
NEED_TOOLS = PATH="$(TOOLS)"; command -v $(NEEDS_$(GPU)) >/dev/null 2>&1 || { \
	echo "GPU=$(GPU) needs $(NEEDS_$(GPU)), which is not here: install $(FROM_$(GPU)); or build for the processor: make run GPU=none" >&2; \
	exit 1; }; \
	[ "$(GPU)" != cuda ] || nvidia-smi >/dev/null 2>&1 || \
	echo "No NVIDIA driver answers (nvidia-smi): what is compiled now runs on the card once one is installed" >&2

$(VENV)/.run-without-engine: requirements.txt pyproject.toml | $(UV)
	@echo "Setting up in $(VENV), without an engine: the server at local.url is the local model ..."
	@awk '/^llama-cpp-python==/ {skip=1} !skip {print} skip && !/\\$$/ {skip=0}' requirements.txt > $(VENV)/requirements.txt
	$(INSTALL) --no-deps --require-hashes -r $(VENV)/requirements.txt
	$(INSTALL) --no-deps -e .
	@rm -f $(VENV)/.run-* && touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run-$(GPU)
	$(INSTALL) --require-hashes -r requirements-dev.txt
	@touch $@

.venv-bench/.ready: requirements-bench.txt requirements-bench-bare.txt | $(UV)
	$(UV) venv -q --clear --python $(PYTHON) .venv-bench
	$(UV) pip install -q --python .venv-bench/bin/python --require-hashes -r requirements-bench.txt
	$(UV) pip install -q --python .venv-bench/bin/python --require-hashes --no-deps -r requirements-bench-bare.txt
	@touch $@

.venv-engines/.ready: requirements-engines.txt $(WHEEL)/.built | $(UV)
	$(UV) venv -q --clear --python $(PYTHON) .venv-engines
	$(UV) pip install -q --python .venv-engines/bin/python --require-hashes -r requirements-engines.txt
	$(UV) pip install -q --python .venv-engines/bin/python --no-deps $(WHEEL)/*.whl
	@touch $@

.venv-clients/.ready: requirements-clients.txt | $(UV)
	$(UV) venv -q --python $(PYTHON) .venv-clients
	@$(UV) pip install -q --python .venv-clients/bin/python --require-hashes -r requirements-clients.txt || \
	echo "aider does not install with this Python: tests with it will skip"
	@touch $@

.venv-gptme/.ready: requirements-gptme.txt | $(UV)
	$(UV) venv -q --python $(PYTHON) .venv-gptme
	@$(UV) pip install -q --python .venv-gptme/bin/python --require-hashes -r requirements-gptme.txt || \
	echo "gptme does not install with this Python: tests with it will skip"
	@touch $@

.venv-swebench/.ready: requirements-swebench.txt | $(UV)
	$(UV) venv -q --clear --python $(PYTHON) .venv-swebench
	@$(UV) pip install -q --python .venv-swebench/bin/python --require-hashes -r requirements-swebench.txt || \
	echo "mini-SWE-agent does not install with this Python: tests with it will skip"
	@touch $@

# The real coding assistants the tests drive; the large ones (1 GB) for the slow tests only.
# Where there is no npm, those tests skip and say so.
.PHONY: node node-slow
node: tests/clients/node_modules/.ready
node-slow: tests/clients/node_modules/.ready-slow | node
tests/clients/node_modules/.ready: tests/clients/package.json
	@$(call NPM,--omit=dev,$(@F))
tests/clients/node_modules/.ready-slow: tests/clients/package.json
	@$(call NPM,--include=dev,$(@F))
NPM = if command -v npm >/dev/null; then \
	cd tests/clients && npm install --loglevel=error $(1) && touch node_modules/$(2); \
	else echo "npm is not installed: tests with real Node clients will skip"; fi
