"""Submits and cancels jobs: what API and page do alike."""

import secrets
from dataclasses import replace
from typing import Final

from nas.service.access import Service, own_job
from nas.service.command_options import CompareOptions, JobOptions, MeasureOptions, RetrainOptions
from nas.service.command_words import check_command
from nas.service.job import Cancel, Job, Kind, study_of
from nas.service.quotas import Quotas
from nas.service.refusals import QuotaError
from nas.service.search_options import Allowed, SearchOptions, check_options
from nas.service.search_sources import check_sources
from nas.service.tokens import Token
from nas.service.user_files import disk_bytes
from nas.study.naming import checked_name

_LONGEST: Final = 200


def submit(service: Service, token: Token, options: SearchOptions) -> Job:
    """Check options of a search and add it to the queue.

    Raises:
        UserError: if any of them cannot be used; nothing is added.
    """
    service.submissions.take(token.user)
    check_quota(service, token.user)
    allowed = allowed_for(service, token.user)
    check_options(options, allowed, service.table.url)
    check_sources(options, allowed, service.table.url, token.user)
    name = checked_name(options.study or f"search-{secrets.token_hex(4)}")
    job = service.table.submit(
        token.user, study_of(token.user, name), options.for_search(), priority=options.priority
    )
    service.audit.add(token, "submit", job.id)
    return job


def submit_command(service: Service, token: Token, kind: Kind, options: JobOptions) -> Job:
    """Check options of a command and add it to the queue.

    Raises:
        UserError: if any of them cannot be used; nothing is added.
    """
    service.submissions.take(token.user)
    check_quota(service, token.user)
    check_command(options, allowed_for(service, token.user))
    job = service.table.submit(
        token.user,
        study_of(token.user, _study(options)),
        options.model_dump(exclude={"priority"}, exclude_defaults=True),
        kind=kind,
        priority=options.priority,
    )
    service.audit.add(token, kind, job.id)
    return job


def _study(options: JobOptions) -> str:
    """Return the name of the study that a job is listed under, without that of the user."""
    named: object = None
    if isinstance(options, RetrainOptions):
        named = options.study
    elif isinstance(options, CompareOptions):
        named = options.study or options.networks[0]
    elif isinstance(options, MeasureOptions):
        return f"measure-{secrets.token_hex(4)}"  # any number at a time
    name = str(named).partition("#")[0] if isinstance(named, str) else ""
    return name[:_LONGEST] or f"networks-{secrets.token_hex(4)}"


def allowed_for(service: Service, user: str) -> Allowed:
    """Return what a user may name: what the server allows, and data sets of the user's own."""
    return replace(service.allowed, data={**service.workers.data_of(user), **service.allowed.data})


def check_quota(service: Service, user: str) -> None:
    """Raise if a user has used what the user may.

    Raises:
        QuotaError: if so, with what is used up.
    """
    quotas, workers = Quotas(service.table, service.workers.quota), service.workers
    quota = quotas.of(user)
    reason = quota.exceeded_hours(quotas.used_s().get(user, 0.0))
    if reason is None and quota.disk_gib is not None:
        reason = quota.exceeded_disk(disk_bytes(service.table.url, workers, user))
    if reason is not None:
        raise QuotaError(reason)


def cancel(service: Service, token: Token, id: str, how: Cancel) -> Job:  # noqa: A002 -- its name in the API
    """End a search, and return it as it is now.

    Args:
        service: What the answers rest on.
        token: Who asks.
        id: Id of the search.
        how: ``drain`` to let running trainings end, ``now`` to stop them.

    Raises:
        NotFoundError: if the caller has none of this id.
    """
    job = service.table.cancel(own_job(service, token, id), how)
    service.audit.add(token, f"cancel {how}", job.id)
    return job
