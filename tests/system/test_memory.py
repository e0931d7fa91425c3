"""Memory and processor limits from control groups, glibc's allocator, and training in a kernel of 1 GiB."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from colorlib.system import cgroups, memory, processor
from colorlib.system.distributed import process_state
from colorlib.system.errors import RunError
from colorlib.system.memory import Limit, MiB, group_limit

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Files of control groups: version 1 for memory and cpu, and version 2 beside them."""
    root, groups = tmp_path / "cgroup", tmp_path / "groups"
    monkeypatch.setattr(cgroups, "MOUNT", root)
    monkeypatch.setattr(cgroups, "GROUPS", groups)
    groups.write_text("5:memory:/hub/user\n4:cpu,cpuacct:/hub\n3:cpuset:/\n0::/slice/user\n")
    write(root / "memory", memory__limit_in_bytes="9223372036854771712\n", memory__usage_in_bytes="5000\n",
          memory__stat="total_active_file 1000\ntotal_inactive_file 500\n")
    write(root / "memory/hub", memory__limit_in_bytes="2000000\n", memory__usage_in_bytes="700000\n",
          memory__stat="total_active_file 100000\ntotal_inactive_file 0\n")
    write(root / "memory/hub/user", memory__limit_in_bytes="1000000\n", memory__usage_in_bytes="300000\n",
          memory__stat="cache 5\ntotal_active_file 50000\ntotal_inactive_file 50000\n")
    write(root / "cpu/hub", **{"cpu.cfs_quota_us": "150000\n", "cpu.cfs_period_us": "100000\n"})
    write(root / "cpu", **{"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"})
    write(root / "slice/user", memory__max="max\n", memory__current="10\n", memory__stat="", cpu__max="200000 100000\n")
    write(root / "slice", memory__max="400000\n", memory__current="150000\n", memory__stat="active_file 50000\n",
          cpu__max="max 100000\n")
    return root


def test_folders_lists_every_group_from_the_innermost_to_the_outermost(root):
    names = [str(folder.relative_to(root)) for folder in cgroups.folders("memory")]
    assert names == ["memory/hub/user", "memory/hub", "memory", "slice/user", "slice", "."]
    assert [str(folder.relative_to(root)) for folder in cgroups.folders("cpu")][:2] == ["cpu/hub", "cpu"]


def test_folders_skips_paths_that_exist_only_outside_the_container(root):
    cgroups.GROUPS.write_text("5:memory:/docker/0123456789\n")
    assert list(cgroups.folders("memory")) == [root / "memory"]
    cgroups.GROUPS.unlink()
    assert list(cgroups.folders("memory")) == [], "not Linux"


def test_group_limits_of_both_versions_do_not_count_cached_files(root):
    assert group_limit(root / "memory/hub/user") == Limit("its control group", 1_000_000, 200_000)
    assert group_limit(root / "memory/hub") == Limit("its control group", 2_000_000, 600_000)
    assert group_limit(root / "slice") == Limit("its control group", 400_000, 100_000)
    assert group_limit(root / "slice/user") is None, "max is no limit"
    assert group_limit(root) is None, "the root of version 2 has no such files"


def test_tightest_limit(root, monkeypatch):
    assert memory.tightest_limit(torch.device("cpu"), process_state()).left == 300_000
    monkeypatch.setenv("MEM_LIMIT", str(memory.private_memory() + 2 * MiB))
    write(root / "slice", memory__max="max")
    write(root / "memory/hub/user", memory__limit_in_bytes=str(2**40))
    write(root / "memory/hub", memory__limit_in_bytes=str(2**40))
    tightest = memory.tightest_limit(torch.device("cpu"), process_state())
    assert tightest.name == "MEM_LIMIT"
    assert tightest.left < 3 * MiB


def test_without_other_limits_the_machine_is_the_limit(monkeypatch):
    monkeypatch.delenv("MEM_LIMIT", raising=False)
    monkeypatch.setattr(cgroups, "folders", lambda controller: [])
    (limit,) = memory.limits()
    assert limit.total == psutil.virtual_memory().total == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_mem_limit_that_is_not_a_number_is_refused(monkeypatch):
    monkeypatch.setenv("MEM_LIMIT", "1G")
    with pytest.raises(RunError, match="MEM_LIMIT must be a number of bytes, as in 1073741824, got '1G'"):
        memory.limits()


def test_available_cores_respects_the_quota(root, monkeypatch):
    quotas = [processor.cpu_quota(folder) for folder in cgroups.folders("cpu")]
    assert quotas == [1.5, None, 2.0, None, None]
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    assert processor.available_cores() == 2


def test_private_memory_grows_with_an_allocation():
    before = memory.private_memory()
    array = np.ones(50 * MiB, np.uint8)
    assert memory.private_memory() - before == pytest.approx(array.nbytes, rel=0.1)


FAULTS = """
import resource, torch
from colorlib.system import heap, memory

def faults(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        torch.zeros(60 * memory.MiB, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults(10))
with heap.keep_freed_memory():
    faults(10)
    print(faults(10))
    held = memory.private_memory()
print(held - memory.private_memory())
print(faults(10))
"""
PAGES = 60 * MiB // os.sysconf("SC_PAGE_SIZE")
glibc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc")


def page_faults(**environment):
    """Page faults of ten allocations of 60 MiB before, within and after the block; bytes returned at its end."""
    # Starting a Dask cluster, as another test does, sets MALLOC_TRIM_THRESHOLD_ in this process.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True,
                          env=inherited | environment)
    before, within, returned, after = map(int, done.stdout.split())
    return before, within, after, returned


@glibc
def test_freed_memory_is_kept_within_the_block_and_returned_after_it():
    before, within, _, returned = page_faults()
    assert before >= 10 * PAGES
    assert within < PAGES
    assert returned > 50 * MiB


@glibc
@pytest.mark.parametrize("environment", [
    {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**30)},
    {"GLIBC_TUNABLES": f"glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold={2**30}"}], ids=["variables", "tunables"])
def test_malloc_settings_of_the_user_outlast_the_block(environment):
    """These settings keep freed memory everywhere, after the block as well."""
    before, within, after, returned = page_faults(**environment)
    assert before < 5 * PAGES
    assert within < PAGES
    assert after < PAGES
    assert returned < MiB


CELLS = """
import sys, psutil
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell(sys.argv[1])
before = psutil.Process().memory_info().rss
# Blocks too small for glibc to map; those that are kept prevent it from returning the others by itself.
shell.run_cell("blocks = [bytes(100_000) for _ in range(2_000)]; kept = blocks[::100]; del blocks")
print(psutil.Process().memory_info().rss - before)
"""


@glibc
def test_a_notebook_returns_what_a_cell_has_freed():
    def grown(first_cell):
        done = subprocess.run([sys.executable, "-c", CELLS, first_cell], capture_output=True, text=True, check=True)
        return int(done.stdout.split()[-1])

    assert grown("import colorlib") < grown("pass") / 4


def test_the_processes_of_a_machine_divide_its_limits(root, monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert memory.tightest_limit(torch.device("cpu"), process_state()).left == pytest.approx(100_000, abs=1)
    monkeypatch.setenv("MEM_LIMIT", "3000000000")
    (hub,) = [limit for limit in memory.limits(3) if limit.name == "MEM_LIMIT"]
    assert hub.used == pytest.approx(3 * memory.private_memory(), rel=0.1)


def small_kernel(script, mib=1024):
    command = [sys.executable, BENCHMARKS / "small_kernel.py", "--mib", str(mib), "--", sys.executable, "-c", script]
    no_gpu = os.environ | {"CUDA_VISIBLE_DEVICES": ""}             # CUDA's driver needs memory as well
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=no_gpu)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    return done


TRAIN = """
import numpy as np, torch
from dataclasses import replace
from colorlib.data.images import Images
from colorlib.models.recipe import Recipe
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit
rgb = np.lib.format.open_memmap(FILE, "w+", np.uint8, (COUNT, 3, SIZE, SIZE))
rgb[:] = np.random.default_rng(0).integers(0, 256, (1, 3, SIZE, SIZE))
images = Images("noise", rgb, np.zeros(COUNT, np.int64), np.arange(COUNT), ("noise",), "made up")
train, valid = images.hold_out(64)
train = replace(train, rgb=train.rgb[:128]) if SIZE > 32 else train
class TwoSteps(Images):
    def steps(self, batch_size):
        return 2
train = TwoSteps(**vars(train))
fit(Recipe(size=SIZE), train, valid, TrainConfig(num_epochs=1, threads=1), DIR)
"""


@pytest.mark.parametrize(("count", "size"), [(46_000, 32), (256, 128)], ids=["32 px", "128 px"])
def test_the_studys_network_trains_in_a_real_kernel_of_1_gib(count, size, tmp_path):
    """The number of images in CIFAR-10, and the size at which the study's kernels were killed; batches of 64."""
    script = TRAIN.replace("COUNT", str(count)).replace("SIZE", str(size))
    done = small_kernel(script.replace("FILE", repr(str(tmp_path / "rgb"))).replace("DIR", repr(str(tmp_path / "run"))))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 killed for memory" in done.stdout
    assert "batches of 64 in micro-batches of" in done.stdout


def test_the_small_kernel_kills_larger_processes():
    done = small_kernel("import numpy; numpy.ones(2 * 2**30, numpy.uint8)", mib=256)
    assert done.returncode != 0
    assert "1 killed for memory" in done.stdout
