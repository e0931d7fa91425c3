"""Color an animation, picture by picture: a GIF or PNG becomes an animated PNG, a WebP stays one."""

import io
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec

from PIL import Image, ImageSequence

from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.films.painting import Painter
from colorlib.colorize.formats import METADATA, SAVE_OPTIONS
from colorlib.colorize.inputs import MAX_BYTES
from colorlib.data.decode import upright_srgb
from colorlib.data.metadata import Metadata
from colorlib.system.errors import PictureError

ANIMATED = ("png", "webp")               # formats of results that can be animations
DURATION = 100                           # milliseconds that a picture is shown, if the file does not say
NO_FLOW = "colors may flicker; to keep them steady: pip install opencv-python-headless"


def is_animation(data: bytes) -> bool:
    """Whether a file is an animation, not several photos in one file."""
    with suppress(Exception), Image.open(io.BytesIO(data)) as image:                # a damaged file may need a repair
        return image.format in ("GIF", "PNG", "WEBP") and getattr(image, "is_animated", False)
    return False


def color_animation(data: bytes, name: str, colorizer: Colorizer, vividness: float | None, saturation: float, file_format: str,
                    metadata: Metadata) -> tuple[bytes, str]:
    """Color all pictures of an animation: their durations and the number of repetitions stay.

    Args:
        data: the bytes of the file.
        name: of the file, for error messages.
        file_format: one of ``ANIMATED``.

    Returns:
        The colored file, and a remark, or "".

    Raises:
        PictureError: if a picture is damaged, if the pictures take too much memory, or cannot be written.
    """
    with Image.open(io.BytesIO(data)) as image:
        if 4 * image.width * image.height * image.n_frames > MAX_BYTES:
            raise PictureError(name, "too large", f"{image.n_frames} pictures of {image.width} x {image.height} pixels: save it as a film, such as MP4")
        loop = image.info.get("loop", 1)                          # 0: for ever
        painter = Painter(colorizer, vividness, saturation, is_steady=find_spec("cv2") is not None)
        durations, (first, *others) = zip(*((duration, painter(picture)) for duration, picture in _frames(image, name)), strict=True)
    file = io.BytesIO()
    try:
        first.save(file, file_format, save_all=True, append_images=others, duration=list(durations), loop=loop, **SAVE_OPTIONS[file_format],
                   **METADATA[file_format](metadata))
    except Exception as error:                                    # the encoders raise many kinds
        raise PictureError(name, "not written", f"it cannot be written as {file_format} ({error})") from error
    return file.getvalue(), "" if painter.steady else NO_FLOW


def _frames(image: Image.Image, name: str) -> Iterator[tuple[int, Image.Image]]:
    """Duration and picture of each frame, upright and in sRGB."""
    try:
        for frame in ImageSequence.Iterator(image):
            frame.load()                                          # before that, a WebP does not know the duration
            yield frame.info.get("duration", DURATION), upright_srgb(frame.copy(), keep_alpha=True)[0]
    except Exception as error:                                    # a damaged file makes Pillow raise nearly anything
        raise PictureError(name, "damaged", f"one of its pictures is damaged ({error})") from error
