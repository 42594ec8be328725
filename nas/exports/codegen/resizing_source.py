"""Generates the resizing code of train.py: Pillow's resizing of bytes, in torch."""

import re
from pathlib import Path
from typing import Final

from nas.exports import preprocessing
from nas.exports.codegen.extract import definitions_in
from nas.exports.codegen.names_used import closure, names_in

_SHAPED: Final = re.compile(r'Float64\[Tensor, "[^"]*"\]')
_SIZED: Final = '''
def sized(images: Tensor) -> Tensor:
    """Return images, uint8 [n, c, h, w], at the network's size, resized once, as Pillow does."""
    if images.shape[2:] == (SIDE, SIDE):
        return images
    return torch.cat([resized(few.double(), SIDE, SIDE).byte() for few in images.split(64)])
'''

AGAIN: Final = """    if images.shape[2:] != (SIDE, SIDE):
        shrinks = max(images.shape[2:]) > SIDE
        images = F.interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=shrinks)
"""
"""What resizes images in [0, 1] again, for networks of searches that resized in two steps."""


def resizing_source() -> str:
    """Return the source of `sized(images)`, with what it calls."""
    text = Path(str(preprocessing.__file__)).read_text(encoding="utf-8")
    found = {d.name: _plain(d.text) for d in definitions_in(text)}
    needed = closure("resized", {name: names_in(text) for name, text in found.items()})
    return "\n".join([*(text for name, text in found.items() if name in needed), _SIZED])


def _plain(definition: str) -> str:
    """Return a definition without annotations and words that make sense in this project only."""
    plain = _SHAPED.sub("Tensor", definition).replace(": Final =", " =").replace(": Any", ": int")
    return re.sub(r" `source` may be a\n    symbol.*?runs\.\n", "\n", plain, flags=re.DOTALL)
