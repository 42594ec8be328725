"""Opens data sets whose number of images is known, and checks that each one is used, counted or refused."""

import re

from search_spaces.errors import UserError
from trials.datasets import open_images

LEFT_OUT = re.compile(r"^(?:Left out|Skipped) ([\d,]+) (?:hidden )?images?\b")


def accounted(data, made):
    """Return the splits of a data set, or the error of one line, after checking that no image is lost.

    Args:
        data: Where the images are.
        made: Number of images there.
    """
    try:
        splits = open_images(str(data), seed=0, cache=None)
    except UserError as error:
        complaint = error
    else:
        return _checked(splits, made)
    assert len(str(complaint).splitlines()) == 1
    assert len(str(complaint)) < 4_000
    return complaint


def _checked(splits, made):
    used = sum(map(len, (splits.train, splits.validation, splits.test)))
    left_out = [LEFT_OUT.match(note) for note in splits.notes]
    counted = sum(int(found[1].replace(",", "")) for found in left_out if found)
    assert used + counted == made, splits.notes
    return splits
