# The developer's whole story. `make demo` and `make test` need git, make and Python 3.11 or newer, nothing else.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --custom-compile-command "make lock" --quiet
PIP := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off
QUICK := $(addprefix tests/,contract jobs mesh pki reporting yamltext zones test_language.py test_redaction.py test_text.py)
# Counts the packages that pip collects, on a terminal only.
COUNT = awk -v terminal="$$(test -t 2 && echo yes)" '!terminal {next} \
	/^Collecting/ {printf "\r\033[K  %d: %s", ++n, $$2} /^Installing/ {printf "\r\033[K  installing %d packages", n} \
	{fflush()} END {if (terminal) printf "\r\033[K"}'
# The first of these that is Python 3.11 or newer makes the virtual environment; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.PHONY: help
help: ## Show what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none is on PATH." >&2; exit 3; }
	@echo "Making $(VENV) and installing what requirements.lock pins, which takes a minute or two."
	@$(PYTHON) -m venv --clear $(VENV)
	@{ $(PIP) --require-hashes --requirement requirements.lock; echo $$? >$(VENV)/.status; } | $(COUNT); exit $$(cat $(VENV)/.status)
	@$(PIP) --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: venv
venv: $(READY) ## Make .venv and install what the lock pins.

.PHONY: demo
demo: $(READY) ## Run the whole chain against an AWS on loopback; results in build/demo/.
	$(BIN)/toolkit demo

.PHONY: test
test: $(READY) ## Run every test.
	$(BIN)/pytest -n auto

.PHONY: test-moto
test-moto: $(READY) ## Run moto's own tests of acm-pca against the sandbox.
	$(BIN)/python -m tests.clients.moto_suite

.PHONY: test-pulumi
test-pulumi: $(READY) ## Run stacks under the real Pulumi engine; Go builds it once.
	$(BIN)/pytest -n 2 -m "not exhaustive" tests/pulumi

.PHONY: test-pulumi-all
test-pulumi-all: $(READY) ## Run every stack of docs/reference/provisioning.md and 100 zones under the real Pulumi engine.
	$(BIN)/pytest -n 2 tests/pulumi

.PHONY: test-clients
test-clients: $(READY) ## Let SPIRE, aws-privateca-issuer and the AWS SDK for Go use the sandbox; Go builds them once.
	$(BIN)/pytest tests/clients/spire tests/clients/privateca_issuer tests/clients/go_sdk

.PHONY: test-aws
test-aws: $(READY) ## Issue certificates on a real AWS account, which costs money; AWS="--help" says more.
	$(BIN)/python -m tests.aws $(AWS)

.PHONY: test-kubernetes
test-kubernetes: $(READY) ## Let a real kube-apiserver judge every document; Go builds it once.
	$(BIN)/pytest tests/kubernetes

.PHONY: quick
quick: $(READY) ## Run what needs neither the sandbox nor a process of its own, in about a minute.
	$(BIN)/pytest -m "not slow" -n auto $(QUICK)

.PHONY: lint
lint: $(READY) ## Lint, formatting, types and import contracts.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(READY) ## Format the code and fix what ruff can fix.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: check
check: lint test ## Everything that must hold before a change lands, but the demo.

.PHONY: bench
bench: $(READY) ## Measure, as ratios within one run.
	$(BIN)/python -m tests.bench.start_up
	$(BIN)/python -m tests.bench.issuance
	$(BIN)/python -m tests.bench.documents
	$(BIN)/python -m tests.bench.verification
	$(BIN)/python -m tests.bench.handshakes

.PHONY: endure
endure: $(READY) ## Kill and stop runs of verify 150 times and sandboxes 100 times, edit 5,000 documents; nothing may be lost.
	$(BIN)/python -m tests.endure $(ENDURE)

.PHONY: docs
docs: $(READY) ## Generate the parts of docs/ that come from the code, and build the site into build/site.
	$(BIN)/python -m tests.sandbox.conformance.document
	$(BIN)/python -m tests.mesh.lint.document
	$(BIN)/python -m tests.verify.report.documents
	$(BIN)/python -m tests.verify.document
	$(BIN)/python -m tests.pki.document
	$(BIN)/python -m tests.cli.document
	$(BIN)/python -m tests.infra.document
	$(BIN)/toolkit contract schema --output-file docs/reference/contract.schema.json
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

.PHONY: lock
lock: $(READY) ## Renew the locks (universal, with hashes): of everything, of the base, and of what builds the image.
	$(LOCK) pyproject.toml --all-extras --upgrade --output-file requirements.lock
	$(LOCK) pyproject.toml --constraints requirements.lock --output-file requirements-base.lock
	$(LOCK) --group pyproject.toml:image-build --constraints requirements.lock --output-file requirements-image-build.lock

.PHONY: clean
clean: ## Remove what builds and tests leave behind.
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache $(VENV)
