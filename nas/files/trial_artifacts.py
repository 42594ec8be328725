"""Attaches weights, pictures and exports to trials and studies as Optuna artifacts for the dashboard."""

import json
import mimetypes
from dataclasses import asdict
from pathlib import Path
from typing import Final

import optuna
from optuna.artifacts import ArtifactMeta, get_all_artifact_meta, upload_artifact

from dashboards.artifacts import Artifacts
from dashboards.picture import picture
from nas.files.locating import files_of
from nas.files.study_files import StudyFiles
from nas.study.naming import trial_folder
from nas.study.opened_study import OpenedStudy
from nas.study.study import images_of
from search_spaces.architecture import Architecture
from search_spaces.counting import count_parts
from trials.training.file_names import CHECKPOINT, WEIGHTS

_ATTRIBUTE_PREFIX: Final = "artifacts:"  # followed by an artifact's id: Optuna's key of its metadata
_UNKNOWN: Final = "application/octet-stream"


class TrialArtifacts:
    """Attaches the artifacts of one study.

    Args:
        files: Files of the study.
        num_classes: Number of classes of the images.
        in_channels: Channels of the images.
    """

    def __init__(self, files: StudyFiles, *, num_classes: int, in_channels: int) -> None:
        self._files, self._place = files, files.artifacts()
        self._store = Artifacts(lambda: [self._place])
        self._exported = Artifacts(lambda: [self._place], linked=False)  # copied, because users edit exports
        self._classes, self._channels = num_classes, in_channels

    @classmethod
    def of(cls, study: optuna.Study) -> "TrialArtifacts":
        """Return an attacher for a study of ``nas search``."""
        images = images_of(study)
        return cls(files_of(study), num_classes=len(images["classes"]), in_channels=images["channels"])

    def begin(self, opened: OpenedStudy, number: int, architecture: Architecture) -> None:
        """Attach the architecture of a trial's network and a picture of it."""
        parts = count_parts(architecture, num_classes=self._classes, in_channels=self._channels, deploy=True)
        contents = {
            "network.svg": picture(architecture, parts),
            "architecture.json": architecture.to_json() + "\n",
        }
        known = _names(opened, number)
        for name, content in contents.items():
            if name not in known:  # a resumed training has them already
                self._files.write(f"{trial_folder(number)}/{name}", content)
                self._attach(opened, number, name)

    def end(self, opened: OpenedStudy, number: int) -> None:
        """Attach the weights of a full training, or the checkpoint of one that was stopped early."""
        for name in (WEIGHTS, CHECKPOINT):
            if self._files.exists(f"{trial_folder(number)}/{name}"):
                if name not in _names(opened, number):
                    self._attach(opened, number, name)
                return

    def attach_export(self, study: optuna.Study, files: tuple[Path, ...]) -> None:
        """Attach exported files to the study; one of the same name is replaced."""
        known = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(study)}
        for path in files:
            if path.name in known:
                self._place.write(known[path.name], path, linked=False)
            else:
                upload_artifact(artifact_store=self._exported, file_path=str(path), study_or_trial=study)

    def _attach(self, opened: OpenedStudy, number: int, name: str) -> None:
        in_place_id = self._files.artifact_id(number, name)
        if in_place_id is not None:
            kind, encoding = mimetypes.guess_type(name)
            meta = ArtifactMeta(
                artifact_id=in_place_id, filename=name, mimetype=kind or _UNKNOWN, encoding=encoding
            )
            opened.set_system_attribute(number, _ATTRIBUTE_PREFIX + in_place_id, json.dumps(asdict(meta)))
            return
        with self._files.fetched(f"{trial_folder(number)}/{name}") as path:
            upload_artifact(
                artifact_store=self._store,
                file_path=str(path),
                study_or_trial=opened.stored_trial(number),
                storage=opened.storage,
            )


def _names(opened: OpenedStudy, number: int) -> set[str]:
    """Return the file names of a trial's artifacts."""
    metas = get_all_artifact_meta(opened.stored_trial(number), storage=opened.storage)
    return {meta.filename for meta in metas}
