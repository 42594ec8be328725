"""Exports networks of a study with weights, test accuracy, latencies and provenance from the study."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import optuna
from torch import Tensor

from dashboards.network_filters import unbeaten
from dashboards.result import SearchResult, TrialResult
from nas.exports.compared_facts import compared_facts
from nas.exports.export_folder import check_target, export_network, read_weights
from nas.exports.formats import default_forms
from nas.exports.front_weights import check_front_weights
from nas.exports.held_out import held_out_digests
from nas.exports.new_head import budget_sentences, with_new_head
from nas.exports.prepared_images import decoded_size, prepared
from nas.exports.provenance import front_networks, provenance, retraining_command, test_scores
from nas.exports.target_folder import check_folder
from nas.exports.trained_recipe import trained_recipe
from nas.files.locating import files_of
from nas.files.staging import staged_folder
from nas.files.study_images import images_for
from nas.storage.records import Export
from nas.storage.store import Store
from nas.study.delivered_weights import DeliveredWeights, weights_of
from nas.study.final_tests import note_read
from nas.study.reproduce_command import retrain_command
from nas.study.results import misfit
from nas.study.scores import ScoreReader
from nas.study.study import Outline, images_of, settings_of
from search_spaces.architecture import Architecture
from search_spaces.errors import DataError, ExportError
from search_spaces.paths import expanded
from search_spaces.units import format_accuracy
from trials.images.splits import Splits
from trials.training.checksum import read_checksum


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """Options of an export.

    Attributes:
        folder: Target folder.
        name: Name of the module and of its function; None takes the folder's name.
        classes: Number of classes of a new head; None keeps the trained head.
        deploy: Whether the weights are written in the re-parameterised form for inference.
        int8: Whether quantised ONNX is written too, and with `litert` quantised LiteRT.
        litert: Whether LiteRT is written too.
        with_preprocessing: Whether the ONNX file pre-processes images itself.
        into: Whether the folder may hold other files, as in a repository.
        force: Whether files of the same names may be replaced.
        weights_of: ``search`` or ``retrain``: which weights are written; None for the better on validation
            images.
    """

    folder: Path
    name: str | None = None
    classes: int | None = None
    deploy: bool = False
    int8: bool = False
    litert: bool = False
    with_preprocessing: bool = False
    into: bool = False
    force: bool = False
    weights_of: str | None = None

    @property
    def module_name(self) -> str:
        """Name of the module."""
        return self.name or expanded(self.folder).resolve().name

    @property
    def forms(self) -> tuple[str, ...]:
        """Names of the exporters, files in nas/exports/formats."""
        more = {"onnx_int8": self.int8, "litert": self.litert, "litert_int8": self.int8 and self.litert}
        return (
            *(("torch_module",) if self.into else default_forms()),
            *(form for form, wanted in more.items() if wanted),
        )


@dataclass(frozen=True, kw_only=True)
class StudyExporter:
    """Exports networks of one study into folders, and records each export in the store.

    Attributes:
        study: Study of the networks.
        result: Result of the study.
        store: Store of exports and latencies.
        now: Clock that returns the current time with its time zone.
        report_line: Callback for lines that the user should read.
    """

    study: optuna.Study
    result: SearchResult
    store: Store
    now: Callable[[], datetime]
    report_line: Callable[[str], None]

    def export(self, network: TrialResult, options: ExportOptions) -> tuple[Path, ...]:
        """Write a network into a folder, and return the files.

        Raises:
            ExportError: if the folder, the name or the weights cannot be used.
            DataError: if the images are needed, and have moved or changed since the search.
        """
        files = self._write(network, options)
        self._record(network, options)
        return files

    def export_front(self, options: ExportOptions) -> tuple[Path, ...]:
        """Write the search's Pareto front, a folder for each network, all of them or none.

        Raises:
            ExportError: if it is empty, or the folder, the name or the weights cannot be used.
            DataError: if the images have moved or changed since the search.
        """
        networks = unbeaten(self.result.networks)
        if not networks:
            raise ExportError(
                f"No network of '{self.study.study_name}' has been trained to the end and fits: expected "
                f"one or more on the Pareto front. Run the command of the search again to continue it."
            )
        folder = expanded(options.folder).resolve()
        names = [f"{options.module_name}_{network.trial}" for network in networks]
        check_folder(folder, names, into=False, force=False)
        weights = {n.trial: self._chosen_weights(n, options).file for n in networks}
        check_front_weights(self.study.study_name, weights, files_of(self.study).exists)
        written: list[Path] = []
        with staged_folder(folder, "export to") as stage:
            for network, name in zip(networks, names, strict=True):
                self._write(network, replace(options, folder=stage / name, name=name))
                written += sorted((stage / name).iterdir())
        for network, name in zip(networks, names, strict=True):
            self._record(network, replace(options, folder=folder / name, name=name))
        return tuple(folder / path.relative_to(stage) for path in written)

    def _write(self, network: TrialResult, options: ExportOptions) -> tuple[Path, ...]:
        check_target(
            options.folder, options.module_name, options.forms, into=options.into, force=options.force
        )
        images, weights = images_of(self.study), self._chosen_weights(network, options)
        architecture, classes = network.architecture, self._other_classes(options)
        with self._fetched(network, weights) as file:
            trained = read_weights(file, read_checksum(file))
            splits = self._images(network, weights, file, needed=options.int8 or options.with_preprocessing)
            split, held_out = (
                self._held_out(network, weights, splits)
                if splits is not None and options.int8 and classes is None
                else ("", None)
            )
            facts = self._facts(network, weights, file, splits)  # last: they count who read the test images
        if (over := misfit(network)) is not None:
            self.report_line(over)
        self._say_choice(network, weights)
        if classes is not None:
            trained = with_new_head(
                trained, architecture, num_classes=classes, in_channels=images["channels"]
            )
            facts["head"] = self._new_head(architecture, classes)
        return export_network(
            architecture,
            folder=options.folder,
            name=options.module_name,
            weights=trained,
            num_classes=classes or len(images["classes"]),
            in_channels=images["channels"],
            classes=images["classes"] if classes is None else (),
            mean=images["mean"],
            std=images["std"],
            provenance=facts,
            front_networks=front_networks(self.result, network),
            recipe=trained_recipe(self.study, weights, splits),
            deploy=options.deploy,
            calibration=None if splits is None else prepared(splits.train, splits, architecture)[0],
            held_out=held_out,
            held_out_split=split,
            decoded=decoded_size(self.study, architecture, splits),
            held_out_digests=None if splits is None else held_out_digests(splits),
            trained_on_validation=weights.retrained is not None and weights.retrained.joined,
            with_preprocessing=options.with_preprocessing,
            forms=options.forms,
            into=options.into,
            force=options.force,
        )

    def _chosen_weights(self, network: TrialResult, options: ExportOptions) -> DeliveredWeights:
        outline, files = Outline(self.study.user_attrs), files_of(self.study)
        return weights_of(outline, network, options.weights_of, exists=files.exists)

    def _say_choice(self, network: TrialResult, weights: DeliveredWeights) -> None:
        """Report which weights of a retrained network are written and why, and what all of them reached."""
        if weights.reason is None:
            return
        kind, other = ("search", "retrain") if weights.retrained is None else ("retrain", "search")
        others = f" --weights-of {other} writes the others." if weights.others_kept else ""
        self.report_line(
            f"Of #{network.trial}, the weights of nas {kind} are written: {weights.reason}.{others}"
        )
        reader = ScoreReader.of(Outline(self.study.user_attrs), settings_of(self.study))
        tested = [score for score in reader.scores(network) if score.split == "test"]
        if len(tested) > 1:
            figures = [
                f"{format_accuracy(s.value, s.standard_error)} by the {s.weights_name}" for s in tested
            ]
            self.report_line(f"On test images, by which nothing is chosen: {', '.join(figures)}.")

    def _held_out(
        self, network: TrialResult, weights: DeliveredWeights, splits: Splits
    ) -> tuple[str, tuple[Tensor, Tensor]]:
        """Return the split whose images the weights did not learn from, its images and their labels."""
        if weights.retrained is None or not weights.retrained.joined:
            return "validation", prepared(splits.validation, splits, network.architecture, whole=True)
        note_read(self.study, f"{weights.file}@int8")
        return "test", prepared(splits.test, splits, network.architecture, whole=True)

    @contextmanager
    def _fetched(self, network: TrialResult, weights: DeliveredWeights) -> Iterator[Path]:
        """Yield the weights file of a network, fetched to this machine while the block runs."""
        study, files, retrained = self.study.study_name, files_of(self.study), weights.retrained
        command = (
            retrain_command(study, network.trial)
            if retrained is None
            else retraining_command(self.study, retrained)
        )
        with ExitStack() as stack:
            try:
                file = stack.enter_context(files.fetched(weights.file))
            except FileNotFoundError as error:
                raise ExportError(
                    f"Network #{network.trial} of '{study}' has no weights at '{files.place(weights.file)}': "
                    f"expected the file that its training wrote. Restore the folder, or train it again: "
                    f"{command}"
                ) from error
            yield file

    def _images(
        self, network: TrialResult, weights: DeliveredWeights, file: Path, *, needed: bool
    ) -> Splits | None:
        """Return the images of the study; None if they are missing and nothing has to be measured on them."""
        try:
            return images_for(self.study, network.architecture.resolution)
        except DataError as error:
            if needed or test_scores(self.study, network, weights, file, None) is None:
                raise
            self.report_line(f"{error} The exported files are checked on random images only.")
            return None

    def _facts(
        self, network: TrialResult, weights: DeliveredWeights, file: Path, splits: Splits | None
    ) -> dict[str, str]:
        images = images_of(self.study)
        tested = test_scores(self.study, network, weights, file, splits)
        assert tested is not None  # measured on the images, or stored before they were removed
        shape = {"num_classes": len(images["classes"]), "in_channels": images["channels"]}
        latencies = self.store.latest(network.architecture, **shape, own_ms=network.latency_ms)
        facts = provenance(self.study, self.result, network, weights=weights, latencies=latencies)
        return {**facts, **compared_facts(self.study, network)}

    def _other_classes(self, options: ExportOptions) -> int | None:
        """Return the number of classes of a new head, None if the trained head stays."""
        trained = len(images_of(self.study)["classes"])
        if options.classes is not None and options.classes < 1:
            raise ExportError(
                f"Cannot export a head for {options.classes} classes: expected at least 1, for example 100."
            )
        return None if options.classes == trained else options.classes

    def _new_head(self, architecture: Architecture, classes: int) -> str:
        """Report what a new head means for the budgets, and return it in words for the card."""
        trained, channels = len(images_of(self.study)["classes"]), images_of(self.study)["channels"]
        budgets = budget_sentences(
            architecture, settings_of(self.study).budgets, num_classes=classes, in_channels=channels
        )
        for sentence in budgets:
            self.report_line(f"{sentence}.")
        self.report_line(
            f"The head for {classes} classes is new and must be trained; all other weights are kept."
        )
        return (
            f"new, for {classes} classes, not trained; accuracies are those with the head for {trained}; "
            f"{'; '.join(budgets)}"
        )

    def _record(self, network: TrialResult, options: ExportOptions) -> None:
        export = Export(
            architecture=network.architecture,
            study=self.study.study_name,
            trial=network.trial,
            name=options.module_name,
            folder=str(expanded(options.folder).resolve()),
            exported_at=self.now(),
        )
        self.store.add_export(export)
