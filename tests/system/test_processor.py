"""Precision, threads, and the ordered parallel map."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from colorlib.system import processor

INTEL = "vendor_id\t: GenuineIntel\nflags\t\t: fpu sse avx512f {}\n"
AMD = "vendor_id\t: AuthenticAMD\nflags\t\t: fpu sse {}\n"


@pytest.mark.parametrize(("cpuinfo", "fast"), [
    (INTEL.format("avx512_bf16 amx_bf16 amx_tile"), True), (INTEL.format("avx512_bf16"), False),
    (INTEL.format(""), False), (AMD.format("avx512_bf16"), True), (AMD.format("avx2"), False), ("", False)])
def test_processors_that_are_fast_in_bfloat16(cpuinfo, fast):
    assert processor.fast_in_bfloat16(cpuinfo) == fast


def test_only_auto_precision_is_resolved(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(processor, "fast_in_bfloat16", lambda cpuinfo: False)
    assert [processor.resolve_precision(p, cpu) for p in ("auto", "float32", "bfloat16")] == [
        "float32", "float32", "bfloat16"]
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert processor.resolve_precision("auto", cpu) == "bfloat16"
    assert processor.resolve_precision("float32", cpu) == "float32"
    assert processor.resolve_precision("auto", cpu, before="float32") == "float32", "a resumed run keeps its precision"


def test_threads_are_set_within_the_block_only(four_cores):
    before = torch.get_num_threads()
    with processor.deterministic_torch(before + 1):
        assert torch.get_num_threads() == before + 1
        assert torch.backends.cudnn.deterministic
    assert torch.get_num_threads() == before
    with processor.deterministic_torch(None):
        assert torch.get_num_threads() == 4
        torch.set_num_threads(8)
    with processor.deterministic_torch(None):
        assert torch.get_num_threads() == 4, "no more than there are cores"


def test_parallel_map_keeps_the_order_and_works_at_most_eight_items_per_core_ahead(four_cores):
    started = []
    results = processor.parallel_map(lambda item: started.append(item) or -item, range(1000))
    assert [next(results) for _ in range(3)] == [0, -1, -2]
    assert len(started) <= 8 * 4 + 3
    assert list(results) == [-item for item in range(3, 1000)]


@pytest.fixture
def four_cores(with_cores):
    """A machine with four cores."""
    with_cores(4)


@pytest.mark.parametrize(("at_once", "threads_each"), [(2, 2), (3, 1), (1, 4), (9, 1)])
def test_the_cores_are_shared_out_among_the_items(at_once, threads_each, four_cores):
    with processor.core_threads(at_once) as mapper:
        assert set(mapper(lambda item: torch.get_num_threads(), range(20))) == {threads_each}
    assert torch.get_num_threads() == 4


def test_items_are_computed_at_the_same_time(four_cores):
    """Each of two waits for the other."""
    meeting = threading.Barrier(2, timeout=60)
    with processor.core_threads(2) as mapper:
        assert sorted(mapper(lambda item: meeting.wait(), range(2))) == [0, 1]


def test_an_error_leaves_torch_as_it_was(four_cores):
    with pytest.raises(ZeroDivisionError):
        list(processor.parallel_map(lambda item: 1 // item, [1, 0, 1]))
    assert torch.get_num_threads() == 4
    some = processor.parallel_map(lambda item: item, range(100))
    next(some)
    some.close()
    assert torch.get_num_threads() == 4, "a map that nobody reads to its end"
    with ThreadPoolExecutor(1) as another:
        assert another.submit(torch.get_num_threads).result() == 4, "a thread that is new takes the number that was set last"


def test_no_more_threads_than_torch_is_set_to(four_cores):
    torch.set_num_threads(2)
    assert processor.usable_threads() == 2
    torch.set_num_threads(8)
    assert processor.usable_threads() == 4


SHOW = "import os; print(os.environ.get('OMP_WAIT_POLICY'), os.environ.get('GOMP_SPINCOUNT'))"


@pytest.mark.parametrize(("script", "settings", "expected"), [
    ("import colorlib", {}, "PASSIVE 10000"),
    ("import colorlib", {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
    ("import colorlib", {"GOMP_SPINCOUNT": "5"}, "None 5"),
    ("import torch, colorlib", {}, "None None"),
], ids=["colorlib first", "a policy is set", "a count is set", "torch first"])
def test_threads_that_wait_sleep_soon_unless_somebody_said_otherwise(script, settings, expected):
    """The libraries read the variables when torch is imported: too late is not at all."""
    environment = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")} | settings
    done = subprocess.run([sys.executable, "-c", f"{script}; {SHOW}"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
