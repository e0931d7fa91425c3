"""A network applied to pictures, wherever it is."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from colorlib.color import to_gray
from colorlib.models.networks import CourseNet
from colorlib.models.objectives import ABRegression, RGBRegression
from colorlib.models.predict import colorize, network_output

RGB = torch.randint(0, 256, (3, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'")
@pytest.mark.parametrize(("channels", "apply"), [
    (2, network_output),
    (2, lambda model, rgb: colorize(model, ABRegression(), rgb)),
    (3, lambda model, rgb: colorize(model, RGBRegression(), rgb)),
], ids=["output", "ab", "rgb"])
@pytest.mark.usefixtures("no_fake_constants")
def test_pictures_on_the_cpu_are_colored_by_a_network_on_a_gpu(channels, apply):
    """Fake tensors refuse to mix devices, and need no GPU."""
    shapes = ShapeEnv(allow_dynamic_output_shape_ops=True)           # how many colors lie outside of the gamut
    with FakeTensorMode(allow_non_fake_inputs=True, shape_env=shapes, static_shapes=True):
        with torch.device("cuda"):
            model = CourseNet(channels, depth=8, width=4)
        rgb = torch.zeros(3, 3, 16, 16, dtype=torch.uint8)
        with pytest.raises(RuntimeError, match="device"):
            model(to_gray(rgb))
        found = apply(model, rgb)
    assert (found.device.type, tuple(found.shape[-2:])) == ("cpu", (16, 16))


def test_the_output_is_that_of_the_network_in_eval_mode():
    torch.manual_seed(0)
    model = CourseNet(2, depth=8, width=4).train()
    output = network_output(model, RGB)
    assert model.training
    with torch.no_grad():
        torch.testing.assert_close(output, model.eval()(to_gray(RGB)))


def test_a_network_without_weights_colors_too():
    class Nothing(torch.nn.Module):
        def forward(self, gray):
            return torch.zeros(len(gray), 2, *gray.shape[-2:])

    colored = colorize(Nothing(), ABRegression(), RGB)
    assert (colored - colored.mean(1, keepdim=True)).abs().max() < 0.005, "a = b = 0 is gray"
