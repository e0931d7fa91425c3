"""Fine-tuning on photos of one color teaches that color."""

import numpy as np
import pytest
from PIL import Image

from colorlib.checkpoints import save_weights
from colorlib.colorizer import Colorizer
from colorlib.errors import DataError
from colorlib.finetuning import finetune
from colorlib.recipe import Recipe


@pytest.fixture
def weights(tmp_path):
    recipe = Recipe("unet", "ab-l1", 16, {"width": 8, "depth": 2})
    save_weights(tmp_path / "tiny.safetensors", recipe.build_model(), recipe)
    return tmp_path / "tiny.safetensors"


def test_a_folder_of_orange_photos_teaches_orange(weights, tmp_path, home):
    folder = tmp_path / "mine"
    folder.mkdir()
    for i in range(40):
        gray = Image.effect_noise((40, 30), 20 + i)
        orange = [gray.point([round(share * level) for level in range(256)]) for share in (1, 0.6, 0.2)]
        Image.merge("RGB", orange).save(folder / f"{i}.png")
    photo = Image.effect_noise((60, 50), 40)
    run = finetune(weights, folder, num_epochs=30, lr=0.01, batch_size=16, run_dir=tmp_path / "run")
    red, _, blue = (channel.astype(float).mean() for channel in np.asarray(
        Colorizer(run.path / "best.safetensors")(photo)).transpose(2, 0, 1))
    assert red > 1.3 * blue
    assert run.recipe.size == 16


def test_a_folder_without_photos_is_named(weights, tmp_path, home):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no train pictures"):
        finetune(weights, tmp_path / "empty")
