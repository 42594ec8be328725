"""Hands networks of a study over, with everything a stranger wants to know of them."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import optuna
import torch
from torch import Tensor

from dashboards.network_filters import unbeaten
from dashboards.result import SearchResult, TrialResult
from nas.exports.export_folder import check_target, export_network, read_weights
from nas.exports.formats import default_forms
from nas.exports.new_head import budgets_then, with_new_head
from nas.exports.provenance import front_networks, provenance, test_accuracy
from nas.exports.staging import check_folder, staged_folder
from nas.files.locating import files_of
from nas.files.study_images import images_for
from nas.storage.records import Export
from nas.storage.store import Store
from nas.study.retrained import latest, weights_of
from nas.study.study import images_of, settings_of
from search_spaces.architecture import Architecture
from search_spaces.errors import DataError, ExportError
from search_spaces.paths import expanded
from trials.images.splits import Images, Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.checksum import read_checksum

_CALIBRATION: Final = 64  # training images that int8 is fitted to and ONNX is compared on


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How networks are to be handed over.

    Attributes:
        folder: Where the files go.
        name: Of the module and the function in it; the folder's if None.
        classes: Scores of a new head; None keeps the trained one.
        deploy: Whether the form for inference only is written.
        int8: Whether int8 ONNX is written too.
        into: Whether the folder may hold other files, as a repository does.
        force: Whether files of the same names may be replaced.
    """

    folder: Path
    name: str | None = None
    classes: int | None = None
    deploy: bool = False
    int8: bool = False
    into: bool = False
    force: bool = False

    @property
    def called(self) -> str:
        """The name of the module."""
        return self.name or expanded(self.folder).resolve().name

    @property
    def forms(self) -> tuple[str, ...]:
        """What is written, files in nas/exports/formats."""
        if self.into:
            return ("torch_module", *(["onnx_int8"] if self.int8 else []))
        return (*default_forms(), "onnx_int8") if self.int8 else default_forms()


@dataclass(frozen=True, kw_only=True)
class StudyExporter:
    """Writes networks of one study into folders, and keeps in the store that it did.

    Attributes:
        study: In which they were found.
        result: The study as views are handed it.
        store: Where exports are kept and latencies are looked up.
        now: Returns the present moment, with its time zone.
        told: Called with what the user should know.
    """

    study: optuna.Study
    result: SearchResult
    store: Store
    now: Callable[[], datetime]
    told: Callable[[str], None]

    def deliver(self, network: TrialResult, wish: ExportOptions) -> tuple[Path, ...]:
        """Write a network into a folder, and return the files.

        Raises:
            ExportError: if the folder, the name or the weights cannot be used.
            DataError: if the images are needed, and have moved or changed since the search.
        """
        files = self._write(network, wish)
        self._keep(network, wish)
        return files

    def deliver_front(self, wish: ExportOptions) -> tuple[Path, ...]:
        """Write the search's Pareto front, a folder for each network, all of them or none.

        Raises:
            ExportError: if there is none, or the folder, the name or the weights cannot be used.
            DataError: if the images have moved or changed since the search.
        """
        networks = unbeaten(self.result.networks)
        if not networks:
            raise ExportError(
                f"No network of '{self.study.study_name}' has been trained to the end and fits: expected a "
                f"front of one or more. Let the search go on by the command that began it."
            )
        folder = expanded(wish.folder).resolve()
        names = [f"{wish.called}_{network.trial}" for network in networks]
        check_folder(folder, names, into=False, force=False)
        written: list[Path] = []
        with staged_folder(folder) as stage:
            for network, name in zip(networks, names, strict=True):
                self._write(network, replace(wish, folder=stage / name, name=name))
                written += sorted((stage / name).iterdir())
        for network, name in zip(networks, names, strict=True):
            self._keep(network, replace(wish, folder=folder / name, name=name))
        return tuple(folder / path.relative_to(stage) for path in written)

    def _write(self, network: TrialResult, wish: ExportOptions) -> tuple[Path, ...]:
        check_target(wish.folder, wish.called, wish.forms, into=wish.into, force=wish.force)
        images, retrained = images_of(self.study), latest(self.study, network.trial)
        architecture = network.architecture
        with self._weights(network) as weights:
            trained = read_weights(weights, read_checksum(weights))
            splits = self._images(network, weights, needed=wish.int8)
            facts = self._facts(network, weights, splits)
        if (classes := self._other_classes(wish)) is not None:
            trained = with_new_head(
                trained, architecture, num_classes=classes, in_channels=images["channels"]
            )
            facts["head"] = self._new_head(architecture, classes)
        return export_network(
            architecture,
            folder=wish.folder,
            name=wish.called,
            weights=trained,
            num_classes=classes or len(images["classes"]),
            in_channels=images["channels"],
            classes=images["classes"] if classes is None else (),
            mean=images["mean"],
            std=images["std"],
            provenance=facts,
            front_networks=front_networks(self.result, network),
            recipe=settings_of(self.study).recipe if retrained is None else retrained.recipe,
            deploy=wish.deploy,
            calibration=None if splits is None else _prepared(splits.train, splits, architecture)[0],
            held_out=_prepared(splits.validation, splits, architecture, all_of_them=True)
            if splits is not None and wish.int8 and classes is None
            else None,
            forms=wish.forms,
            into=wish.into,
            force=wish.force,
        )

    @contextmanager
    def _weights(self, network: TrialResult) -> Iterator[Path]:
        """Return the weights on this machine for as long as the block runs."""
        study, files = self.study.study_name, files_of(self.study)
        name = weights_of(self.study, network.trial)
        with ExitStack() as stack:
            try:
                weights = stack.enter_context(files.fetched(name))
            except FileNotFoundError as error:
                raise ExportError(
                    f"Network #{network.trial} of '{study}' has no weights at '{files.place(name)}': "
                    f"expected the file that its training wrote. Bring the folder back, or train it again: "
                    f"nas retrain {shlex.quote(study)} --trial {network.trial}"
                ) from error
            yield weights

    def _images(self, network: TrialResult, weights: Path, *, needed: bool) -> Splits | None:
        """Return the images of the study; None if they are gone and nothing is left to be measured."""
        try:
            return images_for(self.study)
        except DataError as error:
            if needed or test_accuracy(self.study, network, weights, None) is None:
                raise
            self.told(f"{error} The written files are compared on random images alone.")
            return None

    def _facts(self, network: TrialResult, weights: Path, splits: Splits | None) -> dict[str, str]:
        images = images_of(self.study)
        tested = test_accuracy(self.study, network, weights, splits)
        assert tested is not None  # with the images it is measured, and without them it was
        latencies = self.store.latest(
            network.architecture,
            num_classes=len(images["classes"]),
            in_channels=images["channels"],
        )
        return provenance(self.study, self.result, network, tested=tested, latencies=latencies)

    def _other_classes(self, wish: ExportOptions) -> int | None:
        """Return for how many classes a new head is wanted, None if the trained one is."""
        trained = len(images_of(self.study)["classes"])
        if wish.classes is not None and wish.classes < 1:
            raise ExportError(
                f"Cannot export a head for {wish.classes} classes: expected at least 1, for example 100."
            )
        return None if wish.classes == trained else wish.classes

    def _new_head(self, architecture: Architecture, classes: int) -> str:
        """Return what a new head means, and tell it."""
        trained, channels = len(images_of(self.study)["classes"]), images_of(self.study)["channels"]
        budgets = budgets_then(
            architecture, settings_of(self.study).budgets, num_classes=classes, in_channels=channels
        )
        for told in budgets:
            self.told(f"{told}.")
        self.told(f"The head for {classes} classes is new and must be trained; all other weights are kept.")
        return (
            f"new, for {classes} classes, not trained; accuracies are those with the head for {trained}; "
            f"{'; '.join(budgets)}"
        )

    def _keep(self, network: TrialResult, wish: ExportOptions) -> None:
        export = Export(
            architecture=network.architecture,
            study=self.study.study_name,
            trial=network.trial,
            name=wish.called,
            folder=str(expanded(wish.folder).resolve()),
            exported_at=self.now(),
        )
        self.store.add_export(export)


def _prepared(
    part: Images, splits: Splits, architecture: Architecture, *, all_of_them: bool = False
) -> tuple[Tensor, Tensor]:
    """Return images as the network takes them, [n, c, r, r], and their labels, [n]."""
    device = torch.device("cpu")
    prepare = Preprocessor(splits.mean, splits.std, architecture.resolution, device)
    rows = torch.arange(len(part) if all_of_them else min(_CALIBRATION, len(part)))
    pixels, labels = BatchSource(part, device).batch(rows)
    return prepare(pixels).contiguous(), labels
