"""The encoder beside timm's, the U-Net on it, and what is pretrained, tuned and frozen."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import skimage.data
import torch
import torch.nn.functional as F
from tiny import EVERYTHING
from torch import nn

from colorlib.models.encoder import EfficientNetLite0
from colorlib.models.encoder_unet import ENCODERS, EncoderUNet, _mean_of_hints
from colorlib.models.encoder_weights import PACKAGE, pretrained, with_names_of
from colorlib.models.networks import UNet
from colorlib.models.predict import eval_mode
from colorlib.models.recipe import Recipe
from colorlib.models.weights import load_weights, save_weights
from colorlib.system.errors import DataError, RunError, UsageError
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit

SMALL = (8, 8, 8, 8, 8)
TUNED = Recipe("encoder-unet", "ab-l1", 16, {"encoder": "tuned", "widths": SMALL})


def network(encoder="new", **options) -> EncoderUNet:
    torch.manual_seed(0)
    return EncoderUNet(2, encoder, SMALL, **options)


def with_statistics(module: nn.Module) -> nn.Module:
    """The module with batch norms that differ from channel to channel."""
    torch.manual_seed(0)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
    return module.eval()


@pytest.mark.parametrize("size", [(64, 96), (128, 32)])
def test_the_encoder_is_timms(size):
    timm = pytest.importorskip("timm")
    theirs = with_statistics(timm.create_model("tf_efficientnet_lite0", features_only=True, pretrained=False))
    ours = EfficientNetLite0()
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.widths == tuple(theirs.feature_info.channels())
    assert (ours.mean, ours.std) == (theirs.default_cfg["mean"][0], theirs.default_cfg["std"][0])
    rgb = torch.randn(2, 3, *size)
    with eval_mode(ours):
        for our_map, their_map in zip(ours(rgb), theirs(rgb), strict=True):
            torch.testing.assert_close(our_map, their_map)


@pytest.mark.parametrize("size", [(8, 8), (33, 47), (64, 64), (9, 130)])
def test_the_output_has_half_of_the_size(size):
    assert network().eval()(torch.rand(2, 1, *size)).shape == (2, 2, -(-size[0] // 2), -(-size[1] // 2))


def test_a_picture_is_padded_below_and_to_the_right():
    model, gray = with_statistics(network()), torch.rand(1, 1, 40, 50)
    padded = F.pad(gray, (0, 14, 0, 24), mode="replicate")
    with eval_mode(model):
        torch.testing.assert_close(model(gray), model(padded)[..., :20, :25])


def test_a_mirrored_picture_gets_mirrored_colors():
    model, gray = with_statistics(network(mirror=True)), torch.rand(1, 1, 64, 64)
    with eval_mode(model):
        torch.testing.assert_close(model(gray.flip(-1)), model(gray).flip(-1))
        assert not torch.allclose(model._forward(gray.flip(-1)), model._forward(gray).flip(-1), atol=1e-3)


def test_a_network_that_has_not_learned_hints_ignores_them():
    model, gray, hints = with_statistics(network()), torch.rand(2, 1, 40, 50), torch.rand(2, 3, 40, 50)
    with eval_mode(model):
        assert torch.equal(model(gray, hints), model(gray))


@pytest.mark.parametrize(("hints", "message"), [
    (torch.zeros(2, 2, 40, 50), r"\(2, 3, 40, 50\), got \(2, 2, 40, 50\)"), (torch.zeros(2, 3, 50, 40), "got"), (torch.zeros(1, 3, 40, 50), "got")])
def test_hints_of_another_shape_are_refused(hints, message):
    with pytest.raises(ValueError, match=message):
        network()(torch.rand(2, 1, 40, 50), hints)
    with pytest.raises(ValueError, match="UNet takes no hints: use EncoderUNet"):
        UNet(2)(torch.rand(2, 1, 40, 50), hints)


def test_a_hint_acts_where_it_is():
    """Of two hints with the same color, one in another corner gives another output; mirrored, the mirrored output."""
    model = with_statistics(network(mirror=True))
    for convolution in model.hints:
        nn.init.normal_(convolution.weight)
    gray, hints = torch.rand(1, 1, 64, 64), torch.zeros(2, 1, 3, 64, 64)
    hints[0, :, :, 3:6, 50:54] = hints[1, :, :, 40:43, 10:14] = torch.tensor([0.5, -0.2, 1])[:, None, None]
    with eval_mode(model):
        none, corner, elsewhere = model(gray), model(gray, hints[0]), model(gray, hints[1])
        torch.testing.assert_close(model(gray.flip(-1), hints[0].flip(-1)), corner.flip(-1))
    changed, other = (corner - none).abs().sum((0, 1)), (elsewhere - none).abs().sum((0, 1))
    assert changed[:8, 20:].mean() > 2 * other[:8, 20:].mean()
    assert not torch.allclose(corner, elsewhere)


def test_each_square_of_a_level_gets_the_mean_of_its_hints():
    hints = torch.zeros(1, 3, 4, 4)
    hints[0, :, 0, 0], hints[0, :, 1, 0] = torch.tensor([0.2, -0.4, 1]), torch.tensor([0.4, 0, 1])
    hints[0, :, 3, 3] = torch.tensor([1, 0.5, 1])
    expected = torch.tensor([[[0.3, 0], [0, 1]], [[-0.2, 0], [0, 0.5]], [[1, 0], [0, 1]]])
    torch.testing.assert_close(_mean_of_hints(hints, 2)[0], expected)
    torch.testing.assert_close(_mean_of_hints(hints, 4).flatten(), torch.tensor([1.6 / 3, 0.1 / 3, 1]))


@pytest.mark.parametrize(("backbone", "levels", "scale"), [("resnet18", 5, 2), ("convnext_atto", 4, 4), ("vgg11_bn", 5, 2)])
def test_another_backbone_of_timm(backbone, levels, scale, tmp_path):
    """Its maps, its mean and its standard deviation; saved and loaded by its name."""
    timm = pytest.importorskip("timm")
    recipe = Recipe("encoder-unet", "ab-l1", 64, {"backbone": backbone, "widths": [8] * levels})
    model = with_statistics(recipe.build_model())
    gray = torch.rand(1, 1, 64, 64)
    theirs = timm.create_model(backbone, features_only=True, pretrained=False).eval()
    theirs.load_state_dict(model.encoder.body.state_dict())
    mean, std = (torch.tensor(theirs.default_cfg[name])[:, None, None] for name in ("mean", "std"))
    with eval_mode(model):
        expected = [skip(features) for skip, features in zip(model.skips, theirs((gray - mean) / std)[-levels:], strict=True)]
        found = []
        model.blocks[-1].register_forward_pre_hook(lambda _, x: found.append(x[0]))
        output = model(gray)
    torch.testing.assert_close(found[0], expected[-1])
    assert output.shape == (1, 2, 64 // scale, 64 // scale)
    save_weights(tmp_path / "weights.safetensors", model, recipe)
    again, _ = load_weights(tmp_path / "weights.safetensors")
    with eval_mode(again):
        torch.testing.assert_close(again(gray), output)


@pytest.mark.parametrize(("backbone", "message"), [
    ("resnet1999", "knows no backbone 'resnet1999'"), ("hf-hub:someone/something", "knows no backbone"),
    ("vit_tiny_patch16_224", "no feature maps that are halved"), ("swin_tiny_patch4_window7_224", "no feature maps that are halved")])
def test_a_backbone_that_does_not_fit_is_refused(backbone, message):
    pytest.importorskip("timm")
    with pytest.raises(UsageError, match=message):
        EncoderUNet(2, backbone=backbone)


def test_without_timm_other_backbones_are_told_what_they_need(monkeypatch, tmp_path):
    pytest.importorskip("timm")
    recipe = Recipe("encoder-unet", "ab-l1", 64, {"backbone": "resnet18", "widths": SMALL})
    save_weights(tmp_path / "weights.safetensors", recipe.build_model(), recipe)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(DataError, match="needs timm: pip install timm"):
        recipe.build_model()
    with pytest.raises(RunError, match="weights.safetensors: the backbone 'resnet18' needs timm"):
        load_weights(tmp_path / "weights.safetensors")


def test_every_map_of_a_new_encoder_is_alive():
    """Without statistics that fit, each stage would divide the deviation by ten."""
    model = network().train()
    maps = model.encoder(torch.randn(8, 3, 64, 64))
    assert all(0.1 < features.std() < 10 for features in maps)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_learns(encoder):
    """From the first step on, also in a loop of one's own that never calls train()."""
    model = network(encoder)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model(torch.rand(4, 1, 64, 64), torch.rand(4, 3, 64, 64)).square().sum().backward()
    changed = {name.split(".")[0] for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed == {"skips", "blocks"} | ({"encoder"} if encoder == "new" else set()), "statistics"
    edges = ("conv_stem", "bn1", "blocks.0", "blocks.1")
    assert all((weight.grad is None) == (encoder == "frozen" or (encoder == "tuned" and name.startswith(edges)))
               for name, weight in model.encoder.named_parameters())
    assert all(weight.grad is not None for name, weight in model.named_parameters() if not name.startswith("encoder."))


def test_gradients_in_bfloat16_are_near_those_in_float32():
    """On a CPU, convolutions of one filter per channel leave autocast. (In eval mode: batch norm of a batch amplifies rounding.)"""
    encoder, x, gradients = with_statistics(EfficientNetLite0()), torch.randn(4, 3, 64, 64), {}
    for precision in (torch.float32, torch.bfloat16):
        encoder.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            maps = encoder(x)
        sum(features.float().square().mean() for features in maps).backward()
        gradients[precision] = torch.cat([weight.grad.flatten() for weight in encoder.parameters()])
    assert F.cosine_similarity(*gradients.values(), 0) > 0.99


@pytest.mark.parametrize(("options", "message"), [({"encoder": "resnet"}, "new, tuned, frozen, got 'resnet'"),
                                                  ({"widths": (8, 8)}, "needs 5 widths")])
def test_what_cannot_be_built_is_named(options, message):
    with pytest.raises(UsageError, match=message):
        EncoderUNet(2, **options)


def test_the_pretrained_encoder_tells_what_is_in_a_photo():
    """The package's file has the encoder, then a head of one convolution, batch norm and 1,000 classes, built here by hand."""
    package = pytest.importorskip(PACKAGE)
    weights = torch.load(next(Path(package.__file__).parent.rglob("*.pth")), weights_only=True)
    encoder = pretrained(TUNED).encoder
    cat = torch.from_numpy(skimage.data.chelsea()[:, 75:375]).movedim(-1, 0)[None] / 255
    cat = F.interpolate(cat, size=(224, 224), mode="bicubic", antialias=True)
    with eval_mode(encoder):
        x = encoder((cat - encoder.mean) / encoder.std)[-1]
        x = F.conv2d(x, weights["_conv_head.weight"])
        x = F.batch_norm(x, *(weights[f"_bn1.{name}"] for name in ("running_mean", "running_var", "weight", "bias")), eps=0.001)
        logits = F.linear(x.clamp(0, 6).mean((2, 3)), weights["_fc.weight"], weights["_fc.bias"])
    assert logits.argmax().item() in (281, 282, 285), "tabby, tiger cat, Egyptian cat"


def test_weights_in_another_order_are_refused():
    encoder = EfficientNetLite0()
    state = encoder.state_dict()
    assert list(with_names_of(encoder, {f"_{name}": tensor for name, tensor in state.items()} | {"_fc.weight": 0})) == list(state)
    with pytest.raises(ValueError, match="running_mean stands where bn1.weight was expected"):
        with_names_of(encoder, {name: state[name] for name in ["conv_stem.weight", "bn1.running_mean", *state]})


def test_a_frozen_encoder_stays_to_the_bit_and_a_tuned_one_keeps_its_statistics(samples, tmp_path):
    pytest.importorskip(PACKAGE)
    config = replace(TrainConfig(num_epochs=1, batch_size=32, threads=1), **EVERYTHING)
    for mode in ("frozen", "tuned"):
        recipe = replace(TUNED, options=TUNED.options | {"encoder": mode})
        start = pretrained(recipe)
        run = fit(recipe, samples[:64], samples[64:80], config, tmp_path / mode, start)
        before, after = start.state_dict(), run.last.cpu().state_dict()
        changed = {name for name in before if not torch.equal(before[name], after[name])}
        assert any(name.startswith("blocks.") for name in changed)
        assert not any(name.startswith("encoder.") and (mode == "frozen" or "running" in name) for name in changed)
        assert ("encoder.blocks.2.0.conv_pw.weight" in changed) == (mode == "tuned")


def test_a_weights_file_needs_no_package(samples, tmp_path, monkeypatch):
    pytest.importorskip(PACKAGE)
    run = fit(TUNED, samples[:64], samples[64:80], TrainConfig(num_epochs=1, batch_size=32), tmp_path, pretrained(TUNED))
    for name in ("timm", PACKAGE):
        monkeypatch.setitem(sys.modules, name, None)
    model, recipe = load_weights(tmp_path / "best.safetensors")
    assert recipe == TUNED
    torch.testing.assert_close(model(torch.ones(1, 1, 16, 16)), run.last.cpu()(torch.ones(1, 1, 16, 16)))


@pytest.mark.parametrize(("recipe", "message"), [
    (Recipe("unet"), "not 'unet'"), (Recipe("encoder-unet"), "encoder='tuned' or 'frozen'")])
def test_only_an_encoder_that_keeps_what_it_learned_is_pretrained(recipe, message):
    with pytest.raises(UsageError, match=message):
        pretrained(recipe)


def test_a_package_that_is_missing_or_damaged_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("colorlib.models.encoder_weights.PACKAGE", "weights_for_a_test")
    with pytest.raises(DataError, match="pip install weights-for-a-test"):
        pretrained(TUNED)
    (tmp_path / "weights_for_a_test").mkdir()
    (tmp_path / "weights_for_a_test" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DataError, match="does not hold the pretrained encoder"):
        pretrained(TUNED)
    (tmp_path / "weights_for_a_test" / "cut.pth").write_bytes(b"PK\3\4 and no more")
    with pytest.raises(DataError, match=r"cut.pth.* does not hold the pretrained encoder"):
        pretrained(TUNED)
