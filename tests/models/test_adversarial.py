"""The adversarial objective: its terms and whose gradients they are, by hand; the critic against linear algebra."""

import numpy as np
import pytest
import skimage.color
import torch
from torch import nn

from colorlib import color
from colorlib.models.adversarial import Adversarial, PatchCritic
from colorlib.models.objectives import ABClassification, ABRegression
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights, save_weights
from colorlib.system.errors import UsageError

RGB = torch.randint(60, 200, (2, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
TRUE_AB = torch.tensor(skimage.color.rgb2lab(RGB.numpy(), channel_axis=1)[:, 1:]).float()


class LinearCritic(nn.Module):
    """A score that is a weight times a / 100: all of its loss can be worked out by hand."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float(weight)))

    def forward(self, gray, ab):
        return self.weight * ab[:, :1] / 100


def test_the_loss_is_base_and_critic_and_its_own_critics_hinge():
    output = (0.5 * TRUE_AB / 100).requires_grad_()
    critic = LinearCritic(2.0)
    loss = Adversarial(ABRegression("l1"), weight=0.3, base_weight=0.7).against(critic).loss(output, RGB)
    true, painted = TRUE_AB[:, :1] / 100, 0.5 * TRUE_AB[:, :1] / 100
    hinges = (1 - 2 * true).clamp(min=0).mean() + (1 + 2 * painted).clamp(min=0).mean()
    by_hand = 0.7 * (0.5 * TRUE_AB / 100).abs().mean() - 0.3 * (2 * painted).mean() + hinges
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-3)


def test_each_learns_from_its_own_terms_alone():
    """The network's gradient is that of base and score; the critic's that of its hinges, where scores are between -1 and 1."""
    output = (0.5 * TRUE_AB / 100).requires_grad_()
    critic = LinearCritic(1.0)
    Adversarial(ABRegression("l1"), weight=0.3, base_weight=0.0).against(critic).loss(output, RGB).backward()
    assert critic.weight.grad.item() == pytest.approx((-TRUE_AB[:, 0] / 100 + 0.5 * TRUE_AB[:, 0] / 100).mean().item(), rel=1e-3)
    for_a = torch.full_like(output[:, 0], -0.3 / output[:, 0].numel())
    inside = (output.grad[:, 0] - for_a).abs() < 0.02 * for_a.abs()
    assert inside.float().mean() > 0.95, "a is raised by the same everywhere, but where a color cannot be shown on a screen"
    assert output.grad[:, 1].abs().median() < 1e-6


@pytest.mark.parametrize(("settings", "message"), [
    ({"weight": -1}, "weight must be a number of 0 or more, got -1"), ({"weight": float("nan")}, "weight must be .* got nan"),
    ({"weight": "0.1"}, "got '0.1'"), ({"base_weight": -1}, "base_weight must be"), ({"critic_lr": float("inf")}, "critic_lr must be .* got inf"),
    ({"width": 0}, "width must be a whole number of 1 or more channels, got 0"), ({"width": 2.5}, "got 2.5"),
    ({"critic": "x"}, "critic must be a network, got 'x'"),
    ({"base": "nope"}, "base must be one of rgb-l1, .*, got 'nope'"), ({"base": "adversarial"}, "base must be one of .* got 'adversarial'")])
def test_settings_that_make_no_sense_are_named(settings, message):
    with pytest.raises(UsageError, match=message):
        Recipe("unet", "adversarial", settings=settings).build_objective()


def test_the_features_of_a_base_are_part_of_the_run():
    """Those of another feature network would be another loss."""
    (expected,) = Recipe("unet", "perceptual", settings={"features": "classifier"}).build_objective().frozen_networks()
    base = {"base": "perceptual", "base_settings": {"features": "classifier"}}
    (found,) = Recipe("unet", "adversarial", settings=base).build_objective().frozen_networks()
    assert all(torch.equal(found.state_dict()[name], value) for name, value in expected.state_dict().items())


def test_no_critic_no_loss():
    with pytest.raises(UsageError, match="needs a critic"):
        Adversarial().loss(TRUE_AB / 100, RGB)
    assert Adversarial().validation_loss(TRUE_AB / 100 + 0.25, RGB).item() == pytest.approx(0.25, rel=1e-3), "that of the base"


def test_a_score_sees_18_by_18_pixels_and_every_fourth_place_has_one():
    critic = PatchCritic(width=4).eval()
    gray, ab = torch.rand(1, 1, 64, 64), torch.randn(1, 2, 64, 64).mul(10).requires_grad_()
    scores = critic(gray, ab)
    assert scores.shape == (1, 1, 16, 16)
    scores[0, 0, 8, 8].backward()
    rows, columns = ab.grad.abs().sum((0, 1)).nonzero().T
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (18, 18)


def test_the_matrix_of_each_layer_of_the_critic_lengthens_no_vector():
    torch.manual_seed(0)
    critic = PatchCritic(width=8)
    for _ in range(100):
        critic(torch.rand(1, 1, 16, 16), torch.randn(1, 2, 16, 16))
    for layer in critic.layers:
        if isinstance(layer, nn.Conv2d):
            largest = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item()
            assert largest == pytest.approx(1, rel=0.03)


def test_a_critic_learns_to_tell_gray_pictures_from_true_ones(samples):
    rgb = color.to_tensor(samples.rgb[:64])
    objective = Adversarial(weight=0.0, base_weight=0.0, width=8)
    critic = objective.build_critic(seed=0)
    optimizer = torch.optim.Adam(critic.parameters(), lr=0.01)
    for _ in range(60):
        objective.against(critic).loss(torch.zeros(64, 2, 16, 16), rgb).backward()
        optimizer.step()
        optimizer.zero_grad()
    critic.eval()
    gray, ab = color.to_gray(rgb), color.split_lab(rgb)[1]
    true, painted = critic(gray, ab).mean((1, 2, 3)), critic(gray, 0 * ab).mean((1, 2, 3))
    assert (true > painted).float().mean() > 0.9


def test_critics_of_one_seed_are_equal_and_torchs_random_state_stays():
    torch.manual_seed(5)
    expected = torch.rand(2)
    torch.manual_seed(5)
    first, second, third = (Adversarial(width=4).build_critic(seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(2), expected)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], third[name]) for name in first)


def test_the_base_defines_output_and_decoding(tmp_path):
    settings = {"base": "bins", "base_settings": {"rebalance": 1.0, "temperature": 0.5}, "weight": 0.02}
    recipe = Recipe("unet", "adversarial", 16, {"width": 8, "depth": 2}, settings)
    objective = recipe.build_objective()
    assert objective.base == ABClassification(1.0, 0.5)
    assert (objective.out_channels, objective.temperature) == (261, 0.5)
    model = recipe.build_model()
    save_weights(tmp_path / "critic.safetensors", model, recipe)
    loaded, again = load_weights(tmp_path / "critic.safetensors")
    gray = color.to_gray(RGB)
    with torch.no_grad():
        decoded = again.build_objective().with_temperature(0.2).decode(loaded(gray), 100 * gray)
        expected = ABClassification(1.0, 0.2).decode(model.eval()(gray), 100 * gray)
    np.testing.assert_allclose(decoded, expected, atol=1e-5)
