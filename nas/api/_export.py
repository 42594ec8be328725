"""Implements ``nas.export``: writes networks of a study as files for another repository."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from nas.api._process_state import process_left_as_found
from nas.exports.study_export import ExportOptions, StudyExporter
from nas.files.ownership import is_own
from nas.files.trial_artifacts import TrialArtifacts
from nas.storage.database import is_read_only
from nas.storage.optuna_storage import existing_storage, storage_url
from nas.storage.store import Store
from nas.study.delivered_weights import WEIGHTS_OF
from nas.study.network_weights import is_lone_network, trained_as
from nas.study.results import chosen_network, result_of, split_network
from nas.study.study import find
from search_spaces.errors import ExportError, TargetError, UnknownNameError
from trials.latency.litert_model import check_installed


@process_left_as_found()
def export(
    study: str | None = None,
    *,
    to: str | Path | None = None,
    trial: int | None = None,
    pareto: bool = False,
    name: str | None = None,
    classes: int | None = None,
    into: str | Path | None = None,
    deploy: bool = False,
    int8: bool = False,
    litert: bool = False,
    with_preprocessing: bool = False,
    force: bool = False,
    weights_of: str | None = None,
    storage: str | None = None,
    report_line: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Write a network of a search as plain PyTorch that does not need this package, and return the files.

    Args:
        study: Name of the study, or ``STUDY#12`` for one of its networks; by default the latest study. Or a
            network that `compare` or `retrain` has trained, by the file or name that it was given.
        to: New folder to write to.
        trial: Number of the network; by default the best that fits.
        pareto: Whether the whole Pareto front is written, one folder each, see
            `dashboards.network_filters.unbeaten`.
        name: Name of the module and of the function in it; by default that of the folder.
        classes: Number of classes of a new, untrained head; by default the trained head is kept.
        into: Existing folder for the module, its weights and its architecture, instead of `to`.
        deploy: Whether the re-parameterised form, for inference only, is written.
        int8: Whether ONNX quantised to int8 is also written, with its accuracy and latency.
        litert: Whether a LiteRT file is also written, with `int8` a quantised one too; needs the extra
            ``litert``.
        with_preprocessing: Whether the ONNX file takes uint8 images of any size.
        force: Whether files of the same names are overwritten.
        weights_of: ``search`` or ``retrain``: which weights of a retrained network are written; by default
            the better by validation images.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        report_line: Called with each warning, for example a budget that no longer holds.

    Raises:
        StudyError: if there is no such study or network.
        ExportError: if the folder, the name or the weights cannot be used.
    """
    _check_folder(to, into)
    if weights_of is not None and weights_of not in WEIGHTS_OF:
        raise UnknownNameError.of("kind of weights", weights_of, WEIGHTS_OF)
    if with_preprocessing and into is not None:
        raise ExportError(
            "Cannot use --with-preprocessing with --into, which writes no ONNX file: expected --to with a "
            "new folder."
        )
    if litert:
        _check_litert()
    url = storage_url(storage)
    if study is not None and is_lone_network(study, url):
        study = trained_as(study, url)
    chosen, number = split_network(study)
    trial = trial if trial is not None else number
    if pareto and (trial is not None or into is not None or force):
        raise ExportError(
            "Cannot use --pareto with --trial, --into or --force: expected --pareto and --to with a new "
            "folder."
        )
    options = ExportOptions(
        folder=Path(str(to if to is not None else into)),
        name=name,
        classes=classes,
        deploy=deploy,
        int8=int8,
        litert=litert,
        with_preprocessing=with_preprocessing,
        into=into is not None,
        force=force,
        weights_of=weights_of,
    )
    found = find(existing_storage(url), chosen)
    with Store(url) as store:
        result = result_of(found, store)
        exporter = StudyExporter(
            study=found,
            result=result,
            store=store,
            now=lambda: datetime.now(UTC),
            report_line=report_line or (lambda _: None),
        )
        if pareto:
            return exporter.export_front(options)
        files = exporter.export(chosen_network(result, trial), options)
    if is_own(found) and not is_read_only(url):
        TrialArtifacts.of(found).attach_export(found, files)
    return files


def _check_litert() -> None:
    """Check that LiteRT can be written, before images are read.

    Raises:
        ExportError: if the extra is not installed.
    """
    try:
        check_installed()
    except TargetError as error:
        raise ExportError(f"Cannot export as LiteRT. {error}") from error


def _check_folder(to: str | Path | None, into: str | Path | None) -> None:
    """Check that one folder is given.

    Raises:
        ExportError: if none or two are given.
    """
    if (to is None) == (into is None):
        raise ExportError(
            f"{'No folder' if to is None else 'Two folders'} to write to: expected --to with a new folder, "
            f"for example --to my_net, or --into with an existing one, for example --into src/models."
        )
