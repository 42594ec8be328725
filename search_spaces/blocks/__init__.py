"""Blocks: the wiring around a mixer, one file each.

A file binds ``BLOCK``, a module ``[b, c_in, h, w] -> [b, c_out, ceil(h / stride), ceil(w / stride)]``
that imports only torch, so that an export can lift its source. The law of the room:

* ``__init__(self, in_channels, out_channels, *, stride, ...)``: further choices are keyword-only,
  with a default; one that is named ``mixer`` is a factory ``channels -> module``;
* ``layers(tape, x, out_channels, *, stride, deploy, ...)`` writes what runs on a
  `search_spaces.tape.Tape` with the same keywords, ``mixer`` being a function ``(tape, x) -> map``;
  sizes may be arrays, but those named in ``structural``, which change which layers there are.
"""

from typing import Final

from torch import nn

from search_spaces.shelf import Shelf

BLOCKS: Final[Shelf[type[nn.Module]]] = Shelf(__name__, "BLOCK", "block")
