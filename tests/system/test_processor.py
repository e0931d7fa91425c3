"""The precision and the threads that are chosen."""

import pytest
import torch

from colorlib.system import processor

INTEL = "vendor_id\t: GenuineIntel\nflags\t\t: fpu sse avx512f {}\n"
AMD = "vendor_id\t: AuthenticAMD\nflags\t\t: fpu sse {}\n"


@pytest.mark.parametrize(("cpuinfo", "fast"), [
    (INTEL.format("avx512_bf16 amx_bf16 amx_tile"), True), (INTEL.format("avx512_bf16"), False),
    (INTEL.format(""), False), (AMD.format("avx512_bf16"), True), (AMD.format("avx2"), False), ("", False)])
def test_bfloat16_is_for_processors_that_are_faster_in_it(cpuinfo, fast):
    assert processor.fast_in_bfloat16(cpuinfo) == fast


def test_a_precision_that_is_asked_for_is_taken(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(processor, "fast_in_bfloat16", lambda cpuinfo: False)
    assert [processor.resolve_precision(p, cpu) for p in ("auto", "float32", "bfloat16")] == [
        "float32", "float32", "bfloat16"]
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert processor.resolve_precision("auto", cpu) == "bfloat16"
    assert processor.resolve_precision("float32", cpu) == "float32"
    assert processor.resolve_precision("auto", cpu, before="float32") == "float32", "as a run that goes on has settled"


def test_threads_are_set_for_the_block_only():
    before = torch.get_num_threads()
    with processor.computing(before + 1):
        assert torch.get_num_threads() == before + 1
        assert torch.backends.cudnn.deterministic
    assert torch.get_num_threads() == before
    with processor.computing(None):
        assert torch.get_num_threads() == min(before, processor.cores())
