"""The paths of jobs of every kind: submitted to a path of their kind, read and ended below ``/v1/jobs``."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import PlainTextResponse

from nas.service.access import Reader, The, Writer, own_job
from nas.service.command_options import QUEUED, JobOptions
from nas.service.job import Kind, State
from nas.service.problems import PROBLEMS
from nas.service.records import AnyJobPage, JobRecord, JobResult
from nas.service.refusals import ConflictError
from nas.service.routes import Before, Id, Limit, log_of, page_of
from nas.service.submission import cancel, submit_command

jobs: Final = APIRouter(prefix="/v1", responses=PROBLEMS)


def _submit_to(kind: Kind, model: type[JobOptions]) -> Callable[..., dict[str, Any]]:
    def submit(options: JobOptions, token: Writer, service: The, response: Response) -> dict[str, Any]:
        job = submit_command(service, token, kind, options)
        response.headers["Location"] = f"/v1/jobs/{job.id}"
        return job.to_json()

    submit.__annotations__["options"] = model
    submit.__doc__ = f"Submit a job that does what ``nas {kind}`` does."
    return submit


for _kind, (_path, _model) in QUEUED.items():
    jobs.post(f"/{_path}", status_code=201, response_model=JobRecord, operation_id=f"submit_{_kind}")(
        _submit_to(_kind, _model)
    )


@jobs.get("/jobs", response_model=AnyJobPage)
def list_jobs(
    token: Reader,
    service: The,
    limit: Limit = 50,
    before: Before = None,
    state: Annotated[State | None, Query(description="State that they are in.")] = None,
    kind: Annotated[Kind | None, Query(description="What they do.")] = None,
) -> dict[str, Any]:
    """List your jobs of every kind, latest first; an administrator gets those of all users."""
    found, following = page_of(service, token, state=state, kind=kind, before=before, limit=limit)
    return {"jobs": found, "next": following}


@jobs.get("/jobs/{id}", response_model=JobRecord)
def get_job(id: Id, token: Reader, service: The) -> dict[str, Any]:  # noqa: A002 -- its name in the path
    """Return one job."""
    return own_job(service, token, id).to_json()


@jobs.get("/jobs/{id}/result", response_model=JobResult)
def get_result(id: Id, token: Reader, service: The) -> dict[str, Any]:  # noqa: A002 -- its name in the path
    """Return what a job has printed: as text, and as data if it was asked for as JSON."""
    job = own_job(service, token, id)
    if job.is_open or job.result is None:
        ended = "waits or runs" if job.is_open else "has printed nothing here"
        raise ConflictError(
            f"This job ({job.kind}) {ended}: expected one that has ended and is no search. See its state at "
            f"/v1/jobs/{job.id}."
        )
    return {"output": job.result["output"], "result": job.result.get("result")}


@jobs.get(
    "/jobs/{id}/log",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def read_job_log(id: Id, token: Reader, service: The) -> str:  # noqa: A002 -- its name in the path
    """Return the end of what a job has said on this server."""
    return log_of(service, own_job(service, token, id))


@jobs.delete("/jobs/{id}", status_code=202, response_model=JobRecord)
def cancel_job(
    id: Id,  # noqa: A002 -- its name in the path
    token: Writer,
    service: The,
    now: Annotated[bool, Query(description="Whether running trainings are stopped too.")] = False,
) -> dict[str, Any]:
    """End a job; what it has done is kept."""
    return cancel(service, token, id, "now" if now else "drain").to_json()
