# The commands of opsloop. `make` lists them. Needs Python 3.11 to 3.14 with venv and pip; everything else is installed.
PYTHON ?= python3
STAGE ?= dev
BIN := .venv/bin
IN_PARALLEL := -n 3 --dist loadgroup
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE  # thousands of processes start: each would compile the same sources again
.PHONY: help setup run opensearch stop fault told console site screenshots clean logs test test-fast lint style format docs synth bootstrap diff deploy simulate bench fuzz lock pr

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: ## make .venv from requirements.txt (the others do it by themselves)
	@$(PYTHON) local/bootstrap.py

run: setup ## local cloud, deployment, demo, first KPIs compared with what was sent (SEARCH=opensearch for a real one)
	@$(BIN)/python -m local.run $(if $(SEARCH),--search $(SEARCH))

opensearch: setup ## a real OpenSearch on loopback, in the foreground; Java 17 and Maven needed (ARGS="--port 9200")
	@$(BIN)/python -m local.opensearch $(ARGS)

stop: ## end exactly what `make run` started; the state stays
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local.stop; else echo "Nothing was installed."; fi

fault: setup ## make payments of the demo slow and failing for a quarter of an hour (ARGS="--service orders")
	@$(BIN)/python -m local.demo.fault $(ARGS)

told: setup ## print the mails and Slack posts that the local cloud sent
	@$(BIN)/python -m local.sink --show

console: setup ## serve the console from its sources over the running local cloud (ARGS="--port 8123")
	@$(BIN)/python -m local.site $(ARGS)

site: setup ## build layers/dashboard/site, the console as it is shipped, anew
	@$(BIN)/python -m local.site --build

screenshots: setup ## pictures of every page of the running local cloud, into .local/screenshots (ARGS="overview")
	@$(BIN)/python -m local.screenshots $(ARGS)

logs: setup ## follow the processes and the functions (Ctrl-C leaves them running)
	@$(BIN)/python -m local.logs

clean: ## stop, then remove the state and everything that was installed or built
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local.stop; fi
	rm -rf .local .venv .build layers/dashboard/node_modules cdk.out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

test: style ## lint, types, unit, integration and end-to-end tests
	@mkdir -p .local; $(BIN)/mypy > .local/types 2>&1 & types=$$!; \
	$(BIN)/python -m pytest -rs $(IN_PARALLEL); tests=$$?; \
	wait $$types; types=$$?; cat .local/types; exit $$((tests || types))

test-fast: lint ## the same without the end-to-end tests
	@$(BIN)/python -m pytest -rs $(IN_PARALLEL) -m "not e2e"

lint: style ## ruff and mypy
	@$(BIN)/mypy

style: setup ## ruff alone
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: setup ## let ruff format and correct what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup ## write the generated pages anew
	@$(BIN)/python -m stacks.generate_docs

synth: setup ## write the templates of STAGE to cdk.out
	@$(BIN)/python -m local.cdk synth --quiet -c stage=$(STAGE) $(ARGS)

bootstrap: setup ## once per AWS account and region: the bucket and roles that deploying needs
	@$(BIN)/python -m local.cdk bootstrap -c stage=$(STAGE) $(ARGS)

diff: setup ## compare the deployed stacks of STAGE with the sources (AWS)
	@$(BIN)/python -m local.cdk diff -c stage=$(STAGE) $(ARGS)

deploy: setup ## deploy STAGE to AWS; account and region from the environment
	@$(BIN)/python -m local.cdk deploy --all -c stage=$(STAGE) $(ARGS)

simulate: setup ## 3,000 schedules of faults through the real handlers, and a table (ARGS="--schedules 20000")
	@$(BIN)/python -m tests.integration.run_simulation $(ARGS)

bench: setup ## measure (see bench/)
	@$(BIN)/python -m bench $(ARGS)

fuzz: setup ## change records for SECONDS (600), guided by coverage, and see that each is read or refused
	@$(BIN)/python -m tests.fuzz $(SECONDS)

lock: setup ## pin requirements anew, with hashes
	@$(BIN)/python -m local.lock

pr: test ## what CI runs
