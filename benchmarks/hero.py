"""Make the picture at the top of the README: rows of gray, careful, bold and actual."""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from colorlib.colorize.colorizer import Colorizer, gray_copy
from colorlib.system import paths

# A person, an animal, a building, a landscape, a flower, things: of each kind the first by name without a ShareAlike license.
SAMPLES = ("astronaut", "cat", "pagoda", "autumn_forest", "dahlia", "coffee")
WIDTH, HEIGHT = 300, 200
GAP = 6


def crop_center(photo: Image.Image) -> Image.Image:
    """Center of a photo, at an aspect of 3:2."""
    height = min(photo.height, photo.width * HEIGHT // WIDTH)
    width = height * WIDTH // HEIGHT
    left, top = (photo.width - width) // 2, (photo.height - height) // 2
    return photo.crop((left, top, left + width, top + height)).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def main() -> None:
    """Color the samples and write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=Path(__file__).with_name("hero.jpg"))
    options = parser.parse_args()
    photos = [Image.open(paths.samples_dir() / f"{name}.jpg").convert("RGB") for name in SAMPLES]
    colorizer = Colorizer("photos")
    rows = [[crop_center(image) for image in images] for images in
            (map(gray_copy, photos), colorizer.batch(photos, 0), colorizer.batch(photos, 1), photos)]
    sheet = np.full((len(rows) * (HEIGHT + GAP) - GAP, len(photos) * (WIDTH + GAP) - GAP, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, image in enumerate(row):
            top, left = y * (HEIGHT + GAP), x * (WIDTH + GAP)
            sheet[top:top + HEIGHT, left:left + WIDTH] = np.asarray(image)
    Image.fromarray(sheet).save(options.out, quality=85)


if __name__ == "__main__":
    main()
