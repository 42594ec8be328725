"""Finds the job that uses a data set of its user, so that nothing is deleted that a training reads."""

from pathlib import Path

from nas.service.job import Job, State, study_of
from nas.service.job_table import QUEUED_AT_ONCE, JobTable
from nas.service.uploads import Uploads
from nas.service.user_files import studies_of
from nas.study.study import settings_of


def job_using(table: JobTable, uploads: Uploads, user: str, name: str) -> Job | None:
    """Return a waiting or running job of a user that reads a data set, None if there is none.

    A search and a comparison name it. A retraining, and a comparison of a study, read the images of that.

    Args:
        table: The jobs.
        uploads: Data sets that users have sent.
        user: Name of the user.
        name: Name of the data set.
    """
    states: tuple[State, ...] = ("running", "queued")
    jobs = [job for state in states for job in table.page(user=user, state=state, limit=QUEUED_AT_ONCE)]
    naming = next((job for job in jobs if job.options.get("data") == name), None)
    others = {job.id: _studies_in(job) for job in jobs if job.kind in {"retrain", "compare"}}
    if naming is not None or not others:
        return naming
    folder = (uploads.folder / user / name).resolve()
    on_it = {
        study.study_name
        for study in studies_of(table.url, user)
        if Path(settings_of(study).data).resolve().is_relative_to(folder)
    }
    return next((job for job in jobs if others.get(job.id, frozenset()) & on_it), None)


def _studies_in(job: Job) -> frozenset[str]:
    """Return the names in the storage of what may be studies in the options of a job."""
    given = [job.options.get("study"), *job.options.get("networks", ()), *job.options.get("with_", ())]
    named = {one.partition("#")[0] for one in given if isinstance(one, str)}
    return frozenset(study_of(job.user, one) for one in named) | {job.study}
