# The commands of this repository. `make help` lists them.

# Outside the checkout, so that a fresh clone finds what an earlier one has built.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/bondhu/target
export PGRX_PG_CONFIG_PATH ?= /usr/lib/postgresql/15/bin/pg_config

DEV := $(CARGO_TARGET_DIR)/debug/bondhu-dev
RELEASE_DEV := $(CARGO_TARGET_DIR)/release/bondhu-dev
TARPAULIN := $(HOME)/.cache/bondhu/tarpaulin/bin/cargo-tarpaulin

.DEFAULT_GOAL := help
.PHONY: help setup setup-up setup-test build build-release demo up test bench-engine bench-mirror soak-mirror bench-sync simulate-sync soak-sync bench-chat bench-wasm bench-recommendations bench-scale wasm figures fuzz-portable coverage reset lint model teacher eval bench-scorer model-programs

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## Run the way of a message once, check it, report (DATA=FILE: a TSV, first column text; ENGINE=portable: the engine in SQL)
	@$(DEV) demo $(if $(DATA),--data '$(DATA)') $(if $(ENGINE),--engine '$(ENGINE)')

up: setup-up build ## Start the stack and leave it running; Ctrl-C ends it (ENGINE=portable: the engine in SQL)
	@$(DEV) up $(if $(ENGINE),--engine '$(ENGINE)')

test: setup-test ## Run everything that has to pass (ONLY=NAME: the steps whose name contains it)
	@cargo build --locked
	@$(DEV) test $(if $(ONLY),--only '$(ONLY)')

bench-engine: build ## Measure what the engine costs, as ratios to the same table without it
	@$(DEV) bench-engine

soak-mirror: build-release ## Break everything around the mirror under load (FOR=60 seconds; KILLS=N: go on until so many kills)
	@$(RELEASE_DEV) soak-mirror --for $(or $(FOR),60) --kills $(or $(KILLS),0)

bench-mirror: build-release ## Measure the mirror and hot reads
	@$(RELEASE_DEV) bench-mirror

bench-sync: build-release ## Measure what syncing takes and costs, against the providers' latency
	@$(RELEASE_DEV) bench-sync

simulate-sync: build-release ## Simulate two months of syncing of 100,000 people, with the planner of the database
	@$(RELEASE_DEV) simulate-sync

soak-sync: setup-test build-release ## Kill the sync worker and let the providers fail for FOR=60 seconds (SEED=N: the moments of an earlier run)
	@$(RELEASE_DEV) soak-sync --for $(or $(FOR),60) $(if $(SEED),--seed $(SEED))

bench-chat: setup-up build-release ## Measure what the companion's edge function adds to a model's own time
	@$(RELEASE_DEV) bench-chat

bench-wasm: setup-test build-release ## Measure the npm package against the native scorer, in Node, Deno and Chromium
	@$(RELEASE_DEV) bench-wasm

bench-recommendations: build ## Measure whether what is recommended is what people then play
	@$(DEV) bench-recommendations

bench-scale: build-release ## Measure what runs beside the chat, and the chat itself, at a million people (kept: 10 GB until make reset)
	@$(RELEASE_DEV) bench-scale

wasm: setup-test ## Build the npm package, and write supabase/functions/_shared/bondhu anew
	@cargo build --locked --quiet -p bondhu-dev
	@$(DEV) wasm

figures: build ## Write the output that the docs show anew (OF=TARGET: what another command prints)
	@$(DEV) figures $(if $(OF),--of '$(OF)')

fuzz-portable: setup-test ## Hold the portable scorer against the native one for TEXTS=100000 random texts (in the Postgres of BONDHU_TEST_POSTGRES_URL)
	@BONDHU_FUZZ_TEXTS=$(or $(TEXTS),100000) cargo test --locked -p bondhu-conformance --test engine -- --nocapture portable

coverage: $(TARPAULIN) ## Lines of core that its tests reach
	@$(TARPAULIN) tarpaulin --locked -p bondhu-core --engine ptrace --skip-clean --include-files 'core/src/*' \
	  --target-dir $(CARGO_TARGET_DIR)/coverage --out Stdout

reset: ## Remove what the stack keeps
	@cargo build --locked --quiet -p bondhu-dev
	@$(DEV) reset

lint: setup-test ## Format check and clippy
	@cargo fmt --all --check
	@cargo clippy --locked --workspace --all-targets -- -D warnings

setup: ## Install the packages that `make demo` needs
	@dev/setup.sh demo

setup-up: ## Install the packages that `make up` needs
	@dev/setup.sh up

setup-test: ## Install the packages that `make test` needs
	@dev/setup.sh test

build-release: setup
	@cargo build --locked --release -p sync-worker -p bondhu-dev

build: setup
	@cargo build --locked

$(TARPAULIN):
	@CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/tools cargo install --locked --quiet cargo-tarpaulin --version 0.37.5 \
	  --root $(HOME)/.cache/bondhu/tarpaulin

# Labelled messages: the README of the folder above names the files.
model teacher eval bench-scorer: DATA ?= ../shared/sentiment/dev
MODEL_ENV := $(HOME)/.cache/bondhu/model-env
MODEL_PROGRAMS := $(CARGO_TARGET_DIR)/release

model: $(MODEL_ENV)/ready model-programs ## Train the scorer on DATA and write core/data/scorer.bin
	@$(MODEL_ENV)/bin/python model/train.py '$(DATA)' $(MODEL_PROGRAMS) core/data/scorer.bin
	@$(MAKE) --no-print-directory model-programs
	@$(MODEL_ENV)/bin/python model/card.py '$(DATA)' $(MODEL_PROGRAMS)

teacher: $(MODEL_ENV)/ready ## Train the scorer's teacher on DATA and write its opinions (an hour)
	@$(MODEL_ENV)/bin/python model/teacher.py '$(DATA)' model/data/opinions.npz

eval: $(MODEL_ENV)/ready model-programs ## Measure the scorer and four others on the TSVs of DATA
	@$(MODEL_ENV)/bin/python model/evaluate.py '$(DATA)' $(MODEL_PROGRAMS)

bench-scorer: $(MODEL_ENV)/ready model-programs ## Time the scorer and four others on the texts of DATA/tweets.dev.tsv
	@tail -n +2 '$(DATA)/tweets.dev.tsv' | cut -f 1 | $(MODEL_PROGRAMS)/bench
	@tail -n +2 '$(DATA)/tweets.dev.tsv' | cut -f 1 | $(MODEL_ENV)/bin/python model/bench.py

model-programs:
	@cargo build --locked --quiet --release -p bondhu-model

$(MODEL_ENV)/ready: model/requirements.txt
	@python3 -m venv $(MODEL_ENV)
	@$(MODEL_ENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@
