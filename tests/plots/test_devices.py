"""Plots take tensors of any device. A tensor class that acts like one on a GPU stands in for it."""

import pytest
import torch

from colorlib import plots


class OnDevice(torch.Tensor):
    """Tensor that NumPy cannot read, and that cannot be combined with tensors on the CPU, unless moved by ``cpu``."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch.Tensor.cpu:
            return args[0].as_subclass(torch.Tensor)
        if func in (torch.Tensor.numpy, torch.Tensor.__array__):
            raise TypeError("can't convert a tensor on the device to numpy: use Tensor.cpu() first")
        flat = [x for arg in args for x in (arg if isinstance(arg, (list, tuple)) else [arg])]
        if any(isinstance(x, torch.Tensor) and not isinstance(x, cls) and x.ndim for x in flat):
            raise RuntimeError("expected all tensors to be on the same device")
        return super().__torch_function__(func, types, args, kwargs or {})


def test_the_stand_in_fails_like_a_gpu():
    tensor = torch.ones(2).as_subclass(OnDevice)
    with pytest.raises(TypeError, match=r"Tensor.cpu\(\)"):
        tensor.numpy()
    with pytest.raises(RuntimeError, match="same device"):
        tensor + torch.ones(2)
    assert (2 * tensor).cpu().tolist() == [2, 2]


@pytest.mark.parametrize("plot", [
    lambda gray, rgb, logits: plots.show(rgb[0]),
    lambda gray, rgb, logits: plots.contact_sheet(rgb),
    lambda gray, rgb, logits: plots.triptychs(gray, rgb, rgb),
    lambda gray, rgb, logits: plots.channel_views(rgb[0]),
    lambda gray, rgb, logits: plots.ab_density(rgb),
    lambda gray, rgb, logits: plots.bin_values(logits[0, :, 0, 0].exp(), "weight"),
    lambda gray, rgb, logits: plots.distribution(logits[0, :, 0, 0]),
    lambda gray, rgb, logits: plots.uncertainty(rgb, gray),
    lambda gray, rgb, logits: plots.compare_slider(gray, rgb, rgb),
    lambda gray, rgb, logits: plots.compare_versions({"one": rgb, "other": rgb}),
], ids=["show", "contact_sheet", "triptychs", "channel_views", "ab_density", "bin_values", "distribution",
        "uncertainty", "compare_slider", "compare_versions"])
def test_plots_accept_tensors_of_any_device(plot):
    tensors = torch.rand(2, 1, 8, 8), torch.rand(2, 3, 8, 8), torch.rand(2, 261, 8, 8)
    plot(*(tensor.requires_grad_().as_subclass(OnDevice) for tensor in tensors))
