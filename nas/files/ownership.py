"""Marks the folder of a study as one of this storage; what belongs to another storage is not touched.

A database and the folder of its studies may be copied, together or alone. Which of several databases a folder
belongs to stands in a file in it. What does not belong to this storage is never deleted, and is copied before
this storage goes on with it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Final

import optuna

from nas.files.folder_errors import unwritable
from nas.files.local_files import LocalFiles
from nas.files.local_paths import local_folder
from nas.files.locating import files_at, files_of
from nas.files.study_files import StudyFiles
from nas.files.urls import LOCAL, is_url
from nas.storage.identity import DatabaseIdentity, holds_study, identity_of_database, studies_in
from nas.storage.optuna_internals import database_url
from nas.storage.own_folder import database_file, own_folder
from nas.study.expected_values import SUPERNET_FOLDER
from nas.study.places import FOLDER, MARK, folder_in, given_identity, identity_of, keep_folder
from nas.study.study import known_settings
from search_spaces.errors import StudyError

_VERSION: Final = 1
_KEPT: Final = ("trials", "retrained", "artifacts", SUPERNET_FOLDER)  # what a copy goes on with
_LEVELS: Final = 4  # folders above a study's in which databases that may own it are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What stands in a folder about whose it is.

    Attributes:
        study: Name of the study.
        identity: Identity of the study.
        database: Identity of its database, whose path is relative to the folder if the folder lies below it.
    """

    study: str
    identity: str
    database: DatabaseIdentity

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version."""
        return {"version": _VERSION, "study": self.study, "id": self.identity, **self.database.to_json()}


def is_own(study: optuna.Study, files: StudyFiles | None = None) -> bool:
    """Return whether files belong to a study of this storage, and not to one that it was copied from.

    Args:
        study: The study.
        files: Its files, or other ones that it writes; by default its files.
    """
    url, files = database_url(study), files or files_of(study)
    if url is None:
        return True
    mark = _mark_of(files)
    below = _place_below(files, url) is not None
    if mark is None:
        return below and _other_claim(files, url) is None
    if mark.identity != identity_of(study):
        return False
    if not mark.database.host:
        return mark.database.is_now(identity_of_database(url))
    marked = _marked_file(files, mark)
    if Path(mark.database.database).is_absolute():
        if not mark.database.is_now(identity_of_database(url)):
            return False
        here = database_file(url)  # two files in two file systems may have the same number
        return _same_file(marked, here) or not holds_study(marked, mark.identity)
    return marked == database_file(url) or (below and not holds_study(marked, mark.identity))


def check_unused(files: StudyFiles, study: str, url: str) -> None:
    """Check that a study, if it is yet to begin, finds no files of another one where its own will lie.

    Args:
        files: The files that it will have.
        study: Its name.
        url: URL of its storage.

    Raises:
        StudyError: if there are some.
        FilesError: if the files cannot be reached.
    """
    marked = _mark_of(files) is not None or _other_claim(files, url) is not None
    if not (marked or files.sizes("trials")) or known_settings(url, study) is not None:
        return  # nothing there, or its own
    if marked:
        raise _belongs_to_another(files, url)
    raise StudyError(
        f"The folder '{files.location}' holds the trainings of another study: expected none, because "
        f"'{study}' has no trials. Move the folder away, or begin under another name with --study."
    )


def claimed(study: optuna.Study, report_line: Callable[[str], None]) -> StudyFiles:
    """Return the files of a study to write to, marked as this storage's; copies them if they are another's.

    Args:
        study: The study.
        report_line: Called with a line if they are copied.

    Raises:
        StudyError: if a study without trials finds files of another one.
        FilesError: if the files cannot be reached.
    """
    url, files = database_url(study), files_of(study)
    if url is None:
        return files
    if not _may_write(study, files, url):
        if not study.get_trials(deepcopy=False):
            raise _belongs_to_another(files, url)
        files = _copied(study, files, url, report_line)
    mark(study, files)
    beside = LocalFiles(files.local_folder)  # of files behind a URL: log and lock
    if files.shared_folder is None and _may_write(study, beside, url):
        mark(study, beside)
    keep_folder(study, files.location)
    return files


def mark(study: optuna.Study, files: StudyFiles) -> None:
    """Write into a folder that it belongs to a study of this storage.

    Raises:
        FilesError: if it cannot be written.
    """
    url = database_url(study)
    if url is None:
        return
    database, below = identity_of_database(url), _place_below(files, url)
    if below is not None:
        above = [".."] * len(below.parts)
        database = replace(database, database="/".join([*above, Path(database.database).name]), inode=0)
    written = Mark(study=study.study_name, identity=given_identity(study), database=database)
    if _mark_of(files) != written:
        try:
            files.write(MARK, json.dumps(written.to_json(), indent=2) + "\n")
        except OSError as error:
            raise unwritable(Path(files.place(MARK)), error) from error


def _may_write(study: optuna.Study, files: StudyFiles, url: str) -> bool:
    """Return whether a search may go on in a folder: it is this storage's, or nobody's any more."""
    found = _mark_of(files)
    if found is None:
        return _other_claim(files, url) is None
    if found.identity != identity_of(study):
        return False
    known_here = found.database.host and found.database.host == identity_of_database(url).host
    if known_here and not holds_study(_marked_file(files, found), found.identity):
        return True  # its database was moved
    return is_own(study, files)


def _mark_of(files: StudyFiles) -> Mark | None:
    """Return the mark in a folder, None without one; a damaged one is that of an unknown study."""
    try:
        with files.fetched(MARK) as path:
            record = json.loads(path.read_text(encoding="utf-8"))
            database = DatabaseIdentity.from_json(record)
            return Mark(study=str(record["study"]), identity=str(record["id"]), database=database)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return Mark(study="another", identity="", database=DatabaseIdentity(database="an unknown database"))


def _same_file(one: Path, other: Path | None) -> bool:
    return other is not None and one.exists() and one.samefile(other)


def _marked_file(files: StudyFiles, mark: Mark) -> Path:
    """Return the SQLite file that a mark names, links followed."""
    return ((_folder_of(files) or Path()) / mark.database.database).resolve()


def _belongs_to_another(files: StudyFiles, url: str) -> StudyError:
    return StudyError(
        f"The folder '{files.location}' belongs to {_owner(files, url)}: expected one that no other "
        f"study uses. Move it away, or begin under another name with --study."
    )


def _owner(files: StudyFiles, url: str) -> str:
    found = _mark_of(files)
    if found is None:
        return f"the database '{_other_claim(files, url)}'"
    where = f" on {found.database.host}" if found.database.host else ""
    return f"the study '{found.study}' in the database '{found.database.database}'{where}"


def _folder_of(files: StudyFiles) -> Path | None:
    """Return the folder of files, links followed; None if they are on another machine."""
    if is_url(files.location):
        protocol, _, path = files.location.partition("://")
        return Path(path).resolve() if protocol in LOCAL else None
    return Path(files.location).resolve()


def _place_below(files: StudyFiles, url: str) -> Path | None:
    """Return the folder of files relative to the storage's own, None if it does not lie below that."""
    folder, home = _folder_of(files), own_folder(url)
    below = folder is not None and home is not None and folder.is_relative_to(home)
    return folder.relative_to(home) if below else None  # type: ignore[union-attr, arg-type]


def _other_claim(files: StudyFiles, url: str) -> Path | None:
    """Return another SQLite file, near a folder without a mark, that has a study in this folder."""
    own, folder = database_file(url), _folder_of(files)
    if folder is None or not folder.exists():
        return None
    places = dict.fromkeys([*([] if own is None else [own.parent]), *folder.parents[:_LEVELS]])
    for place in places:
        for file in _files_in(place):
            if file != own and any(
                _folder_of(files_at(folder_in(attrs, f"sqlite:///{file}"), name, url)) == folder
                for name, attrs in studies_in(file)
                if FOLDER in attrs
            ):
                return file
    return None


def _files_in(place: Path) -> Iterator[Path]:
    try:
        yield from (path for path in sorted(place.iterdir()) if path.is_file())
    except OSError:  # a folder above that one may not read
        return


def _copied(
    study: optuna.Study, files: StudyFiles, url: str, report_line: Callable[[str], None]
) -> StudyFiles:
    """Return a copy of files that belong to another database, at a new place of this one."""
    place = _free_place(study, files, url)
    names = [name for name in files.sizes() if name.partition("/")[0] in _KEPT]
    report_line(
        f"The files at '{files.location}' belong to {_owner(files, url)}: "
        f"copying {len(names)} of them to '{place}', where this search goes on"
    )
    copy = files_at(place, study.study_name, url)
    for name in names:
        try:
            with files.fetched(name) as path:
                copy.put(name, path)
        except FileNotFoundError:  # its owner removed it meanwhile
            continue
    return copy


def _free_place(study: optuna.Study, files: StudyFiles, url: str) -> str:
    """Return a path or URL without files: beside the database for a folder, beside the other's for a URL."""
    first = files.location if is_url(files.location) else str(local_folder(study.study_name, url))
    candidates = (first if n == 1 else f"{first}-{n}" for n in count(1))
    return next(place for place in candidates if not files_at(place, study.study_name, url).sizes())
