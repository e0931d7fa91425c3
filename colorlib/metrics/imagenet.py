"""Whether a classifier of ImageNet names a colored photo rightly: section 3.1 of Zhang et al. 2016, "semantic interpretability"."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor
from torchvision.transforms.functional import center_crop, normalize

from colorlib.data.images import Images
from colorlib.metrics.probes import Batch, Probe, computed_once
from colorlib.models.features import DEVIATION, MEAN
from colorlib.models.hub import hub_weights
from colorlib.system.errors import DataError

SIDE = 224                                                      # pixels that the classifier sees, of 256
WORDNET = re.compile(r"n\d{8}")


def imagenet_probe(images: Images) -> Probe:
    """Probe of the top-1 accuracy of torchvision's ResNet-18, which took no part in training any colorizer of this package.

    It sees the middle 224 px. (Zhang et al. took VGG-16.)

    Raises:
        DataError: for classes that are not those of ImageNet, pictures below 224 px, or if the weights (45 MB, downloaded once) are not
            available.
    """
    if images.size < SIDE:
        raise DataError(f"the classifier of ImageNet needs pictures of {SIDE} px or more, got {images.size} px")
    from torchvision import models  # imported here, since it takes a second

    weights = models.ResNet18_Weights.IMAGENET1K_V1
    classes = imagenet_classes(images.classes, weights.meta["categories"])
    values, path = hub_weights(weights.url, "the weights of ResNet-18")
    network = models.resnet18(weights=None)
    try:
        network.load_state_dict(values)
    except (RuntimeError, TypeError) as error:
        raise DataError(f"{path} does not hold ResNet-18: delete it, and it is downloaded again") from error
    network.eval().requires_grad_(False)

    def named(rgb: Tensor) -> Tensor:
        return network(normalize(center_crop(rgb, SIDE), MEAN, DEVIATION)).argmax(1)

    true_named = computed_once(named)

    def probe(batch: Batch) -> dict[str, Tensor]:
        labels = classes[batch.labels]
        return {"top1": (named(batch.predicted) == labels).float(), "true_top1": (true_named(batch.actual) == labels).float()}
    return probe


def imagenet_classes(names: Sequence[str], categories: Sequence[str]) -> Tensor:
    """Number, from 0 to 999, of each class: (len(names),) int64.

    Args:
        names: of folders: all 1,000 numbers of WordNet, such as n01440764, whose order is that of the classes; or some of the categories.
        categories: of torchvision, in their order.

    Raises:
        DataError: for other names.
    """
    if all(map(WORDNET.fullmatch, names)) and len(set(names)) == len(categories):
        order = {name: number for number, name in enumerate(sorted(names))}
    else:
        order = {name: number for number, name in enumerate(categories)}
    if unknown := [name for name in names if name not in order]:
        raise DataError(f"top-1 needs photos in folders named by the classes of ImageNet (all 1,000 of n01440764 and so on, or words such as "
                        f"'tench'), not {unknown[0]!r}")
    return torch.tensor([order[name] for name in names])
