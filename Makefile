# The two commands of a newcomer are `make up` and `make test`; `make help` lists the rest.
SHELL := /bin/sh
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help up down test check dev build generate format

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

up: node_modules/.installed ## a running environment on a real Kubernetes (CLUSTER=context to use one of yours, OBSERVABILITY=1 for logs, metrics and dashboards)
	@node scripts/up.ts

down: node_modules/.installed ## remove everything that `make up` made
	@node scripts/down.ts

test: node_modules/.installed ## all checks and tests; ends with `N passed, N failed`
	@node scripts/test.ts

check: node_modules/.installed ## types, lint, arrows, dead code, format, specs, generated files, secrets
	@node scripts/test.ts check

dev: node_modules/.installed ## stores, services and a front door as processes on loopback
	@npm run --silent dev

build: node_modules/.installed ## bundle the operator and the services
	@node scripts/build.ts

generate: node_modules/.installed ## write the generated files (CRD, OpenAPI, AsyncAPI, reference pages)
	@node scripts/generate.ts

format: node_modules/.installed ## let prettier write
	@npm run --silent format

node_modules/.installed: package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing: install Node.js (any version from 20 on; the project brings its own 24)' >&2; exit 1; }
	@# Not `npm ci`: it refuses a lock file that lacks other platforms' binaries, which not every registry has.
	npm install --no-save --no-audit --no-fund --loglevel=error
	@touch $@
