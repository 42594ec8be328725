"""Errors as problem details (RFC 9457) with the line that the commands print."""

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from nas.service.refusals import RefusedError, TooManyError, UnauthenticatedError
from nas.storage.retry import is_full
from search_spaces.errors import StorageError, UserError

_log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
_SHOWN: Final = 60  # characters of a value that was sent
_AWAY: Final = "The database of this service does not answer: try again later, or tell its administrator."
_FULL: Final = (
    "A disk of this service is full: expected room for what this request writes. Nothing of it was kept. "
    "Try again later, or tell its administrator."
)


class Problem(BaseModel):
    """Why a request was not answered as asked."""

    type: str = "about:blank"
    """Always ``about:blank``: the status says what kind it is."""
    title: str
    """The status in words."""
    status: int
    """HTTP status."""
    detail: str
    """In one line: what was given, what was expected and what to do next."""
    exit_status: int
    """What the command would have ended with."""


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
    for status in (400, 401, 403, 404, 405, 409, 413, 421, 422, 429, 503, 507)
}
"""Answers that every path may give, for the OpenAPI description."""


def problem(
    status: HTTPStatus, detail: str, *, exit_status: int = 2, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an answer with problem details."""
    body = Problem(title=status.phrase, status=status.value, detail=detail, exit_status=exit_status)
    return JSONResponse(
        body.model_dump(), status_code=status.value, media_type=MEDIA_TYPE, headers=dict(headers or {})
    )


def answer_problems(app: FastAPI) -> None:
    """Let an application answer every error with problem details."""
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(StorageError, _outage)
    app.add_exception_handler(OSError, _full_disk)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _defect)


async def _user_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)
    status, headers = HTTPStatus.UNPROCESSABLE_ENTITY, {}
    if isinstance(error, RefusedError):
        status = error.status
    if isinstance(error, TooManyError):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_s)))
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, str(error), exit_status=error.exit_status, headers=headers)


async def _outage(request: Request, error: Exception) -> JSONResponse:
    """Answer with a line of its own: that of the error says where the database is."""
    if is_full(error):
        return await _full_disk(request, error)
    _log.error("%s %s failed: %s", request.method, request.url.path, error)
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, _AWAY)


async def _full_disk(request: Request, error: Exception) -> JSONResponse:
    if not is_full(error):
        raise error  # a defect like any other
    _log.error("%s %s failed: %s", request.method, request.url.path, error)
    return problem(HTTPStatus.INSUFFICIENT_STORAGE, _FULL)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, _line(error.errors()))


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = f"{status.phrase}: expected a path, method and body of /v1/openapi.json."
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        detail = str(error.detail)
    return problem(status, detail, headers=error.headers)


async def _defect(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "A defect of this program ended the request: its traceback is in the log of the server."
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail, exit_status=1)


def _line(errors: Sequence[Any]) -> str:
    """Return in one line what was wrong with the first value, and how many others were."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"][1:]) or "the request"
    given = ascii(first.get("input"))
    given = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}..."
    others = f" {len(errors) - 1} more values cannot be used either." if len(errors) > 1 else ""
    expected = ascii(first["msg"])[1:-1]
    return (
        f"Cannot use {given} as {ascii(place)[1:-1]}: {expected}.{others} See the description in "
        f"/v1/openapi.json."
    )
