"""Turns what a retraining is asked to start from into the initial weights of a network.

A source of weights is a name in `SOURCES`. Weights that are made of something else are kept beside the
checkpoint while the network trains, so that a training that was stopped goes on from the same ones whatever
has become of the source.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import optuna
import torch
from torch import Tensor, nn

from dashboards.result import TrialResult
from nas.files.locating import files_of
from nas.files.study_images import images_for
from nas.files.supernet_file import supernet_file, supernet_source
from nas.orchestration.donor_source import absolute_source, donor_from, normalisation, unseen
from nas.orchestration.start import Start, read_start, write_start
from nas.storage.optuna_internals import database_url
from nas.study.donor import RANDOM, donor_file_of, donor_of_network, has_donors
from nas.study.naming import trial_folder
from nas.study.study import images_of, settings_of, space_of
from search_spaces.building import build
from search_spaces.costs import format_cost
from search_spaces.errors import ArchitectureError, InvalidValueError, StudyError
from trials.pretrained.donor import Donor
from trials.pretrained.donor_file import donor_facts, read_donor
from trials.pretrained.inheritance import inherit, renormalised
from trials.supernet.reading import starting_network
from trials.supernet.weights_file import load_supernet
from trials.training.file_names import WEIGHTS
from trials.training.seeding import seeded_build, trial_seed

SEARCH: Final = "search"
SUPERNET: Final = "supernet"
DONOR: Final = "donor"
START: Final = "start.safetensors"
"""File in a retraining's folder of the weights that it starts from, until it ends."""


Made = tuple[dict[str, Tensor], Start]
"""State of a network as `search_spaces.build` returns it, and what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialWeights:
    """The weights that a training begins with.

    Attributes:
        file: Their safetensors file on this machine.
        start: What they are; None for those of the search.
    """

    file: Path
    start: Start | None = None


def checked_source(weights: str | None, url: str, *, from_weights: bool = False) -> str | None:
    """Return the source of the initial weights that was asked for; None for random ones.

    Args:
        weights: Name of a source, or what `nas.orchestration.donor_source.donor_from` reads; None for none.
        url: Database URL of the storage in which studies are looked for.
        from_weights: Whether those of the search were asked for in the older way.

    Raises:
        InvalidValueError: if two were asked for.
    """
    if weights is None:
        return SEARCH if from_weights else None
    if from_weights and weights != SEARCH:
        raise InvalidValueError(
            f"Cannot start from the weights of the search and from '{weights}': expected one of "
            f"--from-weights and --weights. Leave one out."
        )
    return weights if weights in {RANDOM, *SOURCES} else absolute_source(weights, url)


@contextmanager
def initial_weights(
    study: optuna.Study,
    network: TrialResult,
    source: str | None,
    folder: str,
    *,
    device: str,
    report_line: Callable[[str], None],
) -> Iterator[InitialWeights | None]:
    """Return the weights that a retraining begins with, None for random ones, for as long as the block runs.

    Args:
        study: The study.
        network: One of its networks.
        source: A name in `SOURCES` or the source of a donor; None for random weights.
        folder: Folder of the retraining among the files of the study.
        device: Device as torch calls it.
        report_line: Shows a line to the user.

    Raises:
        StudyError: if the source has no weights for the network.
        DataError: if the images have changed, or the source is of others.
    """
    if source is None:
        yield None
        return
    make, files, name = SOURCES.get(source, _of_donor(source)), files_of(study), f"{folder}/{START}"
    if make is None:
        with _of_search(study, network) as path:
            yield InitialWeights(file=path)
        return
    if not files.exists(name):
        tensors, start = make(study, network, device)
        with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
            written = Path(scratch) / START
            write_start(written, tensors, start)
            files.put(name, written)
    with files.fetched(name) as path:
        start = read_start(path)
        report_line(f"#{network.trial} {start.line}")
        yield InitialWeights(file=path, start=start)


@contextmanager
def _of_search(study: optuna.Study, network: TrialResult) -> Iterator[Path]:
    files, name = files_of(study), f"{trial_folder(network.trial)}/{WEIGHTS}"
    with ExitStack() as stack:
        try:
            path = stack.enter_context(files.fetched(name))
        except FileNotFoundError as error:
            raise StudyError(
                f"Network #{network.trial} of '{study.study_name}' has no weights at '{files.place(name)}' "
                f"to begin with: expected those that its trial wrote. Leave --from-weights out."
            ) from error
        yield path


def _of_supernet(study: optuna.Study, network: TrialResult, device: str) -> Made:
    """Return the slice of a network of the study's supernet, with statistics of its own."""
    trained = load_supernet(supernet_file(study))
    settings, images = settings_of(study), images_for(study, network.architecture.resolution)
    trained.check(space_of(study), images, seed=settings.seed)
    try:
        module, scores = starting_network(
            trained.shared, network.architecture, images, trained.recipe.training, device=torch.device(device)
        )
    except ArchitectureError as error:
        raise StudyError(
            f"Network #{network.trial} of '{study.study_name}' is not part of its supernet: expected a "
            f"network of the space '{trained.shared.space.name}'. Leave --weights out."
        ) from error
    name, beside = (supernet_source(study) or study).study_name, _beside(network, trained.band)
    value, standard_error = scores.of(settings.metric)
    start = Start(
        source=SUPERNET,
        words=f"its slice of the supernet of '{name}'{beside}",
        metric=settings.metric,
        value=value,
        standard_error=standard_error,
    )
    return {key: tensor.cpu().contiguous() for key, tensor in module.state_dict().items()}, start


def source_for(study: optuna.Study, source: str | None) -> str | None:
    """Return the source of a retraining's weights, by default what the search began with.

    Args:
        study: The study.
        source: What was asked for; None for the default.
    """
    if source is None:
        return DONOR if has_donors(study) else None
    return None if source == RANDOM else source


def _of_own_donor(study: optuna.Study, network: TrialResult, device: str) -> Made:
    """Return what a network inherits of the weights that its search began with."""
    del device
    facts = donor_of_network(study, network.trial)
    file = donor_file_of(study, network.trial)
    with ExitStack() as stack:
        try:
            path = stack.enter_context(files_of(study).fetched(file))
        except FileNotFoundError as error:
            raise StudyError(
                f"The study '{study.study_name}' has no weights at '{files_of(study).place(file)}' to "
                f"begin with: expected those that its search began with. Name others with --weights, or "
                f"{RANDOM} for none."
            ) from error
        donor = read_donor(str(path))
        return _inherited(
            study, network, replace(donor, source=DONOR if facts is None else facts.source), DONOR
        )


def _of_donor(source: str) -> Callable[[optuna.Study, TrialResult, str], Made]:
    """Return what makes the initial weights of a network from those of a donor."""

    def inherited(study: optuna.Study, network: TrialResult, device: str) -> Made:
        del device
        url = database_url(study) or ""
        donor = unseen(donor_from(source, url), url, settings_of(study).data_fingerprint)
        return _inherited(study, network, donor, source)

    return inherited


def _inherited(study: optuna.Study, network: TrialResult, donor: Donor, source: str) -> Made:
    """Return what a network inherits of a donor, for images that are normalised as the study's are."""
    images = images_of(study)
    shape = {"num_classes": len(images["classes"]), "in_channels": images["channels"]}
    seed = trial_seed(settings_of(study).seed, network.trial)
    module: nn.Module = seeded_build(lambda: build(network.architecture, **shape), seed)
    found = inherit(donor, module, network.architecture, classes=images["classes"])
    theirs = normalisation(donor, images["channels"])
    ours = (tuple(images["mean"]), tuple(images["std"]))
    weights = found.weights if theirs is None or theirs == ours else renormalised(found.weights, theirs, ours)
    new = f"{found.new:.1%} of its parameters are new" + (", the head with them" if found.new_head else "")
    remark = f"{donor.origin}, licence {donor.licence or 'not stated'}; {new}"
    start = Start(
        source=source,
        words=f"the weights of {Path(donor.source).name}",
        remark=". ".join(text.rstrip(".") for text in (remark, *donor.notes)),
        donor=donor_facts(donor),
        metric=settings_of(study).metric,
        licence=donor.licence,
    )
    return {key: tensor.contiguous() for key, tensor in weights.items()}, start


def _beside(network: TrialResult, band: tuple[int, int] | None) -> str:
    """Return a remark where a network has fewer or more MACs than those that a supernet is for."""
    macs = network.costs["macs"]
    if band is None or band[0] <= macs <= band[1]:
        return ""
    low, high = (format_cost("macs", limit) for limit in band)
    return f" (which is for {low} to {high} MACs, and this has {format_cost('macs', macs)})"


SOURCES: Final[Mapping[str, Callable[[optuna.Study, TrialResult, str], Made] | None]] = {
    SEARCH: None,
    SUPERNET: _of_supernet,
    DONOR: _of_own_donor,
}
"""What makes the initial weights of a network by the name of the source; None for those of its own trial."""
