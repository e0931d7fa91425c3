"""Any backbone of timm that gives feature maps, as the encoder of a U-Net."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from colorlib.system.errors import DataError, UsageError


class TimmEncoder(nn.Module):
    """The feature maps of a backbone that timm knows by name, such as "resnet18" or "convnext_atto".

    Args:
        name: of the backbone, in timm's own list; addresses of other models are refused.
        pretrained: load the weights that timm downloads.

    Shapes:
        (B, 3, H, W), normalized with ``mean`` and ``std`` -> maps (B, ``widths[i]``, H / ``reductions[i]``, W / ``reductions[i]``).

    Raises:
        DataError: if timm is not installed, or cannot get the weights.
        UsageError: for an unknown name, or a backbone whose maps are not halved from one to the next.
    """

    edges: tuple[nn.Module, ...] = ()              # layers that do not learn even if the encoder does

    def __init__(self, name: str, pretrained: bool = False):
        super().__init__()
        self.body = _create(name, pretrained)
        self.reductions = tuple(number for number in self.body.feature_info.reduction() if number > 1)
        self.widths = tuple(self.body.feature_info.channels()[-len(self.reductions):])
        if any(coarse != 2 * fine for fine, coarse in pairwise(self.reductions)) or not _gives_maps(self):
            raise UsageError(f"the backbone {name!r} has no feature maps that are halved from one to the next: take another, such "
                             "as resnet18")
        for value in ("mean", "std"):
            numbers = torch.tensor(self.body.default_cfg[value])[:, None, None]
            self.register_buffer(value, numbers, persistent=False)

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.body(x)[-len(self.reductions):]


def _create(name: str, pretrained: bool) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise DataError(f"the backbone {name!r} needs timm: pip install timm") from error
    if not timm.is_model(name):
        raise UsageError(f"timm knows no backbone {name!r}: timm.list_models() lists all")
    try:
        return timm.create_model(name, features_only=True, pretrained=pretrained)
    except Exception as error:                     # whatever a download, or a backbone without maps, raises
        raise (DataError if pretrained else UsageError)(f"timm cannot make the backbone {name!r}: {error}") from error


def _gives_maps(encoder: TimmEncoder) -> bool:
    """Whether the maps are as they should be; some transformers have another order of axes, or one size alone."""
    side = 2 * encoder.reductions[-1]
    try:
        with torch.no_grad():
            maps = encoder.eval()(torch.zeros(1, 3, side, side))
    except Exception:
        return False
    finally:
        encoder.train()
    return [tuple(features.shape[1:]) for features in maps] == [
        (width, side // reduction, side // reduction) for width, reduction in zip(encoder.widths, encoder.reductions, strict=True)]
