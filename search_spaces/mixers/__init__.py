"""Mixers: how positions of a feature map exchange information, one file each.

A file binds ``MIXER``, a module ``[b, c, h, w] -> [b, c, h, w]`` that imports only torch, so that an
export can lift its source. The law of the room, which the contract tests check on every file:

* ``__init__(self, channels, *, ...)``: what can be chosen is keyword-only, with a default;
* ``kind`` is "conv" or "attention" and decides which depth factor applies;
* ``layers(tape, x, *, deploy, ...)`` writes what runs on a `search_spaces.tape.Tape`, with the same
  keywords, and returns the output map; sizes may be arrays, but those named in ``structural``, which
  change which layers there are, come as plain values;
* a module whose training and inference forms differ has ``switch_to_deploy()``.
"""

from typing import Final

from torch import nn

from search_spaces.shelf import Shelf

MIXERS: Final[Shelf[type[nn.Module]]] = Shelf(__name__, "MIXER", "mixer")
