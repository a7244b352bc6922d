# `make check` runs all that CI runs. Recipes stay one line each; what they need is in setup.sh.
.DEFAULT_GOAL := help
.PHONY: help setup check format lint types imports test calibrate evaluate bench clean

BIN := .venv/bin
LIVENESS_CORPUS ?= ../shared/corpus
MANIFESTS ?= $(wildcard $(LIVENESS_CORPUS)/manifest.csv $(LIVENESS_CORPUS)/stills.csv)
CLIP ?= $(firstword $(wildcard $(LIVENESS_CORPUS)/bonafide/*.mp4))

help:  ## Say what there is
	@sed -nE 's/^([a-z]+):.*  ## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

setup:  ## Make .venv with everything for development
	@bash setup.sh test check

check:  ## All that CI runs: format, lint, types, imports, tests
	@bash .ci/run

format: setup  ## Format the code and put imports in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --select I --fix .

lint: setup  ## Look for mistakes and bad style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup  ## Check the types
	$(BIN)/mypy

imports: setup  ## Check that no layer imports a higher one
	$(BIN)/lint-imports --no-cache

test:  ## Run the tests (make test ARGS="-k media")
	@bash test.sh $(ARGS)

calibrate: setup  ## Learn the packaged calibration anew from LIVENESS_CORPUS
	$(BIN)/liveness calibrate $(MANIFESTS) --out liveness/fusion/calibration.json

evaluate: setup  ## Print error rates on LIVENESS_CORPUS, cross-validated by person
	$(BIN)/liveness evaluate $(MANIFESTS)

bench: setup  ## Measure speed and memory of a review, and each signal's cost on CLIP
	$(BIN)/python tests/benchmarks/review_speed.py
	$(if $(CLIP),$(BIN)/liveness signals --time $(CLIP))

clean:  ## Remove what can be made again (.venv stays)
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find liveness tests -name __pycache__ -type d -prune -exec rm -rf {} +
