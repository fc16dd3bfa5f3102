# palette.vmware: every target does the set-up it needs (tools/bootstrap makes .venv once).
SHELL := /bin/bash
ROOT := $(CURDIR)
PYTHON := $(ROOT)/.venv/bin/python

# Real interpreters come before a version manager's stand-ins; Ansible's temporary files stay in the clone.
export PATH := $(ROOT)/.venv/bin:$(ROOT)/.venv/toolchain:$(PATH)
export LC_ALL := C.UTF-8
export ANSIBLE_HOME := $(ROOT)/.ansible
export ANSIBLE_REMOTE_TEMP := $(ROOT)/.ansible/tmp
export PYTHONUNBUFFERED := 1
ifeq ($(origin LAB_OPENAPI),undefined)
ifneq ($(wildcard $(ROOT)/../shared/spec/palette-openapi.json),)
export LAB_OPENAPI := $(abspath $(ROOT)/../shared/spec/palette-openapi.json)
endif
endif

STAGES := lint go lab unit integration sanity artifact molecule
STAGE_TARGETS := $(addprefix test-,$(STAGES))

.DEFAULT_GOAL := help
.PHONY: help bootstrap lab lab-down demo test lint chaos bench docs ee changelog clean $(STAGE_TARGETS)

help: ## This list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "  make test-STAGE       one stage of make test: $(STAGES)"

bootstrap: ## The virtual environment .venv with every tool, pinned
	@tools/bootstrap

lab: bootstrap ## Starts the lab (Palette and vCenter on loopback) and leaves it running
	@$(PYTHON) -m palette_lab up

lab-down: bootstrap ## Stops the lab
	@$(PYTHON) -m palette_lab down

demo: bootstrap ## The chain of playbooks on the lab, then a table of what there is
	@$(PYTHON) tools/demo.py

test: bootstrap ## Everything that a change must pass
	@$(PYTHON) tools/test_all.py $(STAGES)

lint: bootstrap ## ansible-lint, antsibull, mypy, gofmt, go vet and ansible-test sanity
	@$(PYTHON) tools/test_all.py lint sanity

$(STAGE_TARGETS): test-%: bootstrap
	@$(PYTHON) tools/test_all.py $*

changelog: bootstrap ## CHANGELOG.rst from changelogs/fragments, for the version in galaxy.yml
	@antsibull-changelog release

chaos: bootstrap ## Every kill point of the installation; resumable, hours long
	@$(PYTHON) tests/chaos/install_kills.py

BENCHMARKS := ova_upload permission_audit zone_tags

bench: bootstrap ## Benchmarks, as ratios to peers that run side by side; one alone: BENCH=zone_tags, its options: OPTIONS=--help
	@for each in $(or $(BENCH),$(BENCHMARKS)); do PYTHONPATH=$$(tools/peers) $(PYTHON) benchmarks/$$each.py $(OPTIONS) || exit 1; done

# Not built yet: these say so and fail, so that nobody takes silence for success.
docs: ## Documentation site (not built yet)
ee: ## Execution environment image (not built yet)
docs ee:
	@echo "make $@: not built yet" >&2; exit 1

clean: ## Removes test output and built files; .venv and .lab stay
	@rm -rf tests/output .ansible .mypy_cache .pytest_cache collections palette-vmware-*.tar.gz
