# Steward. `make help` lists what there is.
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The search needs FTS5; store/sqlite_fts5.go makes a build without it fail.
TAGS    := sqlite_fts5
export GOFLAGS := -tags=$(TAGS) -buildvcs=false
export CGO_ENABLED := 1
export GOTOOLCHAIN := local
DB      := data/steward.db

help: ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/\1\t\2/' | while IFS=$$'\t' read -r name what; do printf '  make %-9s %s\n' "$$name" "$$what"; done

build: ## bin/steward
	@.ci/build bin/steward

run: build ## serve on http://localhost:8080; a fresh database gets 1,000 demo accounts
	@if [ ! -e $(DB) ]; then bin/steward demo --database $(DB) --accounts 1000 --seed 1; fi
	@exec bin/steward serve --database $(DB) --dev --addr 127.0.0.1:8080 --environment Development

dev: ## like run, and builds again whenever a source changes
	@.ci/dev

generate: ## write the generated templ code anew
	go tool templ generate

test: ## the whole suite; PostgreSQL and the browser where they are installed
	@.ci/test

check: ## what CI runs: nothing may be left out
	@.ci/check

bench: ## measure what bench/README.md says
	@.ci/bench

soak: ## kill -9, full disks and power cuts, for as long as they take (root for the last two)
	@.ci/soak

release: ## dist/: the binary for this machine, twice the same, with its SHA-256
	@.ci/reproducible dist

.PHONY: help build run dev generate test check bench soak release
