"""FID: the Frechet distance of the standard Inception features."""

import torch
from torch import Tensor

from colorlib import color
from colorlib.metrics.probes import Batch, Probe, computed_once
from colorlib.models.hub import hub_weights
from colorlib.system.errors import DataError


def fid_probe() -> Probe:
    """Probe of the Inception features for FID (Heusel et al. 2017), computed by torch-fidelity, whose numbers agree with those of the paper's code.

    FID is too high for few photos: compare only values of equally many, and of 2,048 or more (each photo has as many features).

    Raises:
        DataError: if torch-fidelity is not installed, or its weights (91 MB, downloaded once) are not available.
    """
    try:
        from torch_fidelity import feature_extractor_inceptionv3 as inception
    except ImportError as error:
        raise DataError("FID needs torch-fidelity: pip install torch-fidelity") from error
    _, path = hub_weights(inception.URL_INCEPTION_V3, "the Inception features of FID")
    try:
        network = inception.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
    except (RuntimeError, TypeError) as error:
        raise DataError(f"{path} does not hold the Inception features of FID: delete it, and it is downloaded again") from error

    def features(rgb: Tensor) -> Tensor:
        return network(color.to_uint8(rgb))[0]

    of_true = computed_once(features)

    @torch.no_grad()
    def probe(batch: Batch) -> dict[str, Tensor]:
        return {"predicted_inception": features(batch.predicted), "actual_inception": of_true(batch.actual)}
    return probe
