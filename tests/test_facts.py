"""Numbers in the text of the notebooks hold on every screen: they are in the code, or in outputs that nbval compares.

Only decimals and numbers from 100 on are checked: smaller ones are too often those of sections and photos.
What only the stored run shows stands in quoted boxes; the outputs of cells with the tag "nbval-ignore-output" differ by budget and data.
"""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
NUMBER = re.compile(r"(?<![\w.])(?:\d+\.\d+|\d{3,})(?![\w.]*\d)")
SEPARATOR = re.compile(r"(?<=\d)[,_](?=\d{3})")
NOT_PROSE = re.compile(r"`[^`]*`|\$[^$]*\$|\[[^\]]*\]\([^)]*\)|\b(?:18|19|20)\d\d\b|\]\([^)]*\)")
KNOWN = {                       # numbers of the text that no cell computes, and where they are from
    "01_data_exploration": {"60000": "photos of CIFAR-10", "50000": "its training photos", "1074": "2**30 bytes in MB", "2.3": "Mahy et al. 1994",
                            "61966": "a standard of the IEC"},
    "02_cifar_training": {"261": "notebook 6 counts the bins", "44000": "photos that the weights learned from: trained/README.md"},
    "03_animals_training": {"1024": "MiB of a GiB"},
    "04_ablations": {"9.27": "gray copy, on the 1,000 photos of the study", "8.86": "one mean color, on the same", "1000": "photos of the study",
                     "10000": "photos that it trains on", "2000": "animals that it trains on",
                     "9.1": "an example", "9.3": "an example"},
    "05_results_figures": {"0.23": "of the report", "0.25": "of the report", "10000": "photos of notebook 4", "156": "its steps in an epoch", "4.4": "Nazeri et al. 2018",
                           "150": "Zhang et al. 2016", "261": "notebook 6 counts the bins"},
    "06_vivid_colors": {"313": "bins of Zhang et al. 2016", "140": "reach of a and b"},
    "07_your_photos": {"818": "measured once: trained/README.md", "8.0": "as before", "10.5": "as before", "0.94": "as before", "9.3": "as before",
                       "1.5": "measured once: RESULTS.md", "0.7": "as before", "30000": "as before", "10.66": "as before", "1.3": "million photos of ImageNet"},
    "08_critic": {},
}


def stated(cells):
    """Numbers of the text outside of boxes, tables, code and headings."""
    for cell in cells:
        text = "\n".join(line for line in cell.source.splitlines() if not line.startswith((">", "    ", "|", "#")))
        yield from NUMBER.findall(SEPARATOR.sub("", NOT_PROSE.sub(" ", text)))


def shown(cells):
    """Numbers in the code, and in the outputs that are the same everywhere."""
    for cell in cells:
        text = cell.source
        if "nbval-ignore-output" not in cell.metadata.get("tags", []):
            text += "\n".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        yield from NUMBER.findall(SEPARATOR.sub("", text))


@pytest.mark.parametrize("name", KNOWN)
def test_decimals_and_large_numbers_of_the_text_are_computed_or_have_a_source(name):
    cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
    text, code = ([cell for cell in cells if cell.cell_type == kind] for kind in ("markdown", "code"))
    found = set(stated(text[1:]))
    assert found - set(shown(code)) - KNOWN[name].keys() == set()
    assert KNOWN[name].keys() <= found, "a source is listed for a number that the text does not state"
