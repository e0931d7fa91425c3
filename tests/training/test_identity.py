"""A run knows itself again: by its settings, its data and its code, and says what differs."""

from dataclasses import replace

import pytest
import safetensors.torch
import torchvision
from tiny import CONFIG, FILES, RECIPE

from colorlib.models.recipe import Recipe
from colorlib.system.errors import RunError
from colorlib.training import identity
from colorlib.training.checkpoints import load_state
from colorlib.training.loop import fit


def test_another_run_in_the_directory_is_refused_with_every_difference(split, tmp_path, monkeypatch):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in FILES}
    with pytest.raises(RunError, match=r"config.lr was 0.003, is now 0.1; recipe.options.depth was 8, is now 11"):
        fit(replace(RECIPE, options={"depth": 11, "width": 8}), *split, replace(CONFIG, lr=0.1), tmp_path)
    with pytest.raises(RunError, match=r"data.train was"):
        fit(RECIPE, split[0][1:], split[1], CONFIG, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(identity, "code_digest", lambda source: "0123" if "class CourseNet" in source else "")
        with pytest.raises(RunError, match=r"code.models was \w+, is now 0123.*delete config.json"):
            fit(RECIPE, *split, CONFIG, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == before



def test_with_its_config_deleted_a_run_goes_on_under_new_settings(split, tmp_path):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1), tmp_path)
    (tmp_path / "config.json").unlink()
    assert len(fit(RECIPE, *split, replace(CONFIG, lr=0.001), tmp_path).epochs) == 2
    (tmp_path / "config.json").unlink()
    with pytest.raises(RunError, match="of another network or optimizer"):
        fit(replace(RECIPE, options={"depth": 11, "width": 8}), *split, CONFIG, tmp_path)



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



def test_code_is_told_by_what_it_does():
    code = '"""A file."""\ndef f(x):\n    """Adds."""\n    return x + 1\n'
    same = "# a comment\ndef f(x):\n\n    return (x + 1)   # more\n"
    assert identity.code_digest(code) == identity.code_digest(same)
    assert identity.code_digest(code) != identity.code_digest(code.replace("1", "2"))



def test_code_is_the_same_in_every_python():
    """The digest that 3.10, 3.11, 3.12 and 3.13 had for this, each on its own."""
    assert identity.code_digest('''"""A docstring."""
from typing import NamedTuple


class Point(NamedTuple):
    x: float = 0.5


def shout(name: str, *parts, loud=True, **more) -> str:
    """Another."""
    with open(name) as file, open(name, "wb"):
        text = f"{name!r:>10} and 'quoted' {more['a']}"
    return text if loud else (lambda x: x[1:, ::2])(parts)
''') == "487901cb"



def test_a_run_that_sees_with_another_network_is_another_run(split, tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    network = torchvision.models.alexnet().features
    weights = {f"features.{name}": value for name, value in network.state_dict().items()}
    seen = []
    for factor in (1, 2):
        weights["features.0.bias"] *= factor
        safetensors.torch.save_file(weights, tmp_path / "alexnet_features_lpips.safetensors")
        recipe = Recipe("course", "perceptual", 16, settings={"features": "alexnet"})
        seen.append(identity.identity(recipe, *split, CONFIG))
    assert [name for name in seen[0] if seen[0][name] != seen[1][name]] == ["features"]
    assert "features" not in identity.identity(RECIPE, *split, CONFIG)



def test_another_number_of_threads_is_noticed(split, tmp_path, capsys):
    fit(RECIPE, *split, replace(CONFIG, num_epochs=1, threads=1), tmp_path)
    assert "notice" not in capsys.readouterr().out
    fit(RECIPE, *split, replace(CONFIG, threads=2), tmp_path)
    assert "notice: threads was 1, is now 2: the last bits" in capsys.readouterr().out

