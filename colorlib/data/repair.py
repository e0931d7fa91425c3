"""Files whose picture is whole, although Pillow refuses them: odd chunks of a PNG, a JPEG without its end marker."""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image, ImageChops

PNG, JPEG, END_OF_JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"\xff\xd9"
# Chunks that decide what the picture looks like; the others hold texts, times and sizes.
PICTURE_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"eXIf", b"IDAT", b"IEND"}
MORE_DATA = b"\x55" * 256          # Huffman codes that would draw something, if the picture went on


def repair(data: bytes) -> bytes | None:
    """The file without what Pillow stumbles over; None if there is nothing to repair, or a part of the picture is missing."""
    if data.startswith(PNG):
        bare = PNG + b"".join(chunk for kind, chunk in _chunks(data) if kind in PICTURE_CHUNKS)
        return bare if bare != data else None
    if data.startswith(JPEG) and _is_complete(data):
        return data + END_OF_JPEG
    return None


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and bytes of each chunk of a PNG whose checksum is right."""
    start = len(PNG)
    while start + 12 <= len(data):
        end = start + 12 + struct.unpack(">I", data[start:start + 4])[0]
        kind, checksum = data[start + 4:start + 8], data[end - 4:end]
        if struct.pack(">I", zlib.crc32(data[start + 4:end - 4])) == checksum:
            yield kind, data[start:end]
        start = end


def _is_complete(data: bytes) -> bool:
    """Whether a JPEG without its end holds the whole picture: then more data after it changes nothing."""
    try:
        ended, continued = (_gray(data + more + END_OF_JPEG) for more in (b"", MORE_DATA))
    except Exception:                      # a damaged file makes Pillow raise nearly anything
        return False
    return ImageChops.difference(ended, continued).getbbox() is None


def _gray(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.draft("L", image.size)       # a quarter of the memory
        return image.convert("L")
