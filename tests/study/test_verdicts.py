"""The questions of the study: each can be tested, and the command line judges them."""

import csv

import pytest

from colorlib import study
from colorlib.cli import main
from colorlib.study.questions import all_questions
from colorlib.study.study import Row
from colorlib.study.tables import read_curves
from colorlib.system.errors import DataError, UsageError, WriteError


@pytest.mark.parametrize("budget", ["smoke", "course", "full"])
def test_every_claim_compares_two_different_trials(budget, monkeypatch):
    monkeypatch.setenv("COLORLIB_BUDGET", budget)
    every = all_questions()
    assert set(range(1, 14)) <= set(every)
    assert all(every[number].report_text for number in range(1, 14))
    for number, question in every.items():
        for claim in question.claims:
            for side in (claim.variant, claim.reference):
                assert not isinstance(side, str) or side in question.variants, f"{number}: {side}"
            assert claim.smallest_effect > 0
            if isinstance(claim.variant, str):
                first, second = (question.variants[side] for side in (claim.variant, claim.reference))
                assert first != second, f"{number}: the same trial twice"


def test_trainings_that_agree_with_the_report_confirm_all_its_claims(monkeypatch):
    """So each claim has the right direction. In these invented trainings everything helps as the report says."""
    monkeypatch.setenv("COLORLIB_BUDGET", "full")
    worse = {"8 layers": 2, "8 layers, no batch norm": 3, "no bias": 1, "SGD": 9, "SGD, lr 0.1": 9,
             "SGD, momentum, lr 0.1": 9, "a tenth of the images": 2, "a tenth, as many steps": 2,
             "twice the images": -1, "all images": -2, "1 epoch": 5, "2 epochs": 4, "4 times the epochs": -4,
             "64 px": -1, "128 px": -3, "UNet, perceptual + L2": -1, "UNet, perceptual alone": -1}
    vivid = {"UNet, perceptual + L2": 0.8, "bins, rebalanced": 1.0, "bins": 0.7, "bins, rebalanced, T = 1": 0.6}
    rows = [Row(name, seed, "", "", "", {
        "ab_mae": 10 + worse.get(name, 0) + 0.01 * seed, "psnr": 25 - worse.get(name, 0), "lightness": -3,
        "colorfulness": vivid.get(name, 0.5), "loss": 0.01, "oscillation": 0.2 if name == "study" else 0.1})
        for question in all_questions().values() for name in question.variants for seed in range(3)]
    found = study.judge(rows)
    found = found[found["report"] != ""]
    assert len(found) > 25
    assert list(found.loc[found["verdict"] != "confirmed", "claim"]) == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_ablate_on_the_command_line(home, tmp_path, capsys):
    command = ["ablate", "--claims", "10,11", "--budget", "smoke", "--seeds", "2", "--missing", "samples",
               "--out", str(tmp_path / "out")]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert out.count("the report: the colors are duller") == 1, "once above its parts"
    assert "all trainings finished" in out
    with (tmp_path / "out" / "verdicts.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [(row["number"], row["claim"]) for row in found] == [
        ("10", "11 have less error"), ("10", "11 draw the picture better"), ("11", "duller"), ("11", "darker")]
    assert "of samples" in out
    table = (tmp_path / "out" / "trainings.csv").read_bytes()
    assert main([*command[:2], "2", *command[3:]]) == 1
    assert "holds 2 trainings that this call does not repeat, such as '8 layers', seed 0" in capsys.readouterr().err
    with pytest.raises(DataError, match="holds 2 trainings .* such as 'study', seed 1"):
        study.repeat([10, 11], seeds=1, out=tmp_path / "out")
    assert (tmp_path / "out" / "trainings.csv").read_bytes() == table
    (tmp_path / "out" / "curves.csv").unlink()
    assert main([*command[:2], "2,10", *command[3:]]) == 0
    found = read_curves(tmp_path / "out" / "curves.csv")
    assert set(found) == {(name, seed) for name in ("study", "8 layers", "no bias") for seed in (0, 1)}
    assert found["study", 1]["epoch"][-1] == 3
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="a file is in its place"):
        study.repeat([2], out=tmp_path / "file")
    with pytest.raises(UsageError, match="no claim 99: they go from 1 to 18"):
        study.repeat([99])
    assert len(study.judge([], [])) == 0
