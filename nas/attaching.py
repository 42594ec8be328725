"""Makes files of a training artifacts of its trial, which the Optuna dashboard shows and hands out."""

from pathlib import Path
from typing import Final

import optuna
from optuna.artifacts import get_all_artifact_meta, upload_artifact
from optuna.trial import Trial

from dashboards.artifacts import ArtifactFolders
from dashboards.picture import picture
from nas.study import folder_of, images_of
from search_spaces.architecture import Architecture
from search_spaces.counting import count_parts
from trials.trainable import CHECKPOINT, WEIGHTS

_FOLDER: Final = "artifacts"  # of a study, in its own folder


def artifact_folder(folder: Path) -> Path:
    """Return where the artifacts of a study lie that has its files in `folder`."""
    return folder / _FOLDER


class Attachments:
    """The artifacts of one study.

    Args:
        folder: Of the study's files.
        num_classes: Class scores of its networks.
        in_channels: Channels of their images.
    """

    def __init__(self, folder: Path, *, num_classes: int, in_channels: int) -> None:
        self._trials = folder / "trials"
        self._store = ArtifactFolders(lambda: [artifact_folder(folder)])
        self._exported = ArtifactFolders(lambda: [artifact_folder(folder)], linked=False)  # they are edited
        self._classes, self._channels = num_classes, in_channels

    @classmethod
    def of(cls, study: optuna.Study) -> "Attachments":
        """Return the artifacts of a study that nas search began."""
        images = images_of(study)
        folder = Path(folder_of(study))
        return cls(folder, num_classes=len(images["classes"]), in_channels=images["channels"])

    def begin(self, trial: Trial, architecture: Architecture) -> None:
        """Attach what a network is: its architecture and its picture."""
        folder = self._trials / f"{trial.number:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        parts = count_parts(architecture, num_classes=self._classes, in_channels=self._channels, deploy=True)
        (folder / "architecture.json").write_text(architecture.to_json() + "\n", encoding="utf-8")
        (folder / "network.svg").write_text(picture(architecture, parts), encoding="utf-8")
        for name in ("network.svg", "architecture.json"):
            self._attach(trial, folder / name)

    def end(self, trial: Trial) -> None:
        """Attach the weights of a whole training, or the checkpoint of one that was stopped early."""
        folder = self._trials / f"{trial.number:05d}"
        for name in (WEIGHTS, CHECKPOINT):
            if (folder / name).exists():
                self._attach(trial, folder / name)
                return

    def deliver(self, study: optuna.Study, files: tuple[Path, ...]) -> None:
        """Attach exported files to the study, whose trials have ended; one of the same name gives way."""
        known = {meta.filename: meta.artifact_id for meta in get_all_artifact_meta(study)}
        for path in files:
            if path.name in known:
                self._replace(known[path.name], path)
            else:
                upload_artifact(artifact_store=self._exported, file_path=str(path), study_or_trial=study)

    def _replace(self, artifact_id: str, path: Path) -> None:
        if self._exported.holds(artifact_id):
            self._exported.remove(artifact_id)
        with path.open("rb") as file:
            self._exported.write(artifact_id, file)

    def _attach(self, trial: Trial, path: Path) -> None:
        known = {meta.filename for meta in get_all_artifact_meta(trial)}
        if path.name not in known:  # a training that goes on has some already
            upload_artifact(artifact_store=self._store, file_path=str(path), study_or_trial=trial)
