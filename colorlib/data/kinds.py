"""Kinds of pictures that Pillow cannot open: what they are, and what to do."""

from colorlib.data.pages import RAW
from colorlib.data.repair import PNG

HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1")
# The first bytes of a file, and what it is.
KINDS = {
    PNG: "it is a PNG, and its header is damaged",
    b"\xff\x0a": "it is a JPEG XL picture, which needs `pip install pillow-jxl-plugin`",
    b"\x00\x00\x00\x0cJXL ": "it is a JPEG XL picture, which needs `pip install pillow-jxl-plugin`",
    b"FUJIFILMCCD-RAW": RAW, b"IIU\x00": RAW, b"IIRO": RAW, b"MMOR": RAW, b"FOVb": RAW,       # Fujifilm, Panasonic, Olympus, Sigma
    b"PK\x03\x04": "it is a zip: unpack it, and name the folder",
    b"%PDF": "it is a PDF: export its pictures as PNG or TIFF",
    b"%!PS": "it is PostScript: save it as PNG or TIFF",
}


def why_unknown(data: bytes) -> str:
    """Why a file that Pillow cannot identify is no picture for us, as the end of a sentence."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS:
        return "it is a HEIC photo, which needs `pip install pillow-heif`"
    if data[4:12] == b"ftypcrx ":                      # Canon
        return RAW
    return next((kind for start, kind in KINDS.items() if data.startswith(start)), "it is no picture")
