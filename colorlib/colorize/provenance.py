"""Say in a result what made it, so that nobody takes a guess for a document."""

from importlib.metadata import version
from xml.sax.saxutils import quoteattr

from PIL import ExifTags

from colorlib.data.metadata import Metadata

SOFTWARE, DATE = 305, 36867
# The International Press Telecommunications Council's word for a photo that a trained network has changed.
CHANGED_BY_A_NETWORK = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
EMPTY = (b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
         b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>')
END = b"</rdf:RDF>"


def maker(settings: str) -> str:
    """What made a result, in words: colorlib, its version and ``settings``."""
    return f"colorlib {version('colorlib')}, {settings}"


def with_provenance(metadata: Metadata, settings: str) -> Metadata:
    """Metadata that name colorlib, its version and ``settings``, in EXIF and in XMP; what made the photo before stays in EXIF."""
    made_by = maker(settings)
    exif, before = metadata.exif, metadata.exif.get(SOFTWARE)
    before = before.decode(errors="replace") if isinstance(before, bytes) else before
    exif[SOFTWARE] = f"{made_by}; {before}" if before else made_by
    attributes = {"xmp:CreatorTool": made_by, "Iptc4xmpExt:DigitalSourceType": CHANGED_BY_A_NETWORK} | _date_and_place(metadata)
    description = (
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        + " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items()) + "/>").encode()
    packet = metadata.xmp if END in metadata.xmp else EMPTY
    head, _, tail = packet.rpartition(END)
    return metadata._replace(exif=exif, xmp=head + description + END + tail)


def _date_and_place(metadata: Metadata) -> dict[str, str]:
    """Date and place of the exposure as XMP: a TIFF has no other place for them. Those that the packet has stay."""
    found = {}
    taken = metadata.exif.get(ExifTags.IFD.Exif, {}).get(DATE)
    if isinstance(taken, str) and len(taken) == 19:
        found["exif:DateTimeOriginal"] = taken[:10].replace(":", "-") + "T" + taken[11:]
    place = metadata.exif.get(ExifTags.IFD.GPSInfo, {})
    for name, direction, angle in (("exif:GPSLatitude", 1, 2), ("exif:GPSLongitude", 3, 4)):
        if place.get(direction) and len(place.get(angle, ())) == 3:
            degrees, minutes, seconds = map(float, place[angle])
            found[name] = f"{degrees:.0f},{minutes + seconds / 60:.6f}{place[direction]}"
    return {name: value for name, value in found.items() if name.encode() not in metadata.xmp}
