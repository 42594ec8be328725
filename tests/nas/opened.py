"""Opens a study of a test together with the storage that it was made in."""

import optuna

from nas.study.opened_study import OpenedStudy


def opened(study: optuna.Study) -> OpenedStudy:
    """Return a study with its storage."""
    return OpenedStudy(study, study._storage)
