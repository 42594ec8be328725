"""Makes files of a training artifacts of its trial, which the Optuna dashboard shows and hands out."""

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
from trials.training.run_trial import CHECKPOINT, WEIGHTS

_OPTUNAS: Final = "artifacts:"  # and the id: the attribute in which Optuna keeps what an artifact is
_UNKNOWN: Final = "application/octet-stream"


class TrialArtifacts:
    """The artifacts of one study.

    Args:
        files: Of the study.
        num_classes: Class scores of its networks.
        in_channels: Channels of their images.
    """

    def __init__(self, files: StudyFiles, *, num_classes: int, in_channels: int) -> None:
        self._files, self._place = files, files.artifacts()
        self._store = Artifacts(lambda: [self._place])
        self._exported = Artifacts(lambda: [self._place], linked=False)  # they are edited
        self._classes, self._channels = num_classes, in_channels

    @classmethod
    def of(cls, study: optuna.Study) -> "TrialArtifacts":
        """Return the artifacts of a study that nas search began."""
        images = images_of(study)
        return cls(files_of(study), num_classes=len(images["classes"]), in_channels=images["channels"])

    def begin(self, opened: OpenedStudy, number: int, architecture: Architecture) -> None:
        """Attach the architecture of a trial's network and a picture of it."""
        parts = count_parts(architecture, num_classes=self._classes, in_channels=self._channels, deploy=True)
        told = {
            "network.svg": picture(architecture, parts),
            "architecture.json": architecture.to_json() + "\n",
        }
        known = _names(opened, number)
        for name, content in told.items():
            if name not in known:  # a training that goes on has them already
                self._files.write(f"{trial_folder(number)}/{name}", content)
                self._attach(opened, number, name)

    def end(self, opened: OpenedStudy, number: int) -> None:
        """Attach the weights of a whole training, or the checkpoint of one that was stopped early."""
        for name in (WEIGHTS, CHECKPOINT):
            if self._files.exists(f"{trial_folder(number)}/{name}"):
                if name not in _names(opened, number):
                    self._attach(opened, number, name)
                return

    def deliver(self, study: optuna.Study, files: tuple[Path, ...]) -> None:
        """Attach exported files to the study, whose trials have ended; one of the same name gives way."""
        known = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(study)}
        for path in files:
            if path.name in known:
                self._place.write(known[path.name], path, linked=False)
            else:
                upload_artifact(artifact_store=self._exported, file_path=str(path), study_or_trial=study)

    def _attach(self, opened: OpenedStudy, number: int, name: str) -> None:
        lies = self._files.artifact_id(number, name)
        if lies is not None:
            kind, encoding = mimetypes.guess_type(name)
            meta = ArtifactMeta(artifact_id=lies, filename=name, mimetype=kind or _UNKNOWN, encoding=encoding)
            opened.set_system_attribute(number, _OPTUNAS + lies, json.dumps(asdict(meta)))
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
