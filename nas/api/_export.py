"""Networks for repositories that need nothing of ours."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from nas.exports.study_export import ExportOptions, StudyExporter
from nas.files.trial_artifacts import TrialArtifacts
from nas.latency.latest_results import latest_result
from nas.storage.optuna_storage import open_storage, storage_url
from nas.storage.store import Store
from nas.study.results import chosen_network, split_network
from nas.study.study import find
from search_spaces.errors import ExportError


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
    force: bool = False,
    storage: str | None = None,
    told: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Write a network of a search as plain PyTorch that needs nothing of ours, and return the files.

    Args:
        study: Its name, or ``STUDY#12`` for one of its networks; by default the latest study.
        to: Folder that is made for it.
        trial: Number of the network; by default the best that fits.
        pareto: Whether all networks that none beats in accuracy and MACs are written, a folder each.
        name: Of the module and of the function in it; by default the folder's.
        classes: Scores of a new head, which is not trained; by default the trained head is kept.
        into: Instead of `to`, a folder of a repository that may hold other files; the module, its weights
            and its architecture are put beside them.
        deploy: Whether the form for inference only is written.
        int8: Whether ONNX quantised to int8 is written too, with its accuracy and latency.
        force: Whether files of the same names may be replaced.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        told: Called with a line on whatever should be known, for example a budget that no longer holds.

    Raises:
        StudyError: if there is no such study or network.
        ExportError: if the folder, the name or the weights cannot be used.
    """
    if (to is None) == (into is None):
        raise ExportError(
            "Expected one folder to write to: a new one, for example --to my_net, or one of a repository, "
            "for example --into src/models."
        )
    url = storage_url(storage)
    chosen, number = split_network(study)
    trial = trial if trial is not None else number
    if pareto and (trial is not None or into is not None or force):
        raise ExportError(
            "Cannot write a front with --trial, --into or --force: expected --pareto, --to and a new folder."
        )
    wish = ExportOptions(
        folder=Path(str(to if to is not None else into)),
        name=name,
        classes=classes,
        deploy=deploy,
        int8=int8,
        into=into is not None,
        force=force,
    )
    found = find(open_storage(url), chosen)
    with Store(url) as store:
        result = latest_result(found, store)
        deliverer = StudyExporter(
            study=found,
            result=result,
            store=store,
            now=lambda: datetime.now(UTC),
            told=told or (lambda _: None),
        )
        if pareto:
            return deliverer.deliver_front(wish)
        files = deliverer.deliver(chosen_network(result, trial), wish)
    TrialArtifacts.of(found).deliver(found, files)
    return files
