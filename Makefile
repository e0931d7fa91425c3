# make course    run the notebooks with the data that is there; the results are runs/course/*.html
# make data      download CIFAR-10 and Animals-10 into data/
# make test      all tests, notebooks included
# make lab       open the notebooks in JupyterLab
# make app       color your own photos on a web page (PHOTOS=<folder>: visitors may open its photos as well)
# make book      build the course as a web site: runs/book/index.html
# make slides    slides of the notebooks: runs/slides/*.html
# make assignments  exercises with hidden tests for nbgrader: runs/assignments
# make address URL=https://github.com/OWNER/NAME     set the address of the repository, in all files
# make bench     measure speed on this machine
# make speedrun  how few seconds of training make good colors (needs CIFAR-10)
# make fuzz      color 10,000 damaged files
# make clean     remove the environment, the runs and the caches (not the downloads)
#
# On Linux without a GPU, `make course TORCH_INDEX=<address>` installs the small CPU build of torch.
# The address is the one that https://pytorch.org/get-started shows for Linux, Pip, Python, CPU.

PYTHON ?= python3
TORCH_INDEX ?=
BIN := .venv/bin
READY := .venv/.ready

.PHONY: course data test lab app book slides assignments address bench speedrun fuzz clean

course: $(READY)
	$(BIN)/python notebooks/run_course.py

data: $(READY)
	$(BIN)/colorlib data get cifar10
	$(BIN)/colorlib data get animals10

test: $(READY)
	$(BIN)/ruff check
	$(BIN)/pytest --numprocesses 2 --dist loadfile

lab: $(READY)
	$(BIN)/jupyter lab notebooks

app: $(READY)
	cd notebooks && COLORLIB_PHOTOS="$(abspath $(PHOTOS))" ../$(BIN)/voila page.ipynb

book: $(READY)
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs . runs/book
	@echo "runs/book/index.html"

slides: $(READY)
	$(BIN)/python docs/slides.py runs/slides

assignments: $(READY)
	$(BIN)/python notebooks/make_assignments.py

address:
	$(PYTHON) docs/address.py "$(URL)"

bench: $(READY)
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/speedrun.py

speedrun: $(READY)
	$(BIN)/python benchmarks/speedrun.py

fuzz: $(READY)
	COLORLIB_FUZZ=10000 $(BIN)/pytest tests/data/test_fuzz.py --hypothesis-show-statistics

clean:
	rm -rf .venv runs data/cache .pytest_cache .ruff_cache

# Built again when pyproject.toml changes. The stamp comes last, so a half-built environment is not used.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 10) and f"colorlib needs Python 3.10 or newer, $(PYTHON) is {v.major}.{v.minor}: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(if $(TORCH_INDEX),$(BIN)/pip install --quiet torch torchvision --index-url $(TORCH_INDEX))
	$(BIN)/pip install --quiet --editable '.[dev,test,hub,heic,scans,video,measures,fid,encoder,cluster,app,browser,book,grade]'
	@touch $@
