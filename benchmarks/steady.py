"""How much the colors of a film flicker, with and without averaging along the motion: ``python benchmarks/steady.py``.

A pan over a photo moves everything by the same pixels, so each point is known in every frame; and any film with --film, whose motion is
that of optical flow. Flicker is the mean change of a point's color from frame to frame, in Lab units. The error is that of a and b, in the pan.
"""

import argparse
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from old_photos import noisy
from PIL import Image

import colorlib as cl
from colorlib import color
from colorlib.colorize.films.reading import open_film
from colorlib.colorize.films.steady import Steady
from colorlib.system import paths

SIZE = (480, 270)        # pixels of a frame of the pan


def pan(photo: Image.Image, step: int, number: int) -> Iterator[Image.Image]:
    """Parts of a photo, each ``step`` pixels farther to the right."""
    for frame in range(number):
        left = frame * step
        yield photo.crop((left, 0, left + SIZE[0], SIZE[1]))


def colors_of(colorizer: cl.Colorizer, frames: list[Image.Image], steady: Steady | None) -> list[torch.Tensor]:
    """The ab map of each frame: (1, 2, h, w)."""
    found = []
    for frame in frames:
        with torch.inference_mode():
            L, output = colorizer.lightness_and_output(frame)
            _, ab = color.split_lab(colorizer.objective.decode(output, L))
        found.append(ab if steady is None else steady(L, lambda ab=ab: ab))
    return found


def flicker(maps: list[torch.Tensor], motions: list[np.ndarray]) -> float:
    """Mean change of color from frame to frame of each point; motions (h, w, 2) are pixels, to the frame before."""
    changes = []
    for (before, after), motion in zip(pairwise(maps), motions, strict=True):
        h, w = motion.shape[:2]
        places = motion + np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1)
        inside = ((places >= 0) & (places <= [w - 1, h - 1])).all(2)
        moved = cv2.remap(before[0].permute(1, 2, 0).numpy().copy(), places.astype(np.float32), None, cv2.INTER_LINEAR)
        changes.append(np.linalg.norm(after[0].permute(1, 2, 0).numpy() - moved, axis=2)[inside].mean())
    return float(np.mean(changes))


def main() -> None:
    """Print flicker, and error in the pans, for each vividness."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", default="photos")
    parser.add_argument("--vividness", type=float, nargs="+", default=[0, 0.5, 1])
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--step", type=int, default=2)
    parser.add_argument("--film", type=Path)
    parser.add_argument("--grain", type=float, default=0, help="standard deviation of noise that the network sees, as a share of the range")
    options = parser.parse_args()
    films = {}
    for name in ("mountains", "coffee", "forest_stream"):
        with Image.open(paths.samples_dir() / f"{name}.jpg") as photo:
            width = SIZE[0] + options.step * options.frames
            films[name] = list(pan(photo.convert("RGB").resize((width, round(photo.height * width / photo.width))), options.step, options.frames))
    if options.film:
        films[options.film.name] = [frame.image for frame in islice(open_film(options.film).frames(), options.frames)]
    colorizer = cl.Colorizer(options.weights)
    base = colorizer.objective
    for vividness in options.vividness:
        colorizer.objective = base.with_vividness(vividness)
        for name, frames in films.items():
            seen = [noisy(frame, options.grain, number) for number, frame in enumerate(frames)] if options.grain else frames
            is_pan = options.film is None or name != options.film.name
            for title, steady in (("each frame alone", None), ("steady", Steady())):
                maps = colors_of(colorizer, seen, steady)
                h, w = maps[0].shape[2:]
                motions = [known_motion(h, w, options.step)] * (len(maps) - 1) if is_pan else optical_flow(colorizer, frames)
                error = f", ab MAE {ab_error(maps, frames):.2f}" if is_pan else ""
                print(f"vividness {vividness:g}, {name}, {title}: flicker {flicker(maps, motions):.3f}{error}", flush=True)


def known_motion(h: int, w: int, step: int) -> np.ndarray:
    """The motion of a pan, (h, w, 2): to the right, where each point was in the frame before."""
    return np.broadcast_to(np.array([step * w / SIZE[0], 0]), (h, w, 2))


def ab_error(maps: list[torch.Tensor], frames: list[Image.Image]) -> float:
    """Mean absolute error of a and b, in Lab units."""
    h, w = maps[0].shape[2:]
    truth = [color.split_lab(torch.from_numpy(np.array(frame.resize((w, h)))).permute(2, 0, 1)[None])[1] for frame in frames]
    return float(np.mean([(ab - true).abs().mean().item() for ab, true in zip(maps, truth, strict=True)]))


def optical_flow(colorizer: cl.Colorizer, frames: list[Image.Image]) -> list[np.ndarray]:
    """From each frame to the one before, at the size that the network sees."""
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    levels = [(2.55 * colorizer.lightness_and_output(frame)[0][0, 0]).round().byte().numpy() for frame in frames]
    return [flow.calc(after, before, None) for before, after in pairwise(levels)]


if __name__ == "__main__":
    main()
