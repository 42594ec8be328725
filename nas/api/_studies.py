"""The searches that a storage keeps."""

from nas.administration import study_admin
from nas.administration.consistency import Finding, findings
from nas.administration.study_admin import KeptStudy
from nas.storage.optuna_storage import open_storage, storage_url
from nas.storage.store import Store
from nas.study.study import find


def studies(*, storage: str | None = None) -> tuple[KeptStudy, ...]:
    """Return the searches in a storage with the disk that each uses, the oldest first.

    Args:
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
    """
    return study_admin.kept_studies(open_storage(storage_url(storage)))


def check_studies(study: str | None = None, *, storage: str | None = None) -> tuple[Finding, ...]:
    """Return what is inconsistent in a study, in the database and in its folder; nothing is changed.

    Args:
        study: Its name; by default all studies of the storage.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is none; offers the nearest name.
    """
    url = storage_url(storage)
    opened = open_storage(url)
    with Store(url):  # our tables are there now
        pass
    names = [study] if study is not None else [kept.study for kept in study_admin.kept_studies(opened)]
    return tuple(finding for name in names for finding in findings(find(opened, name), url))


def rename_study(study: str, new: str, *, storage: str | None = None) -> None:
    """Call a study `new` and move its folder along.

    Args:
        study: What it is called now.
        new: What it is called from then on.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study, it is being searched, or the new name cannot be taken.
    """
    study_admin.rename(open_storage(storage_url(storage)), study, new)


def delete_study(study: str, *, storage: str | None = None) -> None:
    """Delete a study with its checkpoints, weights and log; the latencies it measured stay.

    Args:
        study: Its name.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study, or it is being searched.
    """
    study_admin.delete(open_storage(storage_url(storage)), study)
