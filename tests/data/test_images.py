"""A data set in memory: its batches, and what is held out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from colorlib.data import load
from colorlib.data.images import Images


def test_the_digest_depends_on_every_pixel_and_label(samples):
    few = samples[:10]
    changed = few.rgb.copy()
    changed[9, 2, 15, 15] ^= 1
    others = [type(few)(few.name, changed, few.labels, few.group_ids, few.classes, few.source),
              type(few)(few.name, few.rgb, few.labels + 1, few.group_ids, few.classes, few.source), samples[1:11]]
    assert len({few.digest, *(other.digest for other in others)}) == 4


def test_an_epoch_is_a_function_of_seed_and_number_alone(samples):
    def epoch(seed, number, start=0):
        return list(samples.batches(64, seed, number, start))

    first = epoch(0, 0)
    assert all(torch.equal(a, b) for a, b in zip(first, epoch(0, 0), strict=True))
    assert not torch.equal(first[0], epoch(0, 1)[0])
    assert not torch.equal(first[0], epoch(1, 0)[0])
    assert all(torch.equal(a, b) for a, b in zip(first[2:], epoch(0, 0, start=2), strict=True))


def test_an_epoch_holds_images_once_each_half_of_them_mirrored(samples):
    known = {image.tobytes(): (i, False) for i, image in enumerate(samples.rgb)}
    known |= {image[..., ::-1].tobytes(): (i, True) for i, image in enumerate(samples.rgb)}
    seen = [known[image.numpy().tobytes()] for batch in samples.batches(64, seed=3) for image in batch]
    numbers, mirrored = zip(*seen, strict=True)
    assert len(set(numbers)) == len(seen) == 64 * (len(samples) // 64)
    # A fair coin thrown n times: four standard deviations around the half.
    assert abs(sum(mirrored) / len(seen) - 0.5) < 4 * 0.5 / len(seen) ** 0.5


def test_order_and_augmentation_draw_from_independent_streams(samples, monkeypatch):
    """To NumPy [seed, epoch] and [seed, epoch, 0] are one seed: the first step was mirrored by the order's numbers."""
    streams, default_rng = [], np.random.default_rng

    def recorded(seed):
        streams.append(tuple(np.random.SeedSequence(seed).generate_state(4)))
        return default_rng(seed)

    monkeypatch.setattr(np.random, "default_rng", recorded)
    for seed in range(3):
        for epoch in range(3):
            next(samples.batches(100, seed, epoch))
    assert len(streams) == 9 * (1 + samples.steps(100))
    assert len(set(streams)) == len(streams)


def test_flips_differ_from_step_to_step(samples):
    one = samples[:1]
    same = type(one)(one.name, np.repeat(one.rgb, 128, 0), one.labels, one.group_ids, one.classes, one.source)
    first, second = ([torch.equal(rgb, batch[0]) for rgb in batch] for batch in same.batches(64))
    assert first != second


def test_the_rows_of_several_processes_make_up_the_batch(samples):
    whole = list(samples.batches(64, seed=1, epoch=2, start=3))
    shares = [samples.batches(64, 1, 2, 3, share) for share in (slice(0, 21), slice(21, 64))]
    for batch, first, second in zip(whole, *shares, strict=True):
        assert torch.equal(torch.cat([first, second]), batch)


def test_random_crops_differ_between_images_and_epochs(samples):
    """An image whose pixels tell their place: red is the column, green the row."""
    column, row = np.meshgrid(np.arange(16), np.arange(16))
    one = np.stack([column, row, 0 * row]).astype(np.uint8)
    same = replace(samples[:300], rgb=np.tile(one, (300, 1, 1, 1)))
    first, second = (list(same.batches(100, 0, epoch, size=12)) for epoch in (0, 1))
    corners = []
    for rgb in torch.cat(first):
        assert rgb.shape == (3, 12, 12)
        straight = rgb if rgb[0, 0, 0] < rgb[0, 0, 1] else rgb.flip(-1)
        left, top = straight[:2, 0, 0].tolist()
        assert torch.equal(straight, torch.from_numpy(one[:, top:top + 12, left:left + 12]))
        corners.append((left, top))
    assert set(corners) == {(left, top) for left in range(5) for top in range(5)}, "every place there is"
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("size", [None, 10])
def test_batches_made_from_a_tensor_are_the_same(samples, size):
    """As on a GPU, where the pixels are."""
    pixels = torch.from_numpy(np.array(samples.rgb))
    arguments = {"batch_size": 64, "seed": 1, "epoch": 2, "rows": slice(5, 50), "size": size}
    for from_tensor, from_array in zip(samples.batches(**arguments, pixels=pixels), samples.batches(**arguments),
                                       strict=True):
        assert torch.equal(from_tensor, from_array)


def test_in_order_yields_everything_unchanged(samples):
    assert np.array_equal(torch.cat(list(samples.in_order(100))).numpy(), samples.rgb)


def test_a_batch_larger_than_the_data_set_is_the_data_set(samples):
    (batch,) = samples[:5].batches(64)
    assert len(batch) == 5


def test_the_first_samples_are_of_different_photos():
    assert len(set(load("samples", "train", 16).labels[:10])) == 10


def test_held_out_photos_are_not_trained_on(samples):
    sizes = np.cumsum(np.unique(samples.labels, return_counts=True)[1])          # of one photo, of two, ...
    for num_images in (1, 60, 200, 400):
        train, valid = samples.hold_out(num_images)
        assert set(train.labels).isdisjoint(valid.labels)
        assert len(train) + len(valid) == len(samples)
        assert len(valid) == min(sizes[:-1], key=lambda size: abs(size - num_images))


@pytest.mark.parametrize("num_images", [0, -1, 10**6])
def test_holding_out_nothing_or_everything_is_refused(samples, num_images):
    with pytest.raises(ValueError, match=f"cannot hold {num_images} images"):
        samples.hold_out(num_images)


def test_crops_that_are_apart_are_held_out_together(samples):
    mixed = samples[np.random.default_rng(0).permutation(len(samples))]
    train, valid = mixed.hold_out(60)
    assert set(train.group_ids).isdisjoint(valid.group_ids)
    assert len(train) + len(valid) == len(samples)
    assert np.array_equal(valid.rgb[0], mixed.rgb[0]), "the first photos are held out, in their order"


def test_held_out_photos_that_stand_together_share_the_memory():
    images = Images("it", np.zeros((10, 3, 8, 8), np.uint8), np.zeros(10, np.int64), np.repeat(np.arange(5), 2), ("thing",), "made up")
    assert all(np.shares_memory(part.rgb, images.rgb) for part in images.hold_out(4))


def test_a_single_index_is_a_type_error(samples):
    with pytest.raises(TypeError, match=r"take images\[5:6\] or images.rgb\[5\]"):
        samples[5]
