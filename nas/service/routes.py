"""The paths below ``/v1``: searches, their results, and what fits."""

import asyncio
import functools
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse
from starlette.background import BackgroundTask

from nas.profiling.space_profile import profile_space
from nas.service.access import Administrator, Reader, Service, The, Writer, own_search, seen_user
from nas.service.command_files import FORMATS, write_export, write_report
from nas.service.command_options import Text
from nas.service.command_run import Desk, scratch_folder
from nas.service.events import EventResponse, event_stream
from nas.service.job import Job, Kind, State
from nas.service.problems import PROBLEMS
from nas.service.proxy_login import PROXY_TOKEN
from nas.service.records import ActPage, Health, JobPage, JobRecord, Me, Networks, Profile
from nas.service.refusals import ConflictError, NotFoundError
from nas.service.search_options import SearchOptions, check_space
from nas.service.submission import allowed_for, cancel, submit
from nas.service.tokens import Token
from search_spaces.budget import Budget
from search_spaces.loading import load
from search_spaces.pricing import prices
from search_spaces.sampling import check_satisfiable

LOG_BYTES: Final = 64 * 1024
VERSION: Final = 1
_LARGEST: Final = 2**31 - 1

v1: Final = APIRouter(prefix="/v1", responses=PROBLEMS)
Limit = Annotated[int, Query(ge=1, le=200, description="Most entries of a page.")]
Before = Annotated[int | None, Query(ge=0, le=_LARGEST, description="Number that theirs are below.")]
Id = str


@v1.post("/searches", status_code=201, response_model=JobRecord)
def submit_search(options: SearchOptions, token: Writer, service: The, response: Response) -> dict[str, Any]:
    """Submit a search; one with the same ``study`` as an earlier one of yours goes on with it."""
    job = submit(service, token, options)
    response.headers["Location"] = f"/v1/searches/{job.id}"
    return job.to_json()


@v1.get("/searches", response_model=JobPage)
def list_searches(
    token: Reader,
    service: The,
    limit: Limit = 50,
    before: Before = None,
    state: Annotated[State | None, Query(description="State that they are in.")] = None,
) -> dict[str, Any]:
    """List your searches, latest first; an administrator gets those of all users."""
    jobs, following = page_of(service, token, state=state, kind="search", before=before, limit=limit)
    return {"searches": jobs, "next": following}


@v1.get("/searches/{id}", response_model=JobRecord)
def get_search(id: Id, token: Reader, service: The) -> dict[str, Any]:  # noqa: A002 -- its name in the path
    """Return one search."""
    return own_search(service, token, id).to_json()


@v1.delete("/searches/{id}", status_code=202, response_model=JobRecord)
def cancel_search(
    id: Id,  # noqa: A002 -- its name in the path
    token: Writer,
    service: The,
    now: Annotated[bool, Query(description="Whether running trainings are stopped too.")] = False,
) -> dict[str, Any]:
    """End a search: its running trainings end first, or are stopped with ``now``; results are kept."""
    return cancel(service, token, own_search(service, token, id).id, "now" if now else "drain").to_json()


@v1.get(
    "/searches/{id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {}}}}},
)
async def follow_search(
    id: Id,  # noqa: A002 -- its name in the path
    token: Reader,
    service: The,
) -> StreamingResponse:
    """Follow a search by server-sent events: ``job``, ``epoch``, ``trial``, ``best`` and ``end``."""

    def read() -> tuple[Any, Any]:
        job = own_search(service, token, id)
        return job, service.reader.result(job)

    def may_read() -> bool:
        now, listed = datetime.now(UTC), service.tokens.listed()
        return token.id == PROXY_TOKEN or any(one.id == token.id and one.is_valid(now) for one in listed)

    await asyncio.to_thread(own_search, service, token, id)  # the database may take its time
    return EventResponse(event_stream(read, may_read), user=token.user)


@v1.get("/searches/{id}/networks", response_model=Networks)
def list_networks(id: Id, token: Reader, service: The) -> dict[str, Any]:  # noqa: A002 -- its name in the path
    """Return the networks of a search so far, best first, as ``nas show --json`` does."""
    job = own_search(service, token, id)
    result = service.reader.result(job)
    shown: dict[str, Any] = {} if result is None else result.to_json()
    return {
        "version": shown.get("version", VERSION),
        "study": job.name,
        "metric": shown.get("metric", job.options.get("metric", "accuracy")),
        "trained": shown.get("trained", 0),
        "budgets": shown.get("budgets", job.options.get("budget", [])),
        "networks": shown.get("networks", []),
    }


@v1.get(
    "/searches/{id}/log",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def read_log(id: Id, token: Reader, service: The) -> str:  # noqa: A002 -- its name in the path
    """Return the end of what the search has printed on this server."""
    return log_of(service, own_search(service, token, id))


@v1.get(
    "/searches/{id}/report",
    response_class=FileResponse,
    responses={200: {"content": {kind: {"schema": {"type": "string"}} for kind in FORMATS.values()}}},
)
def get_report(
    id: Id,  # noqa: A002 -- its name in the path
    token: Reader,
    service: The,
    format: Annotated[Literal["html", "md", "csv"], Query()] = "html",  # noqa: A002 -- as on the command line
) -> FileResponse:
    """Return the report of a search, as ``nas report`` writes it."""
    job = own_search(service, token, id)
    _check_begun(service.reader.result(job))
    file, removing = _written(
        lambda at: write_report(desk_of(service, job.user), token.user, job, format, at)
    )
    policy = {"Content-Security-Policy": "sandbox allow-scripts; default-src 'none'; "
              "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"}  # fmt: skip
    return FileResponse(file, media_type=FORMATS[format], headers=policy, background=removing)


@v1.get(
    "/searches/{id}/export",
    response_class=FileResponse,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
def get_export(
    id: Id,  # noqa: A002 -- its name in the path
    token: Reader,
    service: The,
    trial: Annotated[int | None, Query(ge=0, le=_LARGEST, description="By default the best.")] = None,
) -> FileResponse:
    """Return a network as a zip archive of what ``nas export`` writes: plain PyTorch, weights, ONNX, card."""
    job = own_search(service, token, id)
    _check_begun(service.reader.result(job))
    desk = desk_of(service, job.user)
    file, removing = _written(lambda at: write_export(desk, token.user, job, trial, at))
    service.audit.add(token, "export", job.id)
    return FileResponse(file, media_type="application/zip", filename=file.name, background=removing)


@v1.get(
    "/searches/{id}/networks/{trial}/picture",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}},
)
def get_picture(id: Id, trial: int, token: Reader, service: The) -> Response:  # noqa: A002
    """Return the picture of a network as SVG."""
    svg = service.reader.picture(own_search(service, token, id).study, trial)
    if svg is None:
        raise NotFoundError(f"This search has no network {trial}: expected the number of one of its trials.")
    return Response(svg, media_type="image/svg+xml")


@v1.get("/profile", response_model=Profile)
def get_profile(
    token: Reader,
    service: The,
    budget: Annotated[list[Text], Query(max_length=8, description="For example 300M-MACs.")],
    space: Annotated[Text, Query()] = "hybrid_small",
    classes: Annotated[int, Query(ge=2, le=100_000)] = 10,
    channels: Annotated[int, Query(ge=1, le=16)] = 3,
) -> dict[str, Any]:
    """Return which share of a space fits budgets, as ``nas profile --json`` does."""
    del token
    check_space(space, service.allowed)
    return profiled(tuple(budget), space, classes, channels)


@v1.get("/me", response_model=Me)
def get_me(token: Reader, service: The) -> dict[str, Any]:
    """Return who calls, and the data sets that a search can name."""
    return {"user": token.user, "role": token.role, "data": sorted(allowed_for(service, token.user).data)}


@v1.get("/audit", response_model=ActPage)
def list_acts(token: Administrator, service: The, limit: Limit = 50, before: Before = None) -> dict[str, Any]:
    """List who did what, latest first; for administrators."""
    del token
    acts = service.audit.page(before=before, limit=limit)
    following = acts[-1].number if len(acts) == limit else None
    return {"acts": [act.to_json() for act in acts], "next": following}


@v1.get("/health", response_model=Health)
def get_health(service: The) -> dict[str, Any]:
    """Answer while service and database do; needs no token."""
    service.table.counts()
    return {"status": "ok"}


def desk_of(service: Service, user: str) -> Desk:
    """Return where the commands of a user run."""
    return Desk(url=service.table.url, user=user, storage_path=service.workers.storage_path)


def page_of(
    service: Service, token: Token, *, state: State | None, kind: Kind | None, before: int | None, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Return the jobs of a page that a user may see, and the number that those of the next page are below."""
    found = service.table.page(user=seen_user(token), state=state, kind=kind, before=before, limit=limit)
    following = found[-1].number if len(found) == limit else None
    return [job.to_json() for job in found], following


def log_of(service: Service, job: Job) -> str:
    """Return the end of what a job has printed on this server."""
    file = service.workers.log_of(job.id)
    if not file.exists():
        return ""
    with file.open("rb") as opened:
        opened.seek(max(0, file.stat().st_size - LOG_BYTES))
        return opened.read().decode("utf-8", "replace")


@functools.lru_cache(maxsize=128)
def profiled(budgets: tuple[str, ...], space: str, classes: int, channels: int) -> dict[str, Any]:
    """Return what fits budgets, as JSON takes it.

    Raises:
        UserError: if a budget cannot be read, or nothing fits.
    """
    table = prices(load(space).codes, num_classes=classes, in_channels=channels)
    read = [Budget.parse(text) for text in budgets]
    check_satisfiable(table, read)  # without a look at all other spaces, which takes seconds
    return profile_space(table, read, np.random.default_rng(0)).to_json()


def _check_begun(result: object) -> None:
    if result is None:
        raise ConflictError("This search has not begun: expected one with networks. Wait until it runs.")


def _written(write: Callable[[Path], Path]) -> tuple[Path, BackgroundTask]:
    """Return the file that is written to a folder of its own, and what removes both once it was sent."""
    with ExitStack() as stack:
        file = write(stack.enter_context(scratch_folder()))
        return file, BackgroundTask(stack.pop_all().close)
