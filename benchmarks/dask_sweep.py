"""The whole study twice, here and on two Dask workers: ``python benchmarks/dask_sweep.py OUT``. Is it the same table?

In the budget that COLORLIB_BUDGET names. Each way has its own COLORLIB_HOME under OUT, so none finds the other's runs.
Times are left out of the comparison: they are no result.
"""

import argparse
import csv
import os
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

import torch
from distributed import Client, LocalCluster

from colorlib.study import verdicts


@contextmanager
def two_workers() -> Iterator[Executor]:
    """A cluster on this machine, for as long as the block lasts."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client.get_executor()


def sweep(home: Path, seeds: int, executor: Executor | None) -> None:
    """All claims, their runs and tables under ``home``."""
    start = time.perf_counter()
    rows = verdicts.repeat(seeds=seeds, out=home, executor=executor)
    failed = sum(bool(row.error) for row in rows)
    print(f"{home.name}: {len(rows)} trainings, {failed} failed, in {time.perf_counter() - start:.0f} s", flush=True)


def without_times(table: Path) -> list[dict[str, str]]:
    """The rows of a table but for what is about seconds."""
    with table.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("metric") != "seconds"]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def main() -> None:
    """Run both, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)                                    # as a worker has: other threads round in another order
    here, there = (options.out.resolve() / name for name in ("here", "dask"))
    os.environ["COLORLIB_HOME"] = str(here)
    sweep(here, options.seeds, None)
    os.environ["COLORLIB_HOME"] = str(there)                    # before the workers start: they inherit it
    with two_workers() as executor:
        sweep(there, options.seeds, executor)
    for name in ("trainings.csv", "curves.csv", "verdicts.csv"):
        ours, theirs = (without_times(home / name) for home in (here, there))
        differ = sum(mine != other for mine, other in zip(ours, theirs, strict=True))
        print(f"{name}: {len(ours)} rows, {differ} of them differ")


if __name__ == "__main__":
    main()
