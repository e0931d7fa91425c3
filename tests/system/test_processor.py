"""Precision, threads, and the ordered parallel map."""

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


def test_threads_are_set_within_the_block_only():
    before = torch.get_num_threads()
    with processor.deterministic_torch(before + 1):
        assert torch.get_num_threads() == before + 1
        assert torch.backends.cudnn.deterministic
    assert torch.get_num_threads() == before
    with processor.deterministic_torch(None):
        assert torch.get_num_threads() == min(before, processor.available_cores())


def test_parallel_map_keeps_the_order_and_works_at_most_eight_items_per_core_ahead():
    started = []
    results = processor.parallel_map(lambda item: started.append(item) or -item, range(1000))
    assert [next(results) for _ in range(3)] == [0, -1, -2]
    assert len(started) <= 8 * processor.available_cores() + 3
    assert list(results) == [-item for item in range(3, 1000)]
