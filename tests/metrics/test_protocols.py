"""The table of a protocol: our rows and the paper's, each with the gain over its own gray copy."""

import pytest

from colorlib.cli import main
from colorlib.metrics.evaluation import Estimate, Scores
from colorlib.metrics.protocols import PROTOCOLS, protocol_table


def scores(**values):
    return Scores({key: Estimate(value, value, value) for key, value in values.items()}, {})


def test_gains_are_over_the_gray_copy_of_the_same_photos():
    table = protocol_table(PROTOCOLS["zhang2016"], {"gray copy": scores(auc=0.9, auc_rebalanced=0.5), "mine": scores(auc=0.92, auc_rebalanced=0.6)})
    rows = {line[:32].strip(): line[32:].split() for line in table.splitlines()}
    assert rows["mine"] == ["0.920", "(+0.020)", "0.600", "(+0.100)", "-"]
    assert rows["gray copy"] == ["0.891", "(+0.000)", "0.580", "(+0.000)", "0.527", "(+0.000)"], "the last of this name is the paper's"
    assert rows["full"] == ["0.895", "(+0.004)", "0.673", "(+0.093)", "0.560", "(+0.033)"]
    assert rows["L2"][-2:] == ["-", "-"], "numbers that we do not know"
    assert len({len(line) for line in table.splitlines() if not line.startswith("published")}) == 1, "the columns are in line"
    assert table.index("mine") < table.index("published: Zhang") < table.index("full")


def test_a_paper_without_a_gray_copy_says_so():
    table = protocol_table(PROTOCOLS["nazeri2018"], {"gray copy": scores(acc2=0.2, acc5=0.5)})
    assert "the paper has no gray copy" in table
    assert "0.655 (" not in table


def test_images_that_are_smaller_than_those_of_the_paper_are_refused_before_they_are_prepared(capsys, home):
    assert main(["evaluate", "--weights", "cifar", "--data", "cifar10", "--protocol", "zhang2016"]) == 2
    assert "cifar10 has images of 32 px, and 256 px are to be measured: give larger photos" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", PROTOCOLS)
def test_on_the_command_line_photos_have_the_size_of_the_paper(name, capsys, home):
    assert main(["evaluate", "--weights", "cifar", "--data", "samples", "--limit", "2", "--protocol", name]) == 0
    out = capsys.readouterr().out
    assert f"at {PROTOCOLS[name].size} px" in out
    assert ("top-1 left out: top-1 needs photos in folders named by the classes of ImageNet" in out) == (name == "zhang2016")
    assert out.index("cifar ") < out.index("published: ")
