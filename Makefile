# One word for each need. `make` alone lists them.

BIN := .venv/bin
FLASK := $(BIN)/flask --app run
# Number of processes that run tests side by side; and more arguments for pytest, for example ARGS="tests/people -x".
WORKERS ?= 2
ARGS ?=
export WORKERS

.DEFAULT_GOAL := help
.PHONY: help run setup services test test-full test-deploy lint lint-deploy format requirements db-revision db-upgrade db-upgrade-sql bench
.PHONY: deploy-tools image scan push provision deploy smoke rollback notify up down backup restore

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## everything from a bare checkout to a serving app (HOST, PORT, ADMIN_EMAIL, ADMIN_PASSWORD, DEMO)
	@scripts/setup requirements.txt && exec $(FLASK) serve

setup: ## make .venv with all that running, testing and checking need (PYTHON names the interpreter)
	@scripts/setup requirements.txt requirements-dev.txt

services: ## install MariaDB, PostgreSQL, Redis and Chromium for the tests, where missing and allowed
	@scripts/install-services

test: setup services ## run all tests on SQLite, those below the pages on MariaDB or PostgreSQL (ARGS for pytest, WORKERS=2, REPORTS=folder)
	@scripts/test $(ARGS)

test-full: setup services ## run all tests on each of the three, with long stress runs, full matrices and coverage
	@scripts/test --slow $(ARGS)

bench: setup ## measure pages, the journal, a dead store, and the query cache, each beside what it would be without (PEOPLE=5000, DEAD_SECONDS=60, READER_SECONDS=15, WRITER_SECONDS=4, TROUBLE_SECONDS=10)
	@$(BIN)/python bench/pages.py
	@$(BIN)/python bench/journal.py
	@$(BIN)/python bench/archive.py
	@$(BIN)/python bench/cache.py
	@$(BIN)/python bench/cache_writers.py
	@$(BIN)/python bench/cache_trouble.py

lint: setup ## check style, types and which room imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lint-deploy: deploy-tools ## check Dockerfile, shell scripts, Jenkinsfile, compose file and Ansible (CHECKS="dockerfile shell …")
	@scripts/lint-deploy $(CHECKS)

format: setup ## put the code into its usual form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

requirements: setup ## pin all packages anew, with hashes, from requirements*.in
	$(BIN)/uv pip compile $(PIN) requirements.in -o requirements.txt
	$(BIN)/uv pip compile $(PIN) -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(BIN)/uv pip compile $(PIN) -c requirements-dev.txt requirements-deploy.in -o requirements-deploy.txt
PIN := -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

db-revision: setup ## write a migration from the models: make db-revision m="what changes"
	@test -n "$$m" || { echo 'Say what changes: make db-revision m="add a phone number to departments".' >&2; exit 1; }
	$(FLASK) db revision --autogenerate -m "$$m"

db-upgrade: setup ## bring the database of DATABASE_URL to this version
	$(FLASK) db upgrade

# Alembic only asks the URL which dialect to write; nothing is connected to.
db-upgrade-sql: setup ## print that as SQL for MySQL/MariaDB and for PostgreSQL
	@echo '-- MySQL and MariaDB'
	@DATABASE_URL=mysql+pymysql://nobody@localhost/nothing $(FLASK) db upgrade --sql
	@echo '-- PostgreSQL'
	@DATABASE_URL=postgresql+psycopg://nobody@localhost/nothing $(FLASK) db upgrade --sql

# What follows builds the image and ships it; docs/pipeline.md names the variables.
export IMAGE TAG BASE_IMAGE ENV INVENTORY TO FROM STATUS

deploy-tools: ## make .venv with Ansible and its checker, too
	@scripts/setup requirements.txt requirements-dev.txt requirements-deploy.txt

image: ## build the Docker image (IMAGE=rollcall, TAG=short commit, BASE_IMAGE)
	@scripts/image build

scan: ## look for known holes in the image with Trivy (IMAGE, TAG, SCANNER)
	@scripts/image scan

push: ## push the image to its registry (IMAGE, TAG, REGISTRY_USER, REGISTRY_PASSWORD)
	@scripts/image push

provision: deploy-tools ## prepare the servers of an inventory (ENV=staging or production, or INVENTORY=file)
	@scripts/deploy provision

deploy: deploy-tools ## bring an image to all servers, one at a time, and back where that fails (ENV, TAG)
	@scripts/deploy deploy

rollback: deploy-tools ## bring an earlier image back (ENV, TO=tag; without TO the one before; OF=run: only if that deployed it)
	@scripts/deploy rollback

smoke: ## look whether what was deployed serves (ENV, TAG, URL)
	@scripts/smoke

notify: ## tell how a run ended (STATUS; NOTIFY_URL, else it is printed)
	@scripts/notify

up: ## start everything with Docker Compose: app, worker, database, Redis, nginx
	@scripts/compose up

down: ## stop it; data stays
	@scripts/compose down

backup: setup ## write database, files and keys into one file (TO=file or folder)
	@$(FLASK) backup $(if $(TO),"$(TO)")

restore: setup ## put a backup back (FROM=file)
	@test -n "$$FROM" || { echo 'Say which: make restore FROM=rollcall-20261121-210000.backup' >&2; exit 1; }
	@$(FLASK) restore "$$FROM"

test-deploy: deploy-tools ## build the image and ship it to servers in network namespaces, under load (root, Debian or Ubuntu)
	@scripts/test-deploy $(ARGS)
