# Every target is one command, and .ci/run calls the same ones. A fresh machine needs Go, git and make; `make test`
# installs the rest (as root on Debian) or names what is missing.

SHELL      := /bin/bash
GO         ?= go
FUZZTIME   ?= 20s
LINT       := bin/golangci-lint
LINT_VERSION := v2.15.0

.PHONY: help build demo test race lint fuzz bench compare tools clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-9s %s\n", $$1, $$2}'

build: ## the static binary, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ringfence ./cmd/ringfence

demo: ## real calls through the real gate on this machine; needs nothing but Go
	$(GO) run ./cmd/ringfence demo $(ARGS)

test: tools race ## install what the tests need, then run them all

race: ## all tests with the race detector, and the allocation budgets without it
	$(GO) test -race ./...
	$(GO) test -count=1 -run Budget ./sip/proxy

lint: $(LINT) ## go vet and golangci-lint
	$(GO) vet ./...
	$(LINT) run

$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

fuzz: ## every fuzz target for FUZZTIME (default 20s)
	.ci/fuzz $(FUZZTIME)

bench: tools ## side by side with Kamailio: CPU, rates, delay, memory, slopes; writes docs/performance.md (half an hour)
	$(GO) run ./test/bench $(ARGS)

compare: tools ## the SIPp scenarios through Ringfence and through Kamailio, side by side
	$(GO) run ./test/compare

tools: ## Debian packages that the tests use
	.ci/tools

clean:
	rm -rf bin
