"""`Places`: reads rows of codes as the indices at which tables of parts of networks hold what they take."""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from search_spaces.network_codes import NetworkCodes

Ints: TypeAlias = NDArray[np.int64]


class StagePlace(NamedTuple):
    """Where a stage of each of some networks is found, each [n].

    Attributes:
        before: The width factor of the stage in front; 0 behind the stem.
        own: Its own width factor.
        first: Its first block among the distinct blocks of the stage.
        rest: Different blocks behind the first, [n, k].
        repeats: How often each of these runs, [n, k].
    """

    before: Ints
    own: Ints
    first: Ints
    rest: Ints
    repeats: Ints


class Places(NamedTuple):
    """Where the parts of each of some networks are found, each [n].

    Attributes:
        resolution: Which resolution.
        width: Which factor on all channels.
        skeleton: Which choice of the skeleton.
        stages: Where each stage is found.
    """

    resolution: Ints
    width: Ints
    skeleton: Ints
    stages: tuple[StagePlace, ...]

    @property
    def factors(self) -> tuple[Ints, Ints, Ints]:
        """The first indices of every table."""
        return self.resolution, self.width, self.skeleton


def places(codes: NetworkCodes, rows: Ints) -> Places:
    """Return where the parts of networks are found.

    Args:
        codes: The encoding.
        rows: Rows of codes, [n, codes].
    """
    resolution, width, conv, attention = rows[:, :4].T
    skeleton = rows[:, 4] if codes.offset > 4 else np.zeros(len(rows), np.int64)
    before = np.zeros(len(rows), np.int64)
    stages = []
    for forms, item in zip(codes.forms, rows[:, codes.offset :].T, strict=True):
        form, own = forms.form[conv, attention, item], forms.width[item]
        stages.append(StagePlace(before, own, forms.first[form], forms.rest[form], forms.count[form]))
        before = own
    return Places(resolution, width, skeleton, tuple(stages))
