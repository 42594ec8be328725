"""The paths below ``/v1/data``: data sets of the server, and archives of images that users send."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from nas.service.access import Reader, Service, The, Writer
from nas.service.archive import too_large
from nas.service.problems import PROBLEMS
from nas.service.quotas import Quotas
from nas.service.refusals import ConflictError, ForbiddenError, RefusedError
from nas.service.submission import check_quota
from nas.service.turns import Turns
from nas.service.upload_use import job_using
from nas.service.uploads import GIB, Upload
from nas.service.user_files import disk_bytes

uploads: Final = APIRouter(prefix="/v1/data", responses=PROBLEMS)
_TURNS: Final = Turns("archives on their way", 4, each=1)
_SILENCE_S: Final = 60.0
_LIMIT_S: Final = 6 * 3600.0
Name = Annotated[str, InPath(max_length=64)]


class UploadRecord(BaseModel):
    """A data set that a user has sent."""

    name: str
    images: int
    bytes: int


class DataRecord(BaseModel):
    """Data sets that a search can name."""

    server: list[str]
    """Those of the server."""
    uploads: list[UploadRecord]
    """Your own."""
    most_bytes: int
    """Most bytes of one that you send."""


@uploads.get("", response_model=DataRecord)
def list_data(token: Reader, service: The) -> dict[str, Any]:
    """List the data sets that your searches can name."""
    own = service.workers.uploads
    return {
        "server": sorted(service.allowed.data),
        "uploads": [one.to_json() for one in own.listed(token.user)],
        "most_bytes": own.most_bytes,
    }


@uploads.put(
    "/{name}",
    status_code=201,
    response_model=UploadRecord,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def send_data(name: Name, request: Request, token: Writer, service: The) -> dict[str, Any]:
    """Send a zip, tar or tar.gz archive of images, one folder for each class, as a data set of yours."""
    own = service.workers.uploads
    with _TURNS.turn(token.user):  # the quota is that of all earlier ones
        most = await run_in_threadpool(
            _room, service, token.user, name, request.headers.get("content-length", "")
        )
        left = ExitStack()
        try:
            archive = left.enter_context(own.draft(token.user, name)) / "archive"
            await _receive(request, archive, most)
            made: Upload = await run_in_threadpool(own.add, token.user, name, archive, most_bytes=most)
        finally:
            await run_in_threadpool(left.close)  # it may delete many files
    await run_in_threadpool(service.audit.add, token, "upload", name)
    return made.to_json()


@uploads.delete("/{name}", status_code=204, response_class=Response)
def delete_data(name: Name, token: Writer, service: The) -> Response:
    """Delete a data set of yours that no job waits for or uses."""
    own = service.workers.uploads
    known = name in own.of(token.user)
    using = job_using(service.table, own, token.user, name) if known else None
    if using is not None:
        raise ConflictError(
            f"The job {using.id} ({using.kind} of '{using.name}') uses this data set: expected none. "
            f"Wait for it, or cancel it first."
        )
    own.remove(token.user, name)
    service.audit.add(token, "delete data", name)
    return Response(status_code=204)


def _room(service: Service, user: str, name: str, length: str) -> int:
    """Return most bytes of an upload.

    Raises:
        ForbiddenError: if nothing can be uploaded.
        ConflictError: if the server has a data set of this name.
        QuotaError: if the user has no room left.
        TooLargeError: if the archive is longer than that.
    """
    workers = service.workers
    most = workers.upload_bytes
    if most <= 0:
        raise ForbiddenError("This server takes no uploads: expected one of its own data sets.")
    if name in service.allowed.data:
        raise ConflictError(f"The server has a data set '{name}': expected another name.")
    check_quota(service, user)
    quota = Quotas(service.table, workers.quota).of(user)
    if quota.disk_gib is not None:
        used = disk_bytes(service.table.url, workers, user)
        most = min(most, int(quota.disk_gib * GIB) - used)
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise too_large(most)
    return most


async def _receive(request: Request, to: Path, most: int) -> None:
    """Write the body of a request to a file.

    Raises:
        TooLargeError: if it is longer than that.
        RefusedError: if it does not arrive.
    """
    length = 0
    parts = request.stream()
    try:
        with to.open("xb") as written:
            async with asyncio.timeout(_LIMIT_S):
                while (part := await asyncio.wait_for(anext(parts, None), _SILENCE_S)) is not None:
                    length += len(part)
                    if length > most:
                        raise too_large(most)
                    await run_in_threadpool(written.write, part)
    except (TimeoutError, ClientDisconnect) as error:
        raise RefusedError(
            "The archive did not arrive in full: expected all of it. Send it again."
        ) from error
