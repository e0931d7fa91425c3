"""What this kernel may use is read rightly from every kind of control group, and training stays within it."""

import gc
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from tiny import CONFIG, RECIPE, divide

from colorlib import cgroups, memory, processor
from colorlib.errors import RunError
from colorlib.footprint import Footprint, footprint
from colorlib.memory import Limit, MiB, group_limit
from colorlib.processes import team
from colorlib.recipe import Recipe
from colorlib.training import fit

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def machine(tmp_path):
    """A machine's control groups as files: version 1 for memory and cpu, version 2 beside them."""
    root, proc = tmp_path / "cgroup", tmp_path / "proc"
    proc.write_text("5:memory:/hub/user\n4:cpu,cpuacct:/hub\n3:cpuset:/\n0::/slice/user\n")
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
    return proc, root


def test_every_group_from_our_own_up_to_the_outermost_is_looked_at(machine):
    proc, root = machine
    names = [str(folder.relative_to(root)) for folder in cgroups.folders("memory", proc, root)]
    assert names == ["memory/hub/user", "memory/hub", "memory", "slice/user", "slice", "."]
    assert [str(folder.relative_to(root)) for folder in cgroups.folders("cpu", proc, root)][:2] == ["cpu/hub", "cpu"]


def test_a_path_that_is_only_valid_outside_the_container_is_passed_over(machine):
    proc, root = machine
    proc.write_text("5:memory:/docker/0123456789\n")
    assert list(cgroups.folders("memory", proc, root)) == [root / "memory"]
    assert list(cgroups.folders("memory", proc / "no linux", root)) == []


def test_limits_of_both_versions_count_what_is_used_but_for_cached_files(machine):
    _, root = machine
    assert group_limit(root / "memory/hub/user") == Limit("its control group", 1_000_000, 200_000)
    assert group_limit(root / "memory/hub") == Limit("its control group", 2_000_000, 600_000)
    assert group_limit(root / "slice") == Limit("its control group", 400_000, 100_000)
    assert group_limit(root / "slice/user") is None, "max is no limit"
    assert group_limit(root) is None, "the root of version 2 has no such files"


def test_the_tightest_limit_counts(machine, monkeypatch):
    proc, root = machine
    folders = cgroups.folders
    monkeypatch.setattr(cgroups, "folders", lambda controller: folders(controller, proc, root))
    assert memory.tightest(torch.device("cpu"), team()).left == 300_000
    monkeypatch.setenv("MEM_LIMIT", str(memory.own_memory() + 2 * MiB))
    write(root / "slice", memory__max="max")
    write(root / "memory/hub/user", memory__limit_in_bytes=str(2**40))
    write(root / "memory/hub", memory__limit_in_bytes=str(2**40))
    tightest = memory.tightest(torch.device("cpu"), team())
    assert tightest.name == "MEM_LIMIT"
    assert tightest.left < 3 * MiB


def test_without_any_limit_the_machine_counts(monkeypatch):
    monkeypatch.delenv("MEM_LIMIT", raising=False)
    monkeypatch.setattr(cgroups, "folders", lambda controller: [])
    (limit,) = memory.limits()
    assert limit.total == psutil.virtual_memory().total == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_limit_that_is_no_number_is_named(monkeypatch):
    monkeypatch.setenv("MEM_LIMIT", "1G")
    with pytest.raises(RunError, match="MEM_LIMIT must be a number of bytes, as in 1073741824, got '1G'"):
        memory.limits()


def test_cores_are_those_of_the_quota(machine, monkeypatch):
    proc, root = machine
    quotas = [processor.cpu_quota(folder) for folder in cgroups.folders("cpu", proc, root)]
    assert quotas == [1.5, None, 2.0, None, None]
    folders = cgroups.folders
    monkeypatch.setattr(cgroups, "folders", lambda controller: folders(controller, proc, root))
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    assert processor.cores() == 2


def test_own_memory_grows_with_what_is_taken():
    before = memory.own_memory()
    taken = np.ones(50 * MiB, np.uint8)
    assert memory.own_memory() - before == pytest.approx(taken.nbytes, rel=0.1)


FAULTS = """
import resource, torch
from colorlib import memory

def taken(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        torch.zeros(60 * memory.MiB, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(taken(10))
with memory.freed_memory_kept():
    taken(10)
    print(taken(10))
    held = memory.own_memory()
print(held - memory.own_memory())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_is_kept_for_the_next_step_and_given_back_in_the_end():
    """In pages that the system had to fill while 60 MiB were taken and freed ten times, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    before, within, given_back = map(int, done.stdout.split())
    pages = 60 * MiB // os.sysconf("SC_PAGE_SIZE")
    assert before >= 10 * pages
    assert within < pages
    assert given_back > 50 * MiB


def loss(model, rgb):
    return model(rgb[:, :1].float() / 255).square().mean()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_kept_for_the_backward_pass_is_counted(precision):
    """By hand: ReLU and batch norm each keep their tensor of 4 channels; two convolutions keep what went in."""
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.BatchNorm2d(4))
    bytes_each = 4 if precision == "float32" else 2

    def in_precision(model, rgb):
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            return model(rgb[:, :1].float() / 255).sum()

    need = footprint(model, in_precision, 10, copies=3)
    pixels = 10 * 10
    kept = pixels * bytes_each + pixels * 4 * bytes_each          # the gray input, and ReLU's output
    assert need.per_image == 2.5 * kept
    weights = (4 * 9 + 4) + 4 * 4
    assert need.fixed == 3 * (weights * 4 + 8), "batch norm counts its batches in an int64"
    assert model[2].num_batches_tracked == 0, "counting is not training"


def test_nothing_of_the_count_stays_in_memory():
    def parameters():
        gc.collect()
        return sum(type(thing) is torch.nn.Parameter for thing in gc.get_objects())

    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.BatchNorm2d(4))
    before = parameters()
    footprint(model, loss, 10, copies=3)
    assert parameters() == before


def test_images_too_large_for_any_machine_are_counted_without_taking_memory():
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU())
    before = memory.own_memory()
    need = footprint(model, loss, 2**20, copies=1)
    assert need.per_image > 2**40
    assert memory.own_memory() - before < 100 * MiB


def test_the_micro_batch_is_the_whole_or_equal_parts_that_fit():
    need = Footprint(size=64, fixed=100, per_image=10)
    assert need.micro_batch(64, Limit("x", 1000, 0)) == 64, "0.9 * 1000 - 100 = 800 is room for 80"
    assert need.micro_batch(100, Limit("x", 1000, 0)) == 50
    assert need.micro_batch(170, Limit("x", 1000, 0)) == 57, "three parts, the last of 56"
    assert need.micro_batch(64, Limit("x", 1000, 877)) == 1
    with pytest.raises(RunError, match="one image of 64 px .* this x allows: images of 56 px would fit"):
        Footprint(64, 0, 10 * MiB).micro_batch(8, Limit("this x", 90 * MiB, 81 * MiB))
    with pytest.raises(RunError, match="end other notebooks, or take a smaller network"):
        Footprint(64, 100, 10).micro_batch(8, Limit("x", 100, 0))


def test_short_of_memory_training_takes_smaller_parts_and_says_so(samples, tmp_path, monkeypatch, capsys):
    train, valid = divide(samples)
    recipe = replace(RECIPE, options={"depth": 8, "width": 8, "batch_norm": False})
    config = replace(CONFIG, batch_size=160, precision="float32", num_epochs=3)
    whole = fit(recipe, train, valid, config, tmp_path / "whole")
    assert "micro-batches of 160" in capsys.readouterr().out
    left = 4 * MiB
    monkeypatch.setattr(memory, "limits", lambda processes: [Limit("a small kernel", 100 * MiB, 100 * MiB - left)])
    parts = fit(recipe, train, valid, config, tmp_path / "parts")
    out = capsys.readouterr().out
    assert "160 images at once do not fit, 4 MiB are left of the 100 that a small kernel allows" in out
    assert "micro-batches of 160" not in out
    np.testing.assert_allclose(parts.history["loss"], whole.history["loss"], rtol=1e-5)
    for ours, theirs in zip(parts.model.parameters(), whole.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_a_run_keeps_the_micro_batch_that_it_began_with(samples, tmp_path, monkeypatch, capsys):
    train, valid = divide(samples)
    with monkeypatch.context() as patch:
        patch.setattr(memory, "limits", lambda processes: [Limit("a small kernel", 2 * MiB, 0)])
        fit(RECIPE, train, valid, replace(CONFIG, num_epochs=1), tmp_path)
        begun = capsys.readouterr().out.split("micro-batches of ")[1]
        assert not begun.startswith("32")
        patch.setattr(memory, "limits", lambda processes: [Limit("a smaller kernel", int(1.9 * MiB), 0)])
        fit(RECIPE, train, valid, replace(CONFIG, num_epochs=2), tmp_path)
        assert capsys.readouterr().out.split("micro-batches of ")[1] == begun
    fit(RECIPE, train, valid, replace(CONFIG, num_epochs=3), tmp_path)
    assert capsys.readouterr().out.split("micro-batches of ")[1] == begun


def test_what_fits_is_shared_by_the_processes_of_a_machine(machine, monkeypatch):
    proc, root = machine
    folders = cgroups.folders
    monkeypatch.setattr(cgroups, "folders", lambda controller: folders(controller, proc, root))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert memory.tightest(torch.device("cpu"), team()).left == pytest.approx(100_000, abs=1)
    monkeypatch.setenv("MEM_LIMIT", "3000000000")
    (promised,) = [limit for limit in memory.limits(3) if limit.name == "MEM_LIMIT"]
    assert promised.used == pytest.approx(3 * memory.own_memory(), rel=0.1)


def test_one_image_at_once_is_refused_where_batch_norm_has_no_variance(samples, tmp_path):
    train, valid = divide(samples)
    deep = Recipe("unet", "ab-l1", 16, {"width": 4, "depth": 5})
    with pytest.raises(RunError, match="cannot train on 1 image at once where the network sees 16 px as one pixel"):
        fit(deep, train, valid, replace(CONFIG, batch_size=1), tmp_path / "refused")
    run = fit(deep, train[:66], valid, replace(CONFIG, batch_size=33, micro_batch=32, num_epochs=1), tmp_path / "run")
    assert len(run.epochs) == 1, "33 images are not 32 and one"


def small_kernel(script, mib=1024):
    command = [sys.executable, BENCHMARKS / "small_kernel.py", "--mib", str(mib), "--", sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip())
    return done


TRAIN = """
import numpy as np, torch
from dataclasses import replace
from colorlib.images import Images
from colorlib.recipe import Recipe
from colorlib.training import TrainConfig, fit
rgb = np.lib.format.open_memmap(FILE, "w+", np.uint8, (COUNT, 3, SIZE, SIZE))
rgb[:] = np.random.default_rng(0).integers(0, 256, (1, 3, SIZE, SIZE))
images = Images("noise", rgb, np.zeros(COUNT, np.int64), np.arange(COUNT), ("noise",), "made up")
train, valid = images.hold_out(64)
train = replace(train, rgb=train.rgb[:128]) if SIZE > 32 else train
class Few(Images):
    def steps(self, batch_size):
        return 2
train = Few(**vars(train))
fit(Recipe(size=SIZE), train, valid, TrainConfig(num_epochs=1, threads=1), DIR)
"""


@pytest.mark.parametrize(("count", "size"), [(46_000, 32), (256, 128)], ids=["32 px", "128 px"])
def test_the_studys_network_trains_in_a_real_kernel_of_1_gib(count, size, tmp_path):
    """As many images as CIFAR-10 has, and the size that ended the study's kernels; batches of 64."""
    script = TRAIN.replace("COUNT", str(count)).replace("SIZE", str(size))
    done = small_kernel(script.replace("FILE", repr(str(tmp_path / "rgb"))).replace("DIR", repr(str(tmp_path / "run"))))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 killed for memory" in done.stdout
    assert "batches of 64 in micro-batches of" in done.stdout


def test_the_small_kernel_is_really_small():
    done = small_kernel("import numpy; numpy.ones(2 * 2**30, numpy.uint8)", mib=256)
    assert done.returncode != 0
    assert "1 killed for memory" in done.stdout
