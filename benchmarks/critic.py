"""Does a critic help? Finish ``cifar-vivid`` with a critic and, as a control, without one; compare both at equal error.

A finish is one epoch of 20,000 photos of CIFAR-10. Finishes with equal seeds see the same photos in the same order. Each network is
measured on 1,500 validation photos, at vividness 0.5 and 1, the start at 14 levels, 0 to 1.3; the networks of the course as they come, too. The
table has a line per network and level; lines that are there are not measured again, and a training that was killed continues.

    python benchmarks/critic.py pilot.csv --weights 0.03 0.1 0.3 --seeds 0 1 2
    python benchmarks/critic.py critic.csv --weights 0.1 --seeds 11 12 13 14 15 16 17 18
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.interpolate import PchipInterpolator
from torch import nn

import colorlib as cl
from colorlib.models.objectives import ABClassification, Objective
from colorlib.plots.study_charts import LABELS
from colorlib.system.errors import DataError
from colorlib.system.files import expect_writable, write_atomic

LEVELS = (0.5, 1)     # of vividness; trained at 0.5
CURVE = tuple(tenths / 10 for tenths in range(14))     # levels of the start: so far that its errors enclose those of the finishes
SMALLEST_EFFECTS = {"frechet": 0.5, "lpips_alexnet": 0.01, "psnr": 0.2, "recognized": 0.01}
KEY = ["way", "seed", "vividness"]


class Experiment:
    """The network to start from, its photos, and how each finish is trained."""

    def __init__(self, num_photos: int = 20_000, num_measured: int = 1_500):
        train, valid = cl.load("cifar10", "train").hold_out(2_000)
        self.train, self.measured_on = train[:num_photos], valid[:num_measured]
        self.start, self.recipe = cl.load_weights("cifar-vivid")
        self.probes, missing = cl.metrics.available_probes(self.measured_on)
        print(*missing, sep="\n")

    def finish(self, weight: float, seed: int) -> nn.Module:
        """Train once more, with a critic of this weight; 0: without."""
        settings = dict(self.recipe.settings) | {"vividness": 0.5}
        recipe = (cl.Recipe("unet", "adversarial", 32, self.recipe.options, {"base": "bins", "base_settings": settings, "weight": weight})
                  if weight else cl.Recipe("unet", "bins", 32, self.recipe.options, settings))
        config = cl.TrainConfig(1, lr=0.0005, schedule="one-cycle", seed=seed)
        return cl.fit(recipe, self.train, self.measured_on, config, start=self.start).last

    def measure(self, way: str, seed: int, network: nn.Module, levels: Sequence[float] = LEVELS) -> pd.DataFrame:
        """Lines of the table: the network at some levels of vividness."""
        objective = self.recipe.build_objective()
        return self._lines(way, seed, {level: (network, at_level(objective, level)) for level in levels})

    def measure_as_they_come(self) -> pd.DataFrame:
        """Lines of the table: the trained networks of the course, with the settings that they come with, and so without a vividness."""
        found = []
        for name in ("cifar", "cifar-vivid"):
            network, recipe = cl.load_weights(name)
            found.append(self._lines(name, 0, {None: (network, recipe.build_objective())}))
        return pd.concat(found)

    def _lines(self, way: str, seed: int, colorizers: Mapping[float | None, tuple[nn.Module, Objective]]) -> pd.DataFrame:
        scores = cl.evaluate(colorizers, self.measured_on, self.probes)
        return pd.DataFrame([{"way": way, "seed": seed, "vividness": level, **score.values} for level, score in scores.items()])


def at_level(objective: ABClassification, level: float) -> ABClassification:
    """The objective at a vividness; above 1, where none is defined, the last piece of its curve is continued."""
    if level <= 1:
        return objective.with_vividness(level)
    before, end = np.array(objective.curve[-2:])
    tilt, temperature = end + (level - 1) * (len(objective.curve) - 1) * (end - before)
    return replace(objective, vividness=None, tilt=float(tilt), temperature=float(temperature))


def measure_missing(experiment: Experiment, table: pd.DataFrame, weights: Sequence[float], seeds: Sequence[int]) -> Iterator[pd.DataFrame]:
    """Train and measure what the table does not have, line by line: the start, the controls, and the finishes with a critic."""
    there = set(zip(table["way"], table["seed"], strict=True))
    if levels := sorted(set(CURVE) - set(table.loc[table["way"] == "start", "vividness"])):
        yield experiment.measure("start", 0, experiment.start, levels)
    if ("cifar", 0) not in there:
        yield experiment.measure_as_they_come()
    for seed in dict.fromkeys(seeds):
        for weight in dict.fromkeys((0, *weights)):
            way = f"critic {weight:g}" if weight else "control"
            if (way, seed) not in there:
                yield experiment.measure(way, seed, experiment.finish(weight, seed))


def above_the_start(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The table, with the metric less that of the start at a vividness with as much ab MAE.

    Raises:
        DataError: if a finish has an error outside of the start's: an extrapolated curve gave wrong verdicts before.
    """
    start = table[table["way"] == "start"].sort_values("ab_mae")
    finished = table[(table["way"] != "start") & table["vividness"].notna()]
    if not finished["ab_mae"].between(start["ab_mae"].min(), start["ab_mae"].max()).all():
        raise DataError("a finish has an ab MAE outside of those of the start: measure the start at more levels of vividness (CURVE)")
    curve = PchipInterpolator(start["ab_mae"], start[metric])
    return finished.assign(**{metric: finished[metric] - curve(finished["ab_mae"])})


def verdicts(table: pd.DataFrame, reference: str | float = "control") -> pd.DataFrame:
    """At equal error, by how much each finish is better than a reference: a line per finish, level and metric.

    Args:
        reference: "control": the finish without a critic, of the same seed; 0: the start's own curve, the tilt without a finish.
    """
    compared = []
    for metric in (metric for metric in SMALLEST_EFFECTS if metric in table):
        above = above_the_start(table, metric)
        for level in LEVELS:
            rows = [cl.study.Row(line.way, line.seed, "", "", "", {metric: getattr(line, metric)})
                    for line in above[above["vividness"] == level].itertuples()]
            for way in sorted({row.variant for row in rows} - {reference}):
                compared.append((way, level, metric, cl.study.Claim(way, metric, way, reference, SMALLEST_EFFECTS[metric]).judge(rows)))
    stricter_verdicts = cl.study.corrected([verdict for *_, verdict in compared])
    return pd.DataFrame([
        {"way": way, "vividness": level, "measure": LABELS[metric], "smallest effect": verdict.smallest_effect,
         "better by": f"{verdict.effect:.3g} ({verdict.low:.3g} to {verdict.high:.3g})", "seeds": verdict.seeds,
         "direction": verdict.direction, "size": verdict.size, "corrected": f"{stricter.direction}, {stricter.size}"}
        for (way, level, metric, verdict), stricter in zip(compared, stricter_verdicts, strict=True)])


def read_table(path: Path) -> pd.DataFrame:
    """The lines of an earlier run; none if there was no run.

    Raises:
        DataError: for a table of something else.
    """
    table = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=KEY)
    if missing := set(KEY) - set(table):
        raise DataError(f"{path} is not a table of this benchmark: it has no column {', '.join(sorted(missing))}")
    return table


def main() -> None:
    """Train what is missing, and print the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="CSV to read and to extend")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.1], help="of the critic (default: 0.1)")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    options = parser.parse_args()
    expect_writable(options.table)
    table = read_table(options.table)
    for lines in measure_missing(Experiment(), table, options.weights, options.seeds):
        table = pd.concat([table, lines]) if len(table) else lines
        write_atomic(options.table, table.to_csv(index=False, float_format="%.6g").encode())
    for title, reference in (("against the control", "control"), ("against the tilt alone", 0.0)):
        print(f"{title}:", verdicts(table, reference).to_string(index=False), sep="\n")


if __name__ == "__main__":
    main()
