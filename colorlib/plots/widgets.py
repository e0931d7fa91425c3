"""What the pages of widgets share. They need core ipywidgets alone (7.7 or 8)."""

import base64
from collections.abc import Sequence

import ipywidgets

WIDE = {"width": "34em", "max_width": "100%"}


class Interactive(ipywidgets.VBox):
    """Widgets below one another, stored with a picture for pages without a kernel, such as GitHub's.

    Args:
        children: the widgets.
        still: the picture, as PNG bytes. (ipywidgets 7 stores none.)
    """

    def __init__(self, children: Sequence[ipywidgets.Widget], still: bytes):
        # Without flex-start the picture would be stretched to the width of the page.
        super().__init__(children, layout=ipywidgets.Layout(align_items="flex-start"))
        self._still = base64.b64encode(still).decode()

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, object]:
        return {**super()._repr_mimebundle_(**kwargs), "image/png": self._still}


def uploaded(upload: ipywidgets.FileUpload) -> tuple[str, bytes] | None:
    """Name and content of the file that was uploaded, if there is one: in ipywidgets 7 a dict {name: file}, in 8 a tuple of files."""
    if not upload.value:
        return None
    files = upload.value
    name, file = next(iter(files.items())) if isinstance(files, dict) else (files[0]["name"], files[0])
    content = bytes(file["content"])
    upload.value = type(files)()                     # so that the same file can be chosen again
    return name, content
