"""Networks: the skeleton that blocks hang on, one file each.

A file binds ``NETWORK``, a module ``[b, c, r, r] -> [b, classes]`` that imports only torch. The law of
the room:

* ``__init__(self, stages, *, num_classes, in_channels, ...)`` where `stages` is a list of
  ``(block, channels, depth, stride)`` and `block` a factory
  ``(in_channels, out_channels, stride=...) -> module``; further choices are keyword-only;
* ``stem_layers(tape, x, ...)`` and ``head_layers(tape, x, *, num_classes, ...)`` write what runs before
  and after the stages on a `search_spaces.tape.Tape`.

Letters mean the same everywhere: b batch, c channels, h w height and width, r resolution, n positions or
points, d features of an encoding, m objectives.
"""

from typing import Final

from torch import nn

from search_spaces.shelf import Shelf

NETWORKS: Final[Shelf[type[nn.Module]]] = Shelf(__name__, "NETWORK", "network")
