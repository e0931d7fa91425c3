"""Results of 16 bits a channel as the bytes of a file, by imagecodecs and tifffile: Pillow writes 8."""

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.ExifTags import Base as Tag

from colorlib.colorize.formats import METADATA, encode
from colorlib.data.metadata import Metadata
from colorlib.system.errors import PictureError

DEEP_FORMATS = ("png", "tiff")
SIGNATURE, HEADER = 8, 33                # bytes of a PNG before its first chunk, and with that
PIXELS_AND_ENDS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
TEXT, BYTES, UNDEFINED = 2, 1, 7                                         # types of tags in TIFF 6.0
TYPES = {Tag.XMLPacket: BYTES, Tag.IPTCNAA: UNDEFINED}                  # all others are text


def encode_deep(pixels: np.ndarray, photo: Image.Image, file_format: str, name: str, metadata: Metadata) -> bytes:
    """Pixels, (H, W, 3) uint16, as the bytes of a PNG or TIFF.

    Args:
        photo: its transparency, if it has any, is that of the result.
        name: of the file, for error messages.
        metadata: as much of it as the format holds is written.

    Raises:
        PictureError: if the file cannot be written.
    """
    if photo.mode == "RGBA":
        alpha = np.asarray(photo.getchannel("A")).astype(np.uint16) * 257
        pixels = np.concatenate([pixels, alpha[..., None]], 2)
    try:
        return {"png": _png, "tiff": _tiff}[file_format](pixels, name, metadata)
    except Exception as error:                            # the encoders raise many kinds
        raise PictureError(name, "not written", f"it cannot be written as {file_format} ({error})") from error


def _png(pixels: np.ndarray, name: str, metadata: Metadata) -> bytes:
    """The pixels by imagecodecs, which writes no metadata; those of a small picture that Pillow writes stand before them."""
    import imagecodecs

    plain = imagecodecs.png_encode(np.ascontiguousarray(pixels))
    small = encode(Image.new("RGB", (1, 1)), "png", name, metadata)
    said = b"".join(chunk for kind, chunk in _chunks(small) if kind not in PIXELS_AND_ENDS)
    return plain[:HEADER] + said + plain[HEADER:]


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and bytes of each chunk: its length, its kind, the content and a checksum."""
    start = SIGNATURE
    while start < len(png):
        end = start + 12 + struct.unpack_from(">I", png, start)[0]
        yield png[start + 4:start + 8], png[start:end]
        start = end


def _tiff(pixels: np.ndarray, name: str, metadata: Metadata) -> bytes:
    import tifffile

    options = METADATA["tiff"](metadata)
    tags = [(tag, TYPES.get(tag, TEXT), *_counted(value), True) for tag, value in options["tiffinfo"].items()]
    resolution = {"resolution": options["dpi"], "resolutionunit": "inch"} if "dpi" in options else {}
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric="rgb", compression="zlib", predictor=True, metadata=None, software=False,
                     extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None, extratags=tags, **resolution)
    return file.getvalue()


def _counted(value: str | bytes) -> tuple[int, str | bytes]:
    """Number of elements of a tag, which tifffile counts itself for text, and its value."""
    return (0, value) if isinstance(value, str) else (len(value), value)
