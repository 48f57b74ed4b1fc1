# The two commands of a fresh clone: `make demo` and `make test`. They need Python 3.11 with venv,
# make and a C++20 compiler; what else they need they install into .venv.

PYTHON ?= python3
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
# CMake and Ninja of the environment first, and the Eigen headers that a wheel brings.
IN_ENVIRONMENT = PATH="$(CURDIR)/$(BIN):$$PATH" CMAKE_PREFIX_PATH="$$($(BIN)/python -c \
	"from importlib.metadata import distribution as d; \
	print(d('cmeel-eigen').locate_file('cmeel.prefix'))")"
SOURCES := CMakeLists.txt pyproject.toml $(shell find cpp python -type f -not -name '*.pyc')

.PHONY: demo test test-cpp test-python sanitize lint bench clean

demo: .venv/installed
	$(BIN)/python docs/examples/digits.py

test: test-cpp test-python

test-cpp: .venv/tools
	tests/cpp/ensure-doctest
	$(IN_ENVIRONMENT) cmake --preset default
	$(IN_ENVIRONMENT) cmake --build --preset default --parallel $(JOBS)
	$(IN_ENVIRONMENT) ctest --preset default --parallel $(JOBS)

test-python: .venv/installed
	$(BIN)/python -m pytest

sanitize: sanitize-asan sanitize-tsan

sanitize-%: .venv/installed
	tests/cpp/ensure-doctest
	$(IN_ENVIRONMENT) cmake --preset $* -DDELTARULE_PYTHON=ON \
		-DPython_EXECUTABLE="$(CURDIR)/$(BIN)/python" \
		-Dpybind11_DIR="$$($(BIN)/python -m pybind11 --cmakedir)"
	$(IN_ENVIRONMENT) cmake --build --preset $* --parallel $(JOBS)
	$(IN_ENVIRONMENT) ctest --preset $* --parallel $(JOBS)
	tests/python/run-sanitized $*

bench: .venv/installed
	$(BIN)/pip install --quiet -r bench/requirements.txt
	$(BIN)/python bench/run.py

lint: .venv/tools
	$(BIN)/pip install --quiet '.[dev]' --no-build-isolation
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $$(find cpp tests/cpp -name '*.[ch]pp')

.venv/tools:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet 'scikit-build-core>=0.11' 'pybind11>=3.0' 'cmeel-eigen>=3.4,<4' \
		'cmake>=3.24' ninja
	touch $@

.venv/installed: .venv/tools $(SOURCES)
	$(IN_ENVIRONMENT) $(BIN)/pip install '.[demo,test]' --no-build-isolation
	touch $@

clean:
	rm -rf build .venv
