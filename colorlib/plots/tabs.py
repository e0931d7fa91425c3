"""Pictures of which one is shown at a time, chosen by its name; without a kernel and without scripts."""

import base64
import html
import uuid
from collections.abc import Mapping

STYLE = """
.colorlib-tabs input { position: absolute; opacity: 0; }
.colorlib-tabs label { display: inline-block; margin: 0 4px 6px 0; padding: 2px 8px; border: 1px solid #888; border-radius: 3px;
                       background: #fff; color: #222; font: 13px sans-serif; cursor: pointer; }
.colorlib-tabs input:checked + label { outline: 3px solid #0072b2; }
.colorlib-tabs input:focus-visible + label { outline: 3px dashed #d55e00; }
.colorlib-tabs img { display: none; max-width: 100%; margin: 0; }
"""


class Tabs:
    """One picture for each name. Its output in a notebook is HTML, with the first picture where no HTML is shown.

    Args:
        pictures: a name -> a PNG.
    """

    def __init__(self, pictures: Mapping[str, bytes]):
        self._encoded = {name: base64.b64encode(picture).decode() for name, picture in pictures.items()}

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        return {"text/plain": f"Tabs: {', '.join(self._encoded)}", "text/html": self.as_html(), "image/png": next(iter(self._encoded.values()))}

    def as_html(self) -> str:
        """A radio button for each name, and the picture of the one that is chosen."""
        identity = f"tabs-{uuid.uuid4().hex}"
        rules, buttons, images = [], [], []
        for number, (name, picture) in enumerate(self._encoded.items()):
            word, chosen = html.escape(name), "" if number else " checked"
            rules.append(f"#{identity}-{number}:checked ~ img:nth-of-type({number + 1}) {{ display: block; }}")
            buttons.append(f'<input type="radio" name="{identity}" id="{identity}-{number}"{chosen}><label for="{identity}-{number}">{word}</label>')
            images.append(f'<img src="data:image/png;base64,{picture}" alt="{word}">')
        return f'<style>{STYLE}{" ".join(rules)}</style>\n<div class="colorlib-tabs">{"".join(buttons)}\n{"".join(images)}</div>'
