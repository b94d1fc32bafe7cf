# Every target that needs .venv sets it up by itself: scripts/setup.
# Another Python than python3: make lab PYTHON=python3.12

.PHONY: help lab hand-out update test bench bench-peers live soak hunt matrix slides docs site clean
.DEFAULT_GOAL := help

help:
	@echo 'make lab      open the course in JupyterLab (options: make lab LAB_ARGS="--port 9999 --no-browser")'
	@echo 'make hand-out  for teachers: make build/delivered-twice.zip for learners, without solutions and tests'
	@echo 'make update   get the newest version of the course; your own work stays'
	@echo 'make test     run every test: the package, the notebooks, lint, format, types'
	@echo 'make bench    measure the checker and print the figures'
	@echo 'make bench-peers  the same beside a public tool for Python, in an environment of its own'
	@echo 'make live     consumers on real brokers, killed, compared with the stored runs (LIVE_ARGS="nats")'
	@echo 'make soak     the long tests: the searches against each other, against a model, against real processes'
	@echo 'make hunt     derive answers and compare the checker with real processes (HUNT_ARGS="--minutes 30")'
	@echo 'make matrix   judge every wrong and every right answer again and store the table that the course shows'
	@echo 'make slides   make slides of the lessons in build/slides; they work without a network'
	@echo 'make docs     make a site of the documentation in build/docs'
	@echo 'make site     make the course as a site that runs in a browser, in build/site'
	@echo 'make clean    remove .venv and everything that was built; notebooks and progress stay'

lab:
	@sh scripts/lab $(LAB_ARGS)

hand-out:
	@sh scripts/setup
	@rm -f build/delivered-twice.zip
	@.venv/bin/redelivery hand-out build/delivered-twice.zip

update:
	@sh scripts/update

test:
	@sh scripts/test

bench:
	@sh scripts/bench $(BENCH_ARGS)

bench-peers:
	@sh scripts/bench-peers

live:
	@sh scripts/live $(LIVE_ARGS)

soak:
	@sh scripts/soak

hunt:
	@sh scripts/hunt $(HUNT_ARGS)

matrix:
	@sh scripts/matrix $(MATRIX_ARGS)

slides:
	@sh scripts/slides/make

docs:
	@sh scripts/docs

site:
	@sh scripts/site/make $(SITE_ARGS)

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name .git -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints -o -name '*.egg-info' \) \
		-prune -exec rm -rf {} +
