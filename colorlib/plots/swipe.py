"""Photos in several versions, one over the other, with a divider to drag; with a kernel and without."""

import base64
import html
import io
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import anywidget
import traitlets
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from colorlib import color
from colorlib.plots.pictures import Pixels, on_cpu

LABEL = 22           # pixels above a picture of the still, for its name
STILL = 240          # pixels: most of a picture's width in the still
EXACT = 64           # pixels: larger pictures are compressed with losses that are hardly seen
SHARP = 2            # pixels of a picture for each on the screen, at most: as many as the finest screens show
SCRIPT, STYLE = (Path(__file__).with_name(f"swipe.{kind}") for kind in ("js", "css"))
RENDER = "export default { render };"         # last line of the script, which widgets need and pages do not


class Swipe(anywidget.AnyWidget):
    """A divider between versions of a photo. The stored output holds the photos as well, so it moves on a page without a kernel.

    Args:
        versions: pictures (N, 3, H, W), uint8 or float in [0, 1], by name: the first on the right of the divider, the next on its left.
        width: of a photo on the screen, in pixels.

    Attributes:
        image: which photo is shown, from 0.
        position: from 0, all of the first version, to 1, all of the second, and so on; in between there is a divider.
    """

    _esm, _css = SCRIPT, STYLE
    pictures = traitlets.List().tag(sync=True)
    names = traitlets.List().tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    image = traitlets.Int(0).tag(sync=True)
    position = traitlets.Float(0.5).tag(sync=True)

    def __init__(self, versions: dict[str, Tensor], width: int):
        photos = [[_shrunk(rgb, SHARP * width) for rgb in pictures] for pictures in versions.values()]
        super().__init__(pictures=[list(map(data_uri, photo)) for photo in zip(*photos, strict=True)], names=list(versions), width=width)
        still = _still([version[0] for version in photos], list(versions), min(width, STILL))
        self._still = data_uri(still, "PNG" if max(photos[0][0].size) <= EXACT else "JPEG")    # GitHub shows no WebP

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, object]:
        view, _ = super()._repr_mimebundle_(**kwargs)
        kind, _, still = self._still.removeprefix("data:").partition(";base64,")
        return {**view, "text/html": self.as_html(), kind: still}

    def as_html(self) -> str:
        """The same for a page without a kernel; where scripts do not run, a still picture with labels."""
        identity = f"swipe-{uuid.uuid4().hex}"
        state = {"pictures": self.pictures, "names": self.names, "width": self.width, "image": self.image, "position": self.position}
        start = (f"const state = {json.dumps(state)}, el = document.getElementById('{identity}');\n"
                 "let changed;\n"
                 "const model = { get: (name) => state[name], set: (name, value) => { state[name] = value; changed(); }, save_changes() {},\n"
                 "                on: (_, action) => { changed = action; } };\n"
                 "el.replaceChildren();\n"
                 "render({ model, el });")
        still = f'<img src="{self._still}" alt="{html.escape(", ".join(self.names))}">'
        return (f'<div id="{identity}">{still}</div>\n<style>{STYLE.read_text()}</style>\n'
                f'<script type="module">\n{SCRIPT.read_text().replace(RENDER, start)}</script>')


def compare_slider(gray: Pixels, predicted: Pixels, actual: Pixels, height: int = 320) -> Swipe:
    """Drag a divider from gray to predicted to actual; choose the photo by its thumbnail. Arrow keys move it as well.

    Args:
        gray: (N, 1, H, W) in [0, 1].
        predicted, actual: (N, 3, H, W), uint8 or float in [0, 1].
        height: of the picture on the screen, in pixels.

    Raises:
        ValueError: if the three do not hold equally many pictures of one size.
    """
    gray = on_cpu(gray)
    if gray.ndim != 4 or gray.shape[1] != 1:
        raise ValueError(f"gray must be (N,1,H,W), got {tuple(gray.shape)}: pass rgb through color.to_gray first")
    return compare_versions({"gray": color.gray_to_rgb(gray), "predicted": predicted, "actual": actual}, height)


def compare_versions(versions: Mapping[str, Pixels], height: int = 320) -> Swipe:
    """Drag a divider through any versions of the same photos, such as several temperatures, as with ``compare_slider``.

    Args:
        versions: a name -> pictures (N, 3, H, W), uint8 or float in [0, 1]; at least two.
        height: of the picture on the screen, in pixels.

    Raises:
        ValueError: if the versions do not hold equally many pictures of one size, or if there are fewer than two.
    """
    pictures = {name: on_cpu(rgb) for name, rgb in versions.items()}
    shapes = {name: tuple(rgb.shape) for name, rgb in pictures.items()}
    if len(shapes) < 2 or len(set(shapes.values())) > 1:
        raise ValueError(f"two or more versions must show the same images at one size, got {shapes}")
    (N, channels, H, W), *_ = shapes.values()
    if N == 0 or channels != 3:
        raise ValueError(f"pictures must be (N,3,H,W), got {(N, channels, H, W)}")
    return Swipe(pictures, round(height * W / H))


def _shrunk(rgb: Tensor, width: int) -> Image.Image:
    """Picture of rgb (3, H, W), at most so many pixels wide."""
    picture = Image.fromarray(color.to_uint8(rgb).permute(1, 2, 0).numpy())
    size = (width, max(1, round(width * picture.height / picture.width)))
    return picture if picture.width <= width else picture.resize(size, Image.Resampling.LANCZOS)


def data_uri(picture: Image.Image, file_format: str = "WEBP") -> str:
    """The picture as the address of an image on a page."""
    file = io.BytesIO()
    picture.save(file, file_format, lossless=max(picture.size) <= EXACT, quality=90)
    return f"data:image/{file_format.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def _still(pictures: Sequence[Image.Image], names: Sequence[str], width: int) -> Image.Image:
    """The pictures beside one another, with their names."""
    size = (width, round(width * pictures[0].height / pictures[0].width))
    sheet = Image.new("RGB", (len(pictures) * width, size[1] + LABEL), "white")
    draw = ImageDraw.Draw(sheet)
    method = Image.Resampling.NEAREST if width > pictures[0].width else Image.Resampling.LANCZOS
    for number, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        draw.text((number * width + 4, 3), name, "black", ImageFont.load_default(14))
        sheet.paste(picture.resize(size, method), (number * width, LABEL))
    return sheet
