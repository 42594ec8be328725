"""Users as an administrator sees them: listed with their use, backed up, and deleted with all their data."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import optuna
from sqlalchemy import delete, func, select

from nas.administration import study_admin
from nas.files.locating import files_of
from nas.files.staging import output_folder, staged_folder
from nas.files.study_images import image_cache_of
from nas.service.job import Job
from nas.service.job_table import JobTable
from nas.service.quotas import Quota, Quotas, known_user
from nas.service.refusals import ConflictError
from nas.service.tokens import Tokens
from nas.service.user_files import comparisons_of, disk_bytes, exports_of, studies_of
from nas.service.workers import Workers
from nas.storage.network_rows import copy_networks
from nas.storage.optuna_storage import existing_storage, exists, open_storage
from nas.storage.schema import AuditRow, JobRow, TokenRow, UsageRow, UserRow
from nas.study.places import keep_folder
from nas.study.study import settings_of
from nas.study.trial_attributes import architecture_of, described
from search_spaces.errors import InvalidValueError
from trials.images import image_cache

_DOING: Final = "write the backup to"
_WAIT_S: Final = 90.0
_MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSummary:
    """A user with quotas and use.

    Attributes:
        user: Name of the user.
        tokens: Number of valid tokens.
        open: Number of jobs that wait or run.
        jobs: Number of all jobs.
        used_hours: Hours of this month for which jobs have held workers.
        disk_bytes: Bytes of data sets, studies and exports.
        quota: What the user may use; what is None there is as the server says.
    """

    user: str
    tokens: int
    open: int
    jobs: int
    used_hours: float
    disk_bytes: int
    quota: Quota

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {**asdict(self), "used_hours": round(self.used_hours, 3)}


def users(table: JobTable, workers: Workers) -> tuple[UserSummary, ...]:
    """Return all users by name.

    Args:
        table: The jobs.
        workers: Where their files are.
    """
    quotas = Quotas(table)
    used_s, now = quotas.used_s(), datetime.now(UTC)
    valid = [token.user for token in Tokens(table).listed() if token.is_valid(now)]
    with table.writing() as session:
        wanted = select(JobRow.user, JobRow.state, func.count()).group_by(JobRow.user, JobRow.state)
        counts = session.execute(wanted).all()
    return tuple(
        UserSummary(
            user=user,
            tokens=valid.count(user),
            open=sum(n for of, state, n in counts if of == user and state in {"queued", "running"}),
            jobs=sum(n for of, _, n in counts if of == user),
            used_hours=used_s.get(user, 0.0) / 3600,
            disk_bytes=disk_bytes(table.url, workers, user),
            quota=quota,
        )
        for user, quota in sorted(quotas.all().items())
    )


def back_up(table: JobTable, workers: Workers, user: str, to: Path) -> Path:
    """Write a user's data to a new folder and return it.

    It has ``user.json`` (jobs, tokens without secrets, acts, use), the studies in a database with the latency
    measurements of their networks, ``nas-runs/STUDY`` (their files) and ``uploads``. Files behind a
    URL are left where they are.

    Args:
        table: The jobs.
        workers: Where their files are.
        user: Name of the user.
        to: Folder to write.

    Raises:
        NotFoundError: if there is no such user.
        ConflictError: if a job of the user runs.
        InvalidValueError: if there is something in the folder.
    """
    record = _record(table, user)
    _check_idle(table, user)
    folder = output_folder(to, _DOING)
    if folder.is_dir() and any(folder.iterdir()):
        raise InvalidValueError(f"Cannot write the backup to '{to}': it is not empty. Expected a new folder.")
    with staged_folder(folder, _DOING) as stage:
        (stage / "user.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
        for name, path in workers.uploads.of(user).items():
            shutil.copytree(path, stage / "uploads" / name)
        _copy_studies(list(studies_of(table.url, user)), table.url, stage)
    return folder


def delete_user(
    table: JobTable, workers: Workers, user: str, *, report_line: Callable[[str], None] = lambda _: None
) -> tuple[str, ...]:
    """Delete a user with tokens, jobs, logs, data sets, studies, exports and artifacts; running jobs end.

    The audit log keeps what the user did. Decoded images of the studies are deleted too.

    Args:
        table: The jobs.
        workers: Where their files are.
        user: Name of the user.
        report_line: Called with a line on what is waited for.

    Returns:
        Folders and URLs whose files were left, because nothing shows that they belong to this storage.

    Raises:
        NotFoundError: if there is no such user.
        ConflictError: if a job does not end.
    """
    _close(table, user)
    _end_jobs(table, user, report_line)
    left: list[str] = []
    if exists(table.url):
        storage = existing_storage(table.url, writing=True)
        for study in list(studies_of(table.url, user)):
            _delete_decoded(study)
            left += study_admin.delete(storage, study.study_name)
    for job in table.page(user=user, limit=_MOST):
        _delete_logs(workers, job)
    workers.uploads.remove_all(user)
    for folder in (exports_of(workers.storage_path, user), comparisons_of(workers.storage_path, user)):
        shutil.rmtree(folder, ignore_errors=True)
    with table.writing() as session:
        for rows in (UsageRow, TokenRow, JobRow):
            session.execute(delete(rows).where(rows.user == user))
        session.execute(delete(UserRow).where(UserRow.name == user))
    return tuple(left)


def _record(table: JobTable, user: str) -> dict[str, Any]:
    jobs = [job.to_json() for job in table.page(user=user, limit=_MOST)]
    with table.writing() as session:
        row = known_user(session, user)
        quota = {name: getattr(row, name) for name in ("jobs_at_once", "slot_hours", "disk_gib")}
        used = {
            one.month: one.used_s for one in session.scalars(select(UsageRow).where(UsageRow.user == user))
        }
        rows = session.scalars(select(AuditRow).where(AuditRow.user == user).order_by(AuditRow.number))
        acts = [{"at": one.at.isoformat(), "act": one.act, "subject": one.subject} for one in rows]
    tokens = [token.to_json() for token in Tokens(table).listed() if token.user == user]
    return {
        "version": 1,
        "user": user,
        "quota": quota,
        "used_s": used,
        "jobs": jobs,
        "tokens": tokens,
        "acts": acts,
    }


def _check_idle(table: JobTable, user: str) -> None:
    running = table.page(user=user, state="running", limit=1)
    if running:
        raise ConflictError(
            f"A job of {user} runs (study '{running[0].name}'): expected none. Wait for it, or cancel it "
            f"with: nas jobs cancel {running[0].id}"
        )


def _copy_studies(studies: Sequence[optuna.Study], url: str, stage: Path) -> None:
    """Copy studies with their files, and what is known of their networks."""
    copy = f"sqlite:///{stage / 'nas.db'}"
    for study in studies:
        _copy_study(study, url, copy, stage)
    if studies:
        copy_networks(
            url,
            copy,
            fingerprints={
                architecture_of(trial).fingerprint
                for study in studies
                for trial in study.get_trials(deepcopy=False)
                if described(trial)
            },
            studies=[study.study_name for study in studies],
        )


def _copy_study(study: optuna.Study, url: str, copy: str, stage: Path) -> None:
    files = files_of(study).shared_folder
    copied = open_storage(copy)
    name = study.study_name
    optuna.copy_study(from_study_name=name, from_storage=existing_storage(url), to_storage=copied)
    if files is not None and files.is_dir():
        place = stage / "nas-runs" / name
        shutil.copytree(files, place, ignore=shutil.ignore_patterns("ray", "driver.lock"))
        keep_folder(optuna.load_study(study_name=name, storage=copied), str(place))
    copied.remove_session()
    copied.engine.dispose()


def _close(table: JobTable, user: str) -> None:
    """Revoke a user's tokens and cancel the jobs."""
    with table.writing() as session:
        known_user(session, user)
    tokens = Tokens(table)
    for token in tokens.listed():
        if token.user == user:
            tokens.revoke(token.id)
    for state in ("queued", "running"):
        for job in table.page(user=user, state=state, limit=_MOST):
            table.cancel(job, "now")


def _end_jobs(table: JobTable, user: str, report_line: Callable[[str], None]) -> None:
    ends_s = time.monotonic() + _WAIT_S
    while running := table.page(user=user, state="running", limit=1):
        if time.monotonic() > ends_s:
            raise ConflictError(
                f"The job {running[0].id} of {user} has not ended: expected that within {_WAIT_S:g} s. Check "
                f"that nas serve runs, then run the same command again."
            )
        report_line(f"Waiting for the job {running[0].id} to end.")
        time.sleep(1.0)


def _delete_decoded(study: optuna.Study) -> None:
    """Delete the decoded images of a study; another one on the same images decodes them again."""
    cache = image_cache_of(study)
    fingerprint = settings_of(study).data_fingerprint
    for folder in cache.iterdir() if cache.is_dir() else ():
        splits = image_cache.load(folder) if "-" not in folder.name else None
        if splits is not None and splits.fingerprint == fingerprint:
            for one in (folder, *cache.glob(f"{folder.name}-*")):
                shutil.rmtree(one, ignore_errors=True)


def _delete_logs(workers: Workers, job: Job) -> None:
    for path in workers.log_of(job.id).parent.glob(f"{job.id}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
