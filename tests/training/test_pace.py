"""A training that may take some minutes: how many images that is, and that it stays so."""

from dataclasses import replace
from itertools import repeat

import pytest
import torch
from tiny import CONFIG, RECIPE, contents

from colorlib.system.errors import RunError
from colorlib.training import pace
from colorlib.training.config import TrainConfig
from colorlib.training.loop import fit
from colorlib.training.pace import rounded_down, shortened


@pytest.mark.parametrize(("number", "expected"), [
    (0.3, 1), (1, 1), (1.99, 1), (2, 2), (4.9, 2), (5, 5), (9.9, 5), (10, 10), (19, 10), (999, 500), (1000, 1000),
    (123_456, 100_000), (1e15 - 0.5, 500_000_000_000_000)])
def test_numbers_are_rounded_down_to_1_2_5(number, expected):
    assert rounded_down(number) == expected


class Clock:
    """A trainer of batches of 10, each of whose steps takes as long as told, and the clock that shows it."""

    batch_size = 10

    def __init__(self, *seconds):
        self.seconds, self.now, self.unfetched_losses = iter(seconds), 0.0, [torch.tensor(0.0)]

    def train_step(self, batch):
        self.now += next(self.seconds)

    def perf_counter(self):
        return self.now


@pytest.mark.parametrize(("seconds", "expected"), [
    ([60.0, *16 * [0.1]], 5000),              # a first step that chooses kernels: a minute has 600 of the later ones
    ([1.0, 0.5, 0.1, 0.2, 0.6], 2000),        # the mean of as many as fit into 1.5 s: 0.3 s, so 2,000 images
    ([1.0, 9.0, 6.0], 100),                   # one at least
])
def test_the_first_step_does_not_count(seconds, expected, monkeypatch):
    clock = Clock(*seconds)
    monkeypatch.setattr(pace, "time", clock)
    assert pace.images_in(1, clock, repeat(None)) == expected


@pytest.mark.parametrize(("seen", "images", "epochs", "expected"), [
    (100_000, 6000, 2, (6000, 2)),       # time for all
    (12_000, 6000, 2, (6000, 2)),        # just
    (5000, 6000, 2, (2500, 2)),          # fewer images
    (2000, 400, 25, (400, 5)),           # fewer epochs
    (900, 400, 25, (400, 2)),            # not half an epoch
    (500, 400, 25, (250, 2)),            # both
    (50, 400, 25, (64, 2)),              # at least a batch
    (500, 400, 1, (400, 1)),             # never more
    (10, 20, 3, (20, 2)),                # never more than there are
])
def test_epochs_are_left_out_before_images(seen, images, epochs, expected):
    assert shortened(seen, images, epochs, 64) == expected


def test_with_time_enough_nothing_is_left_out(split, tmp_path, capsys):
    config = replace(CONFIG, log_every=1)
    whole = fit(RECIPE, *split, config, tmp_path / "whole")
    limited = fit(RECIPE, *split, replace(config, minutes=60), tmp_path / "limited")
    assert "in 60 minutes there is time for" in capsys.readouterr().out
    assert {name: column.tolist() for name, column in limited.history.items() if name == "loss"} == {
        "loss": whole.history["loss"].tolist()}, "timing the first steps trains nothing"
    assert limited.finished


def test_it_goes_on_with_the_number_that_it_began_with(split, tmp_path, capsys, monkeypatch):
    hasty = replace(CONFIG, num_epochs=100, minutes=1 / 600)
    first = fit(RECIPE, *split, hasty, tmp_path)
    told = capsys.readouterr().out
    assert "in 0.00166667 minutes there is time for" in told
    assert first.finished
    assert first.num_epochs < 100
    assert 32 <= first.num_images <= len(split[0])
    before = contents(first)
    monkeypatch.setattr("colorlib.training.loop.images_in", lambda *arguments: pytest.fail("timed again"))
    again = fit(RECIPE, *split, hasty, tmp_path)
    assert "there is time for" not in capsys.readouterr().out
    assert again.num_epochs == first.num_epochs
    assert contents(again) == before


def test_other_minutes_or_epochs_are_another_run(split, tmp_path):
    config = replace(CONFIG, minutes=60)
    run = fit(RECIPE, *split, config)
    assert fit(RECIPE, *split, config).path == run.path
    assert fit(RECIPE, *split, replace(config, minutes=50)).path != run.path
    with pytest.raises(RunError, match="config.num_epochs was 2, is now 3"):
        fit(RECIPE, *split, replace(config, num_epochs=3), run.path)


@pytest.mark.parametrize(("minutes", "message"), [
    (0, "minutes must be above 0, got 0"), ("1", "minutes must be a number, got '1'"),
    (float("nan"), "minutes must be above 0, got nan"), (float("inf"), "minutes must be above 0, got inf")])
def test_minutes_that_are_none_are_refused(minutes, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(minutes=minutes)
