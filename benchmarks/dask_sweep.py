"""Repeat the study here and on two Dask workers, and compare the tables: ``python benchmarks/dask_sweep.py OUT``.

COLORLIB_BUDGET sets the budget. Each of the two has its own COLORLIB_HOME under OUT, so that neither finds the other's
runs. Training times are not compared.
"""

import argparse
import os
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import torch
from distributed import Client, LocalCluster

from colorlib.study import repeat


@contextmanager
def two_workers() -> Iterator[Executor]:
    """Executor of a Dask cluster on this machine."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        yield client.get_executor()


def sweep(home: Path, seeds: int, executor: Executor | None) -> None:
    """Repeat the study on all claims, with its runs and tables in ``home``."""
    start = time.perf_counter()
    rows = repeat(seeds=seeds, out=home, executor=executor)
    failed = sum(bool(row.error) for row in rows)
    print(f"{home.name}: {len(rows)} trainings, {failed} failed, in {time.perf_counter() - start:.0f} s", flush=True)


def without_times(path: Path) -> pd.DataFrame:
    """A table without the columns and rows about seconds."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False).drop(columns="seconds", errors="ignore")
    return table[table["metric"] != "seconds"].reset_index(drop=True) if "metric" in table else table


def main() -> None:
    """Repeat the study both ways, and compare the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)                                    # as a worker has: the number of threads changes the order of sums
    here, there = (options.out.resolve() / name for name in ("here", "dask"))
    os.environ["COLORLIB_HOME"] = str(here)
    sweep(here, options.seeds, None)
    os.environ["COLORLIB_HOME"] = str(there)                    # before the workers start: they inherit it
    with two_workers() as executor:
        sweep(there, options.seeds, executor)
    for name in ("trainings.csv", "curves.csv", "verdicts.csv"):
        table, dask_table = (without_times(home / name) for home in (here, there))
        differing = (table != dask_table).any(axis=1).sum()
        print(f"{name}: {len(table)} rows, {differing} of them differ")


if __name__ == "__main__":
    main()
