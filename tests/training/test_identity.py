"""What makes a run this run: recipe, settings, data and NUMERICS, and no source code."""

import json
from dataclasses import replace

import pytest
import safetensors.torch
import torchvision
from tiny import CONFIG, FILES, ON_A_CPU, RECIPE, as_kind

from colorlib.data import catalog
from colorlib.data.images import Images
from colorlib.models import recipe
from colorlib.models.recipe import Recipe
from colorlib.system import processor
from colorlib.system.errors import RunError
from colorlib.training import identity
from colorlib.training.checkpoints import load_state
from colorlib.training.identity import default_run_dir
from colorlib.training.loop import fit


def test_another_run_in_the_directory_is_refused_with_every_difference(split, tmp_path, monkeypatch):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    with pytest.raises(RunError, match=r"config.lr was 0.003, is now 0.1; recipe.options.depth was 8, is now 11"):
        fit(replace(RECIPE, options={"depth": 11, "width": 8}), *split, replace(CONFIG, lr=0.1), tmp_path)
    with pytest.raises(RunError, match=r"data.train was"):
        fit(RECIPE, split[0][1:], split[1], CONFIG, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(identity, "NUMERICS", identity.NUMERICS + 1)
        with pytest.raises(RunError, match=r"a run of another version of colorlib, .*: give another run directory, or delete"):
            fit(RECIPE, *split, CONFIG, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before



def test_a_run_of_the_code_before_is_refused_with_one_sentence(split, tmp_path):
    """Its config.json held digests of source files."""
    config = {"recipe": RECIPE.as_dict(), "config": CONFIG.identity(), "data": {}, "code": {"models": "0123abcd"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match="holds a run of another version of colorlib") as refused:
        fit(RECIPE, *split, CONFIG, tmp_path)
    assert str(refused.value).count(". ") == 0


def test_a_new_network_objective_or_data_source_changes_no_run(split, monkeypatch):
    before = default_run_dir(RECIPE, identity.identity(RECIPE, *split, CONFIG), 2)
    monkeypatch.setattr(recipe, "MODELS", {**recipe.MODELS, "new": None})
    monkeypatch.setattr(recipe, "OBJECTIVES", {**recipe.OBJECTIVES, "new": None})
    monkeypatch.setattr(catalog, "DATASETS", {**catalog.DATASETS, "new": None})
    assert default_run_dir(RECIPE, identity.identity(RECIPE, *split, CONFIG), 2) == before


def test_with_its_config_deleted_a_run_goes_on_under_new_settings(split, tmp_path):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)
    (tmp_path / "config.json").unlink()
    assert len(fit(RECIPE, *split, replace(CONFIG, lr=0.001), tmp_path).epochs) == 2
    (tmp_path / "config.json").unlink()
    with pytest.raises(RunError, match="of another network or optimizer"):
        fit(replace(RECIPE, options={"depth": 11, "width": 8}), *split, CONFIG, tmp_path)



@pytest.mark.parametrize(("batch_size", "num_epochs", "steps_left"), [(16, 2, 16), (64, 6, 8)])
def test_with_its_config_deleted_and_another_batch_size_every_image_is_seen_once_an_epoch(
        batch_size, num_epochs, steps_left, split, tmp_path):
    """Two epochs of 8 steps are done. With 16 steps an epoch they are one, with 4 they are four."""
    fit(RECIPE, *split, CONFIG, tmp_path)
    (tmp_path / "config.json").unlink()
    steps = []
    train = as_kind(Counted, split[0])
    object.__setattr__(train, "steps_taken", steps)
    run = fit(RECIPE, train, split[1], replace(CONFIG, batch_size=batch_size, num_epochs=num_epochs), tmp_path)
    assert len(steps) == steps_left
    assert run.finished


class Counted(Images):
    """Images that count the batches."""

    def batches(self, *arguments):
        for batch in super().batches(*arguments):
            self.steps_taken.append(len(batch))
            yield batch


def test_with_its_config_deleted_the_new_settings_count(split, tmp_path, capsys):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1, precision="bfloat16"), tmp_path)
    (tmp_path / "config.json").unlink()
    capsys.readouterr()
    fit(RECIPE, *split, replace(CONFIG, precision="float32", weight_decay=0.5, optimizer="adam"), tmp_path)
    assert "; float32, " in capsys.readouterr().out
    assert load_state(tmp_path / "last.ckpt")["optimizer"]["param_groups"][0]["weight_decay"] == 0.5
    (tmp_path / "config.json").unlink()
    with pytest.raises(RunError, match="of another network or optimizer"):
        fit(RECIPE, *split, replace(CONFIG, num_epochs=3, optimizer="sgd"), tmp_path)



def test_a_run_that_sees_with_another_network_is_another_run(split, tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    network = torchvision.models.alexnet().features
    weights = {f"features.{name}": value for name, value in network.state_dict().items()}
    seen = []
    for factor in (1, 2):
        weights["features.0.bias"] *= factor
        safetensors.torch.save_file(weights, tmp_path / "alexnet_features_lpips.safetensors")
        recipe = Recipe("study", "perceptual", 16, settings={"features": "alexnet"})
        seen.append(identity.identity(recipe, *split, CONFIG))
    assert [name for name in seen[0] if seen[0][name] != seen[1][name]] == ["frozen networks"]
    assert "frozen networks" not in identity.identity(RECIPE, *split, CONFIG)



@ON_A_CPU
def test_other_sums_of_threads_are_noticed(split, tmp_path, capsys, monkeypatch):
    """Two threads compute a half of each batch each. With four, two would share the sums of a half."""
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1, threads=1), tmp_path)
    monkeypatch.setattr(processor, "available_cores", lambda: 4)
    fit(RECIPE, *split, replace(CONFIG, num_epochs=2, threads=2), tmp_path)
    assert "notice" not in capsys.readouterr().out
    fit(RECIPE, *split, replace(CONFIG, num_epochs=3, threads=4), tmp_path)
    assert "notice: threads per part was 1, is now 2: from here on, the last bits" in capsys.readouterr().out

