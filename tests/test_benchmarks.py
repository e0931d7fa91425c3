"""The benchmarks start, and what they measure goes on."""

import importlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from collection import fill
from PIL import Image

from colorlib import study
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights
from colorlib.system.errors import DataError, UsageError

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def load(monkeypatch):
    """A name -> that benchmark, as a module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.mark.parametrize("name", sorted(path.stem for path in BENCHMARKS.glob("*.py")))
def test_each_says_what_it_is_for(name, load, monkeypatch, capsys):
    main = getattr(load(name), "main", None)
    if main:                                        # some are only used by others
        monkeypatch.setattr("sys.argv", [name, "--help"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        assert "usage: " in capsys.readouterr().out


def test_claims_about_photos_compare_equal_work_on_enough_photos(load, home, tmp_path, monkeypatch):
    claims = load("photo_claims")
    fill(tmp_path / "few", 20)
    with pytest.raises(DataError, match=r"few has \d+ photos to train on: 30,000 are needed"):
        claims.expect_enough_photos(str(tmp_path / "few"))
    monkeypatch.setattr(claims, "COLLECTION_SIZES", {"1,000": 2, "10,000": 4, "30,000": 12})
    monkeypatch.setattr(claims, "PHOTOS_SEEN", 12)
    questions = claims.photo_questions(str(tmp_path / "few"))
    trials = {name: trial for question in questions.values() for name, trial in question.variants.items()}
    assert {trial.num_images * trial.config.num_epochs for trial in trials.values()} == {12}
    assert {name for name, trial in trials.items() if trial.start is None} == {"new, 1,000", "new, 10,000", "new, 30,000"}
    assert {name for name, trial in trials.items() if trial.config.hinted or trial.config.aged} == {"with hints", "with old photos"}
    monkeypatch.setattr("sys.argv", ["photo_claims", str(tmp_path / "few"), "--out", str(tmp_path / "out"), "--seeds", "4", "--most-seeds", "3"])
    with pytest.raises(UsageError, match="most_seeds must be 4 or more, as seeds is, got 3"):
        claims.main()


def test_a_critic_is_compared_with_its_control_at_equal_error(load):
    critic = load("critic")
    start = [("start", 0, level, 7.5 + level, 50 - 4 * (7.5 + level)) for level in critic.CURVE]
    finishes = [(way, seed, level, ab_mae, 50 - 4 * ab_mae + above) for level in critic.LEVELS
                for way, ab_mae, aboves in (("control", 8.0, (0.0, 0.1, 0.2)), ("critic 0.1", 8.6, (-0.9, -0.9, -0.9)))
                for seed, above in enumerate(aboves)]
    found = critic.verdicts(pd.DataFrame([*start, *finishes], columns=[*critic.KEY, "ab_mae", "frechet"]))
    assert list(found["better by"]) == ["1 (0.752 to 1.25)"] * 2, "0.9, 1.0 and 1.1, with 4.303 standard errors of 0.1 / sqrt(3)"
    assert list(found["direction"]) == ["yes"] * 2
    assert list(found["size"]) == ["matters"] * 2
    against_the_tilt = critic.verdicts(pd.DataFrame([*start, *finishes], columns=[*critic.KEY, "ab_mae", "frechet"]), 0.0)
    assert list(against_the_tilt["better by"]) == ["-0.1 (-0.348 to 0.148)", "0.9 (0.9 to 0.9)"] * 2
    with pytest.raises(DataError, match="a finish has an ab MAE outside of those of the start"):
        critic.verdicts(pd.DataFrame([*start[:10], *finishes], columns=[*critic.KEY, "ab_mae", "frechet"]))


def test_a_table_of_something_else_is_refused(load, tmp_path):
    (tmp_path / "rows.csv").write_text("seed,way\n1,control\n")
    with pytest.raises(DataError, match="rows.csv is not a table of this benchmark: it has no column vividness"):
        load("critic").read_table(tmp_path / "rows.csv")


def test_a_level_above_the_curve_continues_its_last_piece(load):
    objective = load("critic").at_level(load_weights("cifar-vivid")[1].build_objective(), 1.25)
    assert (objective.tilt, objective.temperature) == pytest.approx((0.766 + 0.136, 0.30 - 0.08)), "the curve ends (0.63, 0.38), (0.766, 0.3)"


def test_what_the_table_of_critics_has_is_not_trained_again(load):
    critic = load("critic")
    asked = []

    class Experiment:
        start = "start"

        def finish(self, weight, seed):
            return weight, seed

        def measure(self, way, seed, network, levels=critic.LEVELS):
            asked.append((way, seed, network))

    table = pd.DataFrame([("start", 0, level) for level in critic.CURVE] + [("cifar", 0, None), ("control", 3, 1)], columns=critic.KEY)
    assert len(list(critic.measure_missing(Experiment(), table[table["vividness"] != 0.3], [0.1], [3, 4, 4]))) == 4
    assert asked == [("start", 0, "start"), ("critic 0.1", 3, (0.1, 3)), ("control", 4, (0, 4)), ("critic 0.1", 4, (0.1, 4))]


def test_the_verdicts_that_are_shown_are_those_of_the_trainings(load, monkeypatch):
    monkeypatch.setenv("COLORLIB_BUDGET", "full")
    results = BENCHMARKS.parent / "notebooks" / "results"
    tables, text = load("claims_table"), (BENCHMARKS / "RESULTS.md").read_text()
    shown, before = tables.read_verdicts(results / "verdicts.csv"), tables.read_verdicts(results / "pilot" / "verdicts.csv")
    assert tables.claims_table(shown) in text
    assert tables.changes_table(before, shown) in text
    judged = study.judge(study.read_table(results / "trainings.csv"))
    pd.testing.assert_frame_equal(shown, judged.astype({"variant": str}), check_dtype=False, rtol=1e-4)


def test_the_verdicts_about_photos_are_those_of_the_trainings(load):
    results = BENCHMARKS.parent / "notebooks" / "results" / "photos"
    tables, questions = load("claims_table"), load("photo_claims").photo_questions("photos")
    shown = tables.read_verdicts(results / "verdicts.csv")
    assert tables.claims_table(shown) in (BENCHMARKS / "RESULTS.md").read_text()
    judged = study.judge(study.read_table(results / "trainings.csv"), questions=questions)
    pd.testing.assert_frame_equal(shown, judged, check_dtype=False, rtol=1e-4)


def test_the_verdicts_about_a_critic_are_those_of_its_tables(load):
    results, text = BENCHMARKS.parent / "notebooks" / "results", (BENCHMARKS / "RESULTS.md").read_text().replace("**", "")
    for table, reference, num_lines, shown in (("critic.csv", "control", 8, ""), ("critic.csv", 0.0, 16, "Frechet"),
                                               ("pilot/critic.csv", "control", 24, "Frechet")):
        found = load("critic").verdicts(pd.read_csv(results / table), reference)
        assert len(found) == num_lines
        for line in found[found["measure"].str.startswith(shown)].to_dict("records"):
            cells = [line["way"].removeprefix("critic "), f"{line['vividness']:g}", line["measure"], f"{line['smallest effect']:g}",
                     line["better by"], str(line["seeds"]), line["direction"], line["size"], line["corrected"]]
            assert f"| {' | '.join(cells)} |" in text


def test_trainings_that_failed_are_shown_beside_the_seeds(load):
    rows = [study.Row(name, seed, "", "", "", {"ab_mae": 9.0 + 0.1 * seed}) for name in ("study", "no bias") for seed in range(2)]
    rows.append(study.Row("no bias", 2, "ValueError: it diverged", "", "", {}))
    (line,) = [line for line in load("claims_table").claims_table(study.judge(rows)).splitlines() if line.startswith("| 2 |")]
    assert line.split(" | ")[6] == "2, 1 failed"


def test_of_two_studies_only_the_verdicts_that_changed_are_shown(load):
    def judged(**errors):
        return study.judge([study.Row(name.replace("_", " "), seed, "", "", "", {"ab_mae": error, "psnr": 20.0 + seed})
                            for name, values in errors.items() for seed, error in enumerate(values)])

    before = judged(study=[9.0, 9.0, 9.0], no_bias=[9.9, 10.0, 10.1])
    now = judged(study=[9.0, 9.0, 9.0], no_bias=[8.0, 9.0, 10.0])
    tables = load("claims_table")
    assert len(tables.changes_table(now, now).splitlines()) == 2, "the header"
    *_, line = tables.changes_table(before, now).splitlines()
    cells = line.strip("| ").split(" | ")
    assert (cells[0], cells[4], cells[6]) == ("2", "yes, matters", "open, open")


def test_both_loops_that_are_timed_go_on_into_the_second_epoch(load):
    speed = load("speed")
    threads = torch.get_num_threads()
    for way in (speed.Colorlib("float32", 8), speed.Student(0, 8)):
        steps = way.steps(Recipe("study", options={"width": 8, "depth": 8}), speed.noise(16, 32), threads)
        for _ in range(5):
            next(steps)
        steps.close()


def test_neighbors_end_with_the_benchmark_also_if_it_is_killed(load):
    neighbors = load("neighbors")
    before = set(psutil.Process().children())                 # other tests' processes
    with neighbors.Neighbors(2).applied():
        mine = set(psutil.Process().children()) - before
        assert len(mine) == 2
    assert not any(process.is_running() for process in mine)
    script = (f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import neighbors, psutil\n"
              "with neighbors.Neighbors(1).applied():\n"
              "    print(psutil.Process().children()[0].pid, flush=True)\n    input()")
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as benchmark:
        neighbor = psutil.Process(int(benchmark.stdout.readline()))
        benchmark.kill()
    neighbor.wait(timeout=60)


def test_shares_of_two_cores(load):
    neighbors = load("neighbors")
    assert [neighbors.Neighbors(n).fair_share(2) for n in (0, 1, 2, 4)] == [1, 2 / 3, 1 / 2, 1 / 3]
    assert [neighbors.Quota(cores).fair_share(2) for cores in (0.5, 1, 4)] == [1 / 4, 1 / 2, 1]


def test_the_vividness_curve_goes_along_the_best_trades(load):
    """By hand: errors 5, 5.5 and 8 at colorfulness 0.4, 0.8 and 1.2 are the lower hull; the two others are above it, or before the least error."""
    vividness = load("vividness")
    settings = [vividness.Setting(*numbers, psnr=0) for numbers in
                [(0.9, 0.3, 1.2, 8.0), (0.1, 0.8, 0.4, 5.0), (0.5, 0.5, 0.8, 5.5), (0.3, 0.9, 0.6, 5.4), (0, 1, 0.3, 6.0)]]
    hull = vividness.best_trades(settings)
    assert [(s.tilt, s.temperature) for s in hull] == [(0.1, 0.8), (0.5, 0.5), (0.9, 0.3)]
    curve = vividness.along(hull)
    assert len(curve) == vividness.POINTS
    assert curve[0] == (0.1, 0.8)
    assert curve[-1] == (0.7, 0.4), "colorfulness 1 is half of the way from 0.8 to 1.2"
    with pytest.raises(SystemExit, match="at most 0.80"):
        vividness.along(hull[:2])


def test_packs_hold_each_photo_once_and_hold_the_same_ones_out(load, tmp_path):
    packs = load("photo_packs")
    folder = tmp_path / "some+photos"
    folder.mkdir()
    blobs = [f"{int((number + 0.5) / 50 * 16**12):012x}" + "0" * 28 for number in range(50)]
    looks = [int(look) for look in np.random.default_rng(0).integers(2**64, size=50, dtype=np.uint64)]      # 32 bits apart, or about that
    looks[40:45] = [looks[20]] * 5                                        # copies of one photo
    looks[48], looks[49] = looks[0] ^ 0b111, looks[0] ^ 0b1111            # near-duplicates of the first, which is held out
    rows = ["blob,hash,repository,path,licence"]
    for number, blob in enumerate(blobs):
        Image.new("RGB", (200, 160), (number, 0, 0)).save(folder / f"{blob}.jpg")
        rows.append(f"{blob},{looks[number]:016x},some/photos,{number}.jpg,CC0")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    photos = packs.collected([tmp_path])
    assert [photo.split for photo in photos[:4]] == ["valid", "test", "train", "train"], "the first 2%, and the next 2%"
    kept = {photo.look for photo in photos}
    assert len(photos) == 44, "five copies, and one that differs from a photo that is held out in three bits"
    assert f"{looks[48]:016x}" not in kept
    assert f"{looks[49]:016x}" in kept
    packs.write_packs(((f"train/some+photos/{photo.path.stem}.webp", packs.square(photo)) for photo in photos), tmp_path, "train")
    with zipfile.ZipFile(tmp_path / "train-00.zip") as archive:
        assert len(archive.namelist()) == 44
        with Image.open(archive.open(archive.namelist()[0])) as image:
            assert (image.format, image.size) == ("WEBP", (216, 216))
