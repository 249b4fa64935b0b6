# Skyledger's targets. `make help` lists them.
FUNCTIONS := $(notdir $(wildcard functions/*))
LINTER    := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
SCHEMATHESIS := schemathesis==4.32.5
# Counted, not timed: at the end of a time Go now and then fails a fuzz test that found nothing.
FUZZTIME  ?= 20000x
GENERATED := internal/simulator/airports.csv internal/reference/world.bin

.PHONY: help run test build lint sources verify fuzz bench schema soak clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## record: the whole system in one process, on 127.0.0.1:8080
	go run ./infra/local

test: ## every test, against a real PostgreSQL and Redis
	go test -timeout 20m ./...

build: ## the functions as Lambda runs them: build/<function>/bootstrap
	@for name in $(FUNCTIONS); do \
		echo "build/$$name/bootstrap"; \
		GOOS=linux GOARCH=$${GOARCH:-arm64} CGO_ENABLED=0 go build -trimpath -tags lambda.norpc -ldflags '-s -w' -o build/$$name/bootstrap ./functions/$$name || exit 1; \
	done

lint: ## gofmt and golangci-lint, with the reasons in .golangci.yaml
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "these files are not gofmt'ed"; exit 1; }
	@command -v golangci-lint >/dev/null || go install $(LINTER)
	@PATH="$$PATH:$$(go env GOPATH)/bin" golangci-lint run ./...

sources: ## fetch what the embedded airports are made from, for verify
	pip download --quiet --no-deps --dest .tools airportsdata==20260905

verify: ## regenerate every generated file and fail on a difference
	go generate ./...
	git diff --exit-code -- $(GENERATED)

fuzz: ## every fuzz test so many times each (FUZZTIME=20000x)
	@for package in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
		for name in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$package/*_test.go | sed 's/func //'); do \
			echo "$$package $$name"; \
			go test ./$$package -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x || exit 1; \
		done; \
	done

schema: ## hold the running API against its description, with schemathesis
	@test -x .tools/schemathesis/bin/schemathesis || { python3 -m venv .tools/schemathesis && .tools/schemathesis/bin/pip install -q $(SCHEMATHESIS); }
	SCHEMATHESIS=$(CURDIR)/.tools/schemathesis/bin/schemathesis go test -tags schemathesis -timeout 15m -run TestSchema -v ./infra/local

bench: ## speed beside its limits, one table; also build/bench.json
	go run ./infra/bench

soak: ## a day of snapshots, compressed: memory, files and invariants
	go test -tags soak -timeout 30m -run Soak -v ./internal/faulttest

clean: ## remove what build and bench made
	rm -rf build
