"""Opens the trained weights that the networks of a comparison begin with, each with its own."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nas.comparison.entrant import Entrant
from nas.files.study_files import StudyFiles
from nas.orchestration.donor_source import donor_from, donor_line
from nas.study.delivered_weights import WEIGHTS_OF
from nas.study.donor import donor_file
from search_spaces.errors import WeightsError
from trials.images.splits import Splits
from trials.pretrained.donor import Donor
from trials.pretrained.donor_file import packed
from trials.pretrained.inheritance import renormalised


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The networks of a comparison with what they begin with.

    Attributes:
        entrants: Those that begin with trained weights, the first one first.
        donors: Their weights, for images that are normalised as those of the comparison, by the digest that
            they have without that.
        left_out: Why others are missing, by name.
    """

    entrants: tuple[Entrant, ...]
    donors: Mapping[str, Donor]
    left_out: Mapping[str, str]


def own_weights(
    entrants: Sequence[Entrant], splits: Splits, url: str, *, chosen: bool, say: Callable[[str], None]
) -> Begun:
    """Return the networks of a comparison, each with its own trained weights.

    What a search found begins with the weights of the search, which have not learnt from validation images.

    Args:
        entrants: The networks.
        splits: The images.
        url: Database URL of the storage.
        chosen: Whether they were named; of families that nobody named, those without weights are left out.
        say: Shows a line.

    Raises:
        WeightsError: if one that was named has no weights, or nothing is left to compare with.
    """
    kept: list[Entrant] = []
    donors: dict[str, Donor] = {}
    left_out: dict[str, str] = {}
    lines: list[str] = []  # said when nothing can fail any more
    for place, entrant in enumerate(entrants):
        try:
            donor = _donor(entrant, url)
        except WeightsError as error:
            if chosen or not place:
                raise
            left_out[entrant.name] = str(error)
            lines.append(f"Left out {entrant.name}: {error}")
            continue
        lines.append(donor_line(donor, splits, f"{entrant.name} begins"))
        donors[donor.digest] = _for_images(donor, splits)
        origin = f"{entrant.origin}, with its own weights"
        kept.append(replace(entrant, origin=origin, digest=donor.digest))
    if len(kept) < 2 <= len(entrants):
        raise WeightsError(
            f"No network to compare {kept[0].name} with has weights that can be had: "
            f"{next(iter(left_out.values()))} Name others with --with, or leave --weights out."
        )
    for line in lines:
        say(line)
    return Begun(entrants=tuple(kept), donors=donors, left_out=left_out)


def place_donors(donors: Mapping[str, Donor], files: StudyFiles) -> None:
    """Write weights among the files of a comparison, for its workers."""
    for donor in donors.values():
        if files.exists(donor_file(donor.digest)):
            continue
        with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
            path = Path(scratch) / "donor.safetensors"
            path.write_bytes(packed(donor))
            files.put(donor_file(donor.digest), path)


def _donor(entrant: Entrant, url: str) -> Donor:
    if entrant.weights is None:
        raise WeightsError(
            f"{entrant.name} has no weights of its own: expected a published network, an export folder or a "
            f"network of a search. Leave --weights out to train all from random weights."
        )
    return donor_from(entrant.weights, url, kind=WEIGHTS_OF[0])


def _for_images(donor: Donor, splits: Splits) -> Donor:
    """Return a donor for images that are normalised as those of a comparison."""
    if donor.mean is None or donor.std is None:
        return donor
    mean, std = splits.mean, splits.std
    if len(donor.mean) != len(mean):  # the first layer's weights for colours are added up for grey images
        mean, std = ((sum(v) / len(v),) * len(donor.mean) for v in (mean, std))
    moved = renormalised(donor.weights, (donor.mean, donor.std), (mean, std))
    return replace(donor, weights=moved, mean=mean, std=std)
