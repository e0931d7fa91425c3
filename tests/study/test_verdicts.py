"""The questions of the study: each can be tested, and the command line judges them."""

import csv
import shutil

import pytest

from colorlib import study
from colorlib.cli import main
from colorlib.study import study as study_module
from colorlib.study.questions import all_questions
from colorlib.study.study import Row
from colorlib.study.tables import read_curves, read_table, write_table
from colorlib.system.errors import DataError, UsageError, WriteError
from colorlib.system.paths import runs_dir


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
    """So each claim has the right direction. In these invented trainings everything helps, or is alike, as the report says."""
    alike = {"3a", "3b", "5a", "5b", "6a", "6b", "6c", "13d"}
    monkeypatch.setenv("COLORLIB_BUDGET", "full")
    worse = {"8 layers": 2, "8 layers, no batch norm": 3, "no bias": 1, "SGD": 9, "SGD, lr 0.1": 9,
             "SGD, momentum, lr 0.03": 9, "a tenth of the images": 2, "a tenth, as many steps": 2,
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
    for line in found.itertuples():
        name = f"{line.number}{line.part}"
        assert (line.size, line.direction) == (("negligible", "open") if name in alike else ("matters", "yes")), f"{name}: {line.claim}"


def test_ties_are_counted_by_hand(monkeypatch):
    """Claims 1 (8 layers), 10a and 10b (study, 8 layers) share 8 layers; 15 shares nothing with them."""
    monkeypatch.setenv("COLORLIB_BUDGET", "full")
    names = ("study", "8 layers", "8 layers, no batch norm", "UNet", "ab target, trained like the UNet", "bfloat16", "float32")
    # On this machine study computes in bfloat16: those two are one training.
    rows = [Row(name, 0, "", "", "study" if name == "bfloat16" else name, {}) for name in names]
    found = study.judge(rows, [1, 10, 15, 18])
    assert list(found["part"]) == ["", "a", "b", "", "a", "b"]
    # Besides, claims 11a and 11b are about study.
    assert list(found["ties"]) == [2, 6, 6, 0, 5, 5]


def test_a_training_that_diverged_is_counted_and_told(monkeypatch):
    monkeypatch.setenv("COLORLIB_BUDGET", "full")
    rows = [Row(name, seed, "", "", "", {"ab_mae": value + 0.01 * seed}) for name, value in (("study", 9.0), ("no bias", 9.5)) for seed in range(4)]
    rows[-1] = Row("no bias", 3, "RunError: the loss is inf at step 14", "", "", {})
    line = study.judge(rows, [2]).iloc[0]
    assert (line["seeds"], line["failed"], line["direction"]) == (3, 1, "yes")
    assert study.verdict_table(rows, [2]).splitlines()[2].endswith("; 1 failed")


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
        ("10", "11 layers have less error than 8"), ("10", "11 layers draw the picture better than 8"), ("11", "duller than the truth"),
        ("11", "darker than the truth")]
    assert "of samples" in out
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="a file is in its place"):
        study.repeat([2], out=tmp_path / "file")
    with pytest.raises(UsageError, match="no question 99: they go from 1 to 18"):
        study.repeat([99])
    assert len(study.judge([])) == 0


@pytest.mark.parametrize(("seeds", "most_seeds", "message"), [
    (0, None, "seeds must be 1 or more, and 2 or more for intervals, got 0"), (3, 2, "most_seeds must be 3 or more, as seeds is, got 2"),
    (3, 0, "got 0"), (3, -1, "got -1")])
def test_numbers_of_seeds_that_make_no_sense_are_refused(home, tmp_path, seeds, most_seeds, message):
    with pytest.raises(UsageError, match=message):
        study.repeat([10], seeds=seeds, most_seeds=most_seeds, out=tmp_path / "out", missing="samples")
    assert not (tmp_path / "out").exists()


def invented(trial, seed):
    """A training that takes no time."""
    return Row("", seed, "", f"{trial.num_images:,} of samples", study_module.run_name(trial, seed), {"ab_mae": 9.123456789 + seed % 3, "psnr": 20.0})


@pytest.fixture
def no_training(home, monkeypatch):
    monkeypatch.setenv("COLORLIB_BUDGET", "smoke")
    monkeypatch.setattr(study_module, "train", invented)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_seeds_of_a_plan_are_not_counted_with_those_that_it_planned(no_training, tmp_path):
    pilot = study.repeat([10], seeds=3, out=tmp_path, missing="samples")
    before = (tmp_path / "trainings.csv").read_bytes()
    with pytest.raises(DataError, match=r"holds trainings with the seeds of the plan, such as '.*', seed 0, .*: give another folder"):
        study.repeat([10], seeds=2, out=tmp_path, missing="samples", plan=pilot)
    assert (tmp_path / "trainings.csv").read_bytes() == before
    with pytest.raises(DataError, match="the plan has fewer than two seeds for every one of these claims"):
        study.repeat([14], seeds=2, missing="samples", plan=pilot)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_trainings_of_another_budget_are_refused_for_other_claims_too(no_training, tmp_path, monkeypatch):
    """Claim 10 compares the variants of claim 1 with those of claim 2."""
    study.repeat([2], seeds=2, out=tmp_path, missing="samples")
    monkeypatch.setenv("COLORLIB_BUDGET", "course")
    with pytest.raises(DataError, match="trainings of another budget"):
        study.repeat([1], seeds=2, out=tmp_path, missing="samples")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_another_process_wrote_meanwhile_stays(no_training, tmp_path, monkeypatch):
    def slow(trial, seed):
        if not (tmp_path / "trainings.csv").exists():
            monkeypatch.setattr(study_module, "train", invented)
            study.repeat([2], seeds=2, out=tmp_path, missing="samples")
        return invented(trial, seed)

    monkeypatch.setattr(study_module, "train", slow)
    study.repeat([1], seeds=2, out=tmp_path, missing="samples")
    assert set(seeds_by_variant(read_table(tmp_path / "trainings.csv"))) == {"study", "no bias", "8 layers", "8 layers, no batch norm"}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_training_that_failed_here_does_not_replace_one_that_another_process_finished(no_training, tmp_path, monkeypatch):
    def fails(trial, seed):
        monkeypatch.setattr(study_module, "train", invented)
        study.repeat([2], seeds=2, out=tmp_path, missing="samples")
        raise OSError("the disk is full")

    monkeypatch.setattr(study_module, "train", fails)
    study.repeat([2], seeds=2, out=tmp_path, missing="samples")
    assert not any(row.error for row in read_table(tmp_path / "trainings.csv"))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_same_call_again_changes_no_byte(no_training, tmp_path):
    out = tmp_path / "out"
    study.repeat([2], seeds=3, out=out, missing="samples")
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    study.repeat([2], seeds=3, out=out, missing="samples")
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert set(before) == {"trainings.csv", "curves.csv", "verdicts.csv"}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["trainings.csv", "curves.csv", "verdicts.csv"])
def test_tables_that_cannot_be_replaced_are_named_before_anything_is_trained(home, tmp_path, monkeypatch, name):
    def train(trial, seed):
        raise KeyboardInterrupt                                     # any other error would be a row of the table

    monkeypatch.setattr(study_module, "train", train)
    (tmp_path / name).mkdir()
    with pytest.raises(WriteError, match=name):
        study.repeat([2], seeds=2, out=tmp_path, missing="samples")
    (tmp_path / name).rmdir()
    if name != "verdicts.csv":
        (tmp_path / name).write_text("variant,seed,ep")
        with pytest.raises(DataError, match=f"{name} is not a table of a study"):
            study.repeat([2], seeds=2, out=tmp_path, missing="samples")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_curve_stays_only_with_its_training_and_a_damaged_history_is_named(no_training, tmp_path):
    (tmp_path / "curves.csv").write_text("variant,seed,epoch,loss,valid_ab_mae\nstudy,0,77,77,77\n")
    rows = study.repeat([2], seeds=2, out=tmp_path, missing="samples")
    assert read_curves(tmp_path / "curves.csv") == {}
    damaged = runs_dir() / rows[0].run / "history.csv"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("step,epoch\n")
    with pytest.raises(DataError, match=r"written, but without these curves: .*history\.csv is not the history of a training"):
        study.repeat([2], seeds=3, out=tmp_path, missing="samples")
    assert len(read_table(tmp_path / "trainings.csv")) == 6, "no training is lost"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_study_goes_on_from_its_tables_on_another_machine(home, tmp_path, monkeypatch):
    """The runs are gone, the tables are there: only what is new is trained, and the rest stays to the byte."""
    monkeypatch.setenv("COLORLIB_BUDGET", "smoke")
    out = tmp_path / "out"
    study.repeat([10], seeds=1, out=out, missing="samples")
    first, first_curves = (out / "trainings.csv").read_text(), read_curves(out / "curves.csv")
    shutil.rmtree(runs_dir())
    trained = []
    train = study_module.train
    monkeypatch.setattr(study_module, "train", lambda trial, seed: trained.append(seed) or train(trial, seed))
    study.repeat([10], seeds=2, out=out, missing="samples")
    assert trained == [1, 1]
    study.repeat([2], seeds=2, out=out, missing="samples")
    assert trained == [1, 1, 0, 1], "of the two variants of claim 2 one was trained before"
    rows = read_table(out / "trainings.csv")
    assert {(row.variant, row.seed) for row in rows} == {(name, seed) for name in ("study", "8 layers", "no bias") for seed in (0, 1)}
    assert set(first.splitlines()) <= set((out / "trainings.csv").read_text().splitlines())
    curves = read_curves(out / "curves.csv")
    assert len(curves) == 6
    assert all((curves[key]["loss"] == first_curves[key]["loss"]).all() for key in first_curves)
    with (out / "verdicts.csv").open() as file:
        assert {row["number"] for row in csv.DictReader(file)} == {"2", "10", "11"}, "all claims whose variants are there"
    monkeypatch.setenv("COLORLIB_BUDGET", "course")
    with pytest.raises(DataError, match=r"trainings of another budget, data or version, such as '\w.*', seed 0: give another folder"):
        study.repeat([10], seeds=2, out=out, missing="samples")


PILOT = [Row(name, seed, "", "", "", {"ab_mae": value, "psnr": 20 - value}) for name, values in {
    "study": [9.0, 9.001, 9.002], "8 layers": [9.5, 9.501, 9.502], "no bias": [9.0, 9.4, 8.8]}.items() for seed, value in enumerate(values)]


def seeds_by_variant(rows):
    return {name: [row.seed for row in rows if row.variant == name] for name in dict.fromkeys(row.variant for row in rows)}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_pilot_study_says_how_many_seeds_are_trained_and_is_not_counted(home, tmp_path, monkeypatch):
    """The differences of claim 2 scatter by 0.3 in the pilot: more seeds than 5 would be needed. Those of claim 10 hardly do."""
    monkeypatch.setenv("COLORLIB_BUDGET", "smoke")
    trained = []

    def invented(trial, seed):
        trained.append((trial, seed))
        if seed == 5:
            raise OSError("the machine is gone")
        return Row("", seed, "", "96 of samples", "none", {"ab_mae": 9.0, "psnr": 20.0})

    monkeypatch.setattr(study_module, "train", invented)
    rows = study.repeat([2, 10], seeds=2, missing="samples", plan=PILOT, most_seeds=5)
    assert seeds_by_variant(rows) == {"study": [3, 4, 5, 6, 7], "no bias": [3, 4, 5, 6, 7], "8 layers": [3, 4]}
    assert len(trained) == len(set(trained)), "one that failed is not tried again"
    write_table(tmp_path / "trainings.csv", PILOT)
    command = ["ablate", "--claims", "10", "--budget", "smoke", "--seeds", "3", "--missing", "samples", "--plan", str(tmp_path),
               "--out", str(tmp_path / "out")]
    assert main(command) == 1, "a training failed"
    assert {row.seed for row in read_table(tmp_path / "out" / "trainings.csv")} == {3, 4, 5}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_claim_that_stays_open_with_its_planned_seeds_goes_on_to_the_most(home, tmp_path, monkeypatch):
    """The pilot's plan for claim 10 is two seeds; its differences then scatter around the smallest effect of 0.1. With 5, twice the same."""
    monkeypatch.setenv("COLORLIB_BUDGET", "smoke")
    eight_layers = study.all_questions()[10].variants["8 layers"].recipe
    trained = []

    def invented(trial, seed):
        trained.append((trial, seed))
        error = 9.1 + 0.2 * (seed % 2) if trial.recipe == eight_layers else 9.0
        return Row("", seed, "", "96 of samples", "none", {"ab_mae": error, "psnr": 20.0})

    monkeypatch.setattr(study_module, "train", invented)
    rows = study.repeat([10], seeds=2, missing="samples", plan=PILOT, most_seeds=5)
    assert seeds_by_variant(rows) == {"study": [3, 4, 5, 6, 7], "8 layers": [3, 4, 5, 6, 7]}
    assert len(trained) == 10, "each once"
    assert len(study.repeat([10], seeds=2, missing="samples")) == 4, "without a plan: what was asked for"
    assert len(study.repeat([10], seeds=2, missing="samples", most_seeds=4)) == 8, "at most 4"
