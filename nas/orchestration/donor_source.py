"""Opens the trained weights that networks begin with: any source of a donor, or a network of a study."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import optuna

from nas.files.locating import files_of
from nas.files.study_files import StudyFiles
from nas.storage.optuna_storage import existing_storage, exists
from nas.study.delivered_weights import WEIGHTS_OF, weights_of
from nas.study.donor import DONOR_FILE, keep_donor
from nas.study.network_lookup import is_in_files, is_there
from nas.study.results import chosen_network, result_of, split_network
from nas.study.study import Outline, find, names_of_searches, settings_of
from search_spaces.errors import WeightsError
from search_spaces.paths import expanded
from search_spaces.published import references
from trials.donors import is_source, open_donor
from trials.images.splits import Splits
from trials.pretrained.donor import Donor
from trials.pretrained.donor_file import donor_facts, packed
from trials.pretrained.usual_preprocessing import Normalisation


def donor_from(source: str, url: str, *, kind: str | None = None) -> Donor:
    """Return the donor that a text names.

    Args:
        source: What `trials.donors.open_donor` takes, ``STUDY#12``, or a study, which stands for its best
            network.
        url: Database URL of the storage in which studies are looked for.
        kind: Which weights of a network of a study, see `nas.study.delivered_weights.weights_of`; None for
            those that are delivered.

    Raises:
        WeightsError: if there is none, or it cannot be used.
        StudyError: if the network of a study has no weights.
    """
    if is_source(source) and (not is_there(source) or is_in_files(source, url)):
        return open_donor(source)
    study, number = split_network(source)
    if exists(url) and (study is None or study in names_of_searches(existing_storage(url))):
        return _of_study(source, study, number, url, kind)
    return open_donor(source)  # says what was expected


def unseen(donor: Donor, url: str, fingerprint: str | None) -> Donor:
    """Return a donor, in other weights if these have learnt from the validation images in use.

    Such is a network of a study that was retrained on all its images: here it has the weights of its search.

    Args:
        donor: The donor.
        url: Database URL of the storage in which its study is.
        fingerprint: Fingerprint of the images in use; None if it is not known.

    Raises:
        StudyError: if those weights are not kept.
    """
    if donor.seen_validation is None or donor.seen_validation != fingerprint:
        return donor
    searched = donor_from(donor.source, url, kind=WEIGHTS_OF[0])
    note = "These are the weights of its search: those of its retraining learnt from these validation images"
    return replace(searched, notes=(*searched.notes, note))


def absolute_source(source: str, url: str) -> str:
    """Return the absolute path of a source that is a file or folder, and any other text unchanged."""
    is_path = source not in references() and is_in_files(source, url)
    return str(expanded(source).resolve()) if is_path else source


def normalisation(donor: Donor, channels: int) -> Normalisation | None:
    """Return how the donor's images were normalised, for images of so many channels; None if that is unknown.

    Grey images take the mean of the colours, as the weights of the colours are added up for them.
    """
    if donor.mean is None or donor.std is None:
        return None
    if len(donor.mean) == channels:
        return donor.mean, donor.std
    mean, std = (sum(values) / len(values) for values in (donor.mean, donor.std))
    return (mean,) * channels, (std,) * channels


def normalised_as(splits: Splits, donor: Donor | None) -> Splits:
    """Return images that are normalised as the donor's were, if there is one and that is known."""
    found = None if donor is None else normalisation(donor, splits.channels)
    return splits if found is None else replace(splits, mean=found[0], std=found[1])


def place_donor(
    donor: Donor | None, splits: Splits, study: optuna.Study, files: StudyFiles, say: Callable[[str], None]
) -> None:
    """Write a donor among the files of a study, for its workers, store what it is, and say that.

    Args:
        donor: The donor; None for none.
        splits: Images of the study.
        study: The study.
        files: Its files.
        say: Shows a line.
    """
    if donor is None:
        return
    say(donor_line(donor, splits))
    keep_donor(study, donor_facts(donor))
    if not files.exists(DONOR_FILE):
        with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
            path = Path(scratch) / DONOR_FILE
            path.write_bytes(packed(donor))
            files.put(DONOR_FILE, path)


def donor_line(donor: Donor, splits: Splits, begun: str = "Networks begin") -> str:
    """Return what networks begin with, its licence, and what is new for these images, in words.

    Args:
        donor: Their weights.
        splits: The images.
        begun: Who begins with them.
    """
    head = "" if set(splits.classes) <= set(donor.classes) else "; the head is new, as the classes are others"
    colours = ""
    if donor.in_channels != splits.channels:
        grey = "colours are added up for grey images"
        colours = f"; {grey if splits.channels == 1 else 'each colour has a third of the weights of grey'}"
    sentences = [
        f"{begun} with the weights of {donor.source}: {donor.origin}, licence "
        f"{donor.licence or 'not stated'}{head}{colours}",
        *donor.notes,
    ]
    return ". ".join(sentence.rstrip(".") for sentence in sentences)


def _of_study(source: str, study: str | None, number: int | None, url: str, kind: str | None) -> Donor:
    """Return the weights of a network of a study, by default those that `nas export` would write."""
    found = find(existing_storage(url), study)
    network = chosen_network(result_of(found), number)
    files = files_of(found)
    outline = Outline(found.user_attrs)
    delivered = weights_of(outline, network, kind, exists=files.exists)
    joined = delivered.retrained is not None and delivered.retrained.joined
    with ExitStack() as stack:
        try:
            file: Path = stack.enter_context(files.fetched(delivered.file))
        except FileNotFoundError as error:
            raise WeightsError(
                f"Network #{network.trial} of '{found.study_name}' has no weights at "
                f"'{files.place(delivered.file)}': expected those that its training wrote. Name another "
                f"network, or train it again."
            ) from error
        donor = open_donor(str(file))
        return replace(
            donor,
            source=source,
            origin=f"network #{network.trial} of the search '{found.study_name}'",
            seen_validation=settings_of(outline).data_fingerprint if joined else None,
        )
