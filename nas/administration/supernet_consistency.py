"""Finds what is wrong with the supernet of a study: missing, damaged or foreign files."""

import hashlib
from collections.abc import Iterator

import optuna

from nas.files.locating import files_of
from nas.files.study_files import StudyFiles
from nas.files.supernet_file import own_supernet, supernet_source
from nas.study.expected_values import SUPERNET_FOLDER, ExpectedValues, expected_values
from nas.study.study import settings_of
from nas.study.supernet_record import so_far
from search_spaces.errors import FilesError, UserError
from trials.training.atomic_writing import is_draft
from trials.training.checkpoint_file import check_checkpoint
from trials.training.checksum import read_checksum
from trials.training.errors import DamagedCheckpointError
from trials.training.file_names import CHECKPOINT, READINGS, SUPERNET

_CHECKPOINT = f"{SUPERNET_FOLDER}/{CHECKPOINT}"
_WEIGHTS = f"{SUPERNET_FOLDER}/{SUPERNET}"


def supernet_problems(study: optuna.Study) -> Iterator[str]:
    """Yield what is wrong with the supernet of a study, and what to do; nothing is changed.

    One that is half trained is in order: the same search goes on with it.
    """
    try:
        settings = settings_of(study)
    except (UserError, KeyError, TypeError):
        return  # this is not the supernet's problem
    try:
        expected = expected_values(study.user_attrs)
    except (UserError, KeyError, TypeError) as error:
        yield f"what is expected of its networks cannot be read ({error})"
        return
    if settings.evaluator == "train":
        return
    files = files_of(study)
    if files.shared_folder is None or files.unreachable():
        return
    try:
        names = set(files.sizes(SUPERNET_FOLDER))
        yield from _drafts(files, names)
        if expected is None:
            yield from _half_done(study, files, names)
        else:
            yield from _done(study, files, names, expected)
    except FilesError as error:
        yield f"the files of its supernet cannot be read: {error}"


def _drafts(files: StudyFiles, names: set[str]) -> Iterator[str]:
    for name in sorted(names):
        if is_draft(name):
            yield f"a process was killed while it wrote '{files.place(name)}'; delete this file"


def _half_done(study: optuna.Study, files: StudyFiles, names: set[str]) -> Iterator[str]:
    """Yield what is wrong with a supernet that is still trained or read."""
    if _CHECKPOINT in names:
        try:
            with files.fetched(_CHECKPOINT) as checkpoint:
                check_checkpoint(checkpoint)
        except FileNotFoundError:
            return  # the running search has ended its training
        except DamagedCheckpointError as error:
            yield f"{error} The search trains its supernet from the start"
    begun = so_far(study.user_attrs).get("epochs_done", 0)
    if begun and not names & {_CHECKPOINT, _WEIGHTS} and settings_of(study).supernet is None:
        yield (
            f"its supernet was trained for {begun:.3g} epochs, and '{files.place(_CHECKPOINT)}' is missing: "
            f"the search trains it from the start; restore the file to go on with it"
        )
    alone = f"{SUPERNET_FOLDER}/{READINGS}" in names and _WEIGHTS not in names
    if alone and settings_of(study).supernet is None:
        missing = files.place(_WEIGHTS)
        yield f"it has readings and no supernet '{missing}': the search trains one and reads again"


def _done(study: optuna.Study, files: StudyFiles, names: set[str], expected: ExpectedValues) -> Iterator[str]:
    """Yield what is wrong with a supernet whose readings the study has."""
    used = settings_of(study).supernet
    without = "its own search goes on without it, nas retrain --weights supernet cannot"
    if _CHECKPOINT in names:
        yield f"its supernet is trained, and '{files.place(_CHECKPOINT)}' is left; delete this file"
    source = supernet_source(study)
    if source is None:
        yield f"its readings are of the supernet of '{used}', and that study is gone: {without}"
        return
    path = own_supernet(source)
    if path is None:
        others = "and --supernet cannot" if used is None else "cannot"
        where = files_of(source).place(_WEIGHTS)
        yield f"its supernet '{where}' is missing: {without.removesuffix(' cannot')} {others}; restore it"
        return
    digest, read = hashlib.sha256(path.read_bytes()).hexdigest(), expected.about.get("weights")
    if digest != (read_checksum(path) or digest):
        yield f"its supernet '{path}' is damaged: its checksum is another; restore it"
    elif read not in {None, digest}:
        yield f"its supernet '{path}' is not the one whose readings it has; restore that one"
