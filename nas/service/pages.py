"""The page of the service: log in, submit a search, watch it, end it. Only curves need its script."""

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from nas.service.access import (
    Service,
    The,
    check_origin,
    checked,
    cookie_name,
    form_key,
    own_job,
    proxied_token,
    seen_user,
    service_of,
)
from nas.service.home_html import DEFAULTS, Form, address_of, home_page
from nas.service.job import Cancel
from nas.service.job_html import job_page
from nas.service.page_files import SCRIPT, STYLE
from nas.service.page_html import login_page
from nas.service.refusals import ForbiddenError, UnauthenticatedError
from nas.service.routes import log_of
from nas.service.search_html import search_page
from nas.service.search_options import SearchOptions
from nas.service.submission import allowed_for, cancel, submit
from nas.service.tokens import Token
from search_spaces.catalog_editions import current_names
from search_spaces.errors import InvalidValueError, StorageError, UserError
from trials.recipes import current_names as current_recipes

pages: Final = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_PAGE: Final = 50
_DAY_S: Final = 86_400


async def _fields(request: Request) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        ForbiddenError: if another site sent it.
    """
    check_origin(request, service_of(request))
    try:
        return dict(parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=50))
    except ValueError:
        raise InvalidValueError("Cannot read the form: expected fields in UTF-8.") from None


Fields = Annotated[dict[str, str], Depends(_fields)]


def _sent_by(request: Request, fields: dict[str, str]) -> Token:
    """Return the token of who sent a form of ours.

    Raises:
        ForbiddenError: if the form is not one of this login, or its role may change nothing.
    """
    token, key = _reader(request)
    if not hmac.compare_digest(fields.get("key", "").encode(), key.encode()):
        raise ForbiddenError("This form is of an earlier login: expected one of now. Open the page again.")
    if token.role == "viewer":
        raise ForbiddenError("This token only reads: expected one with the role user or admin.")
    return token


def _reader(request: Request) -> tuple[Token, str]:
    """Return who is logged in, and what their forms have to send."""
    service = service_of(request)
    proxied = proxied_token(request, service)
    if proxied is not None:
        return proxied, form_key(f"{service.proxy.secret} {proxied.user}")
    secret = request.cookies.get(cookie_name(request))
    if secret is None:
        raise UnauthenticatedError("You are not logged in: expected a token. Open / to log in.")
    address = "" if request.client is None else request.client.host
    return checked(service, secret, address=address), form_key(secret)


@pages.get("/")
def home(
    request: Request, service: The, before: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None
) -> str:
    """Return the list of searches with the form, or the page to log in."""
    try:
        token, key = _reader(request)
    except UnauthenticatedError:
        return login_page()
    return _home(service, token, key, before=before)


@pages.post("/login")
def log_in(request: Request, service: The, fields: Fields) -> Response:
    """Keep a token in a cookie that scripts cannot read."""
    secret = fields.get("token", "").strip()
    address = "" if request.client is None else request.client.host
    try:
        checked(service, secret, address=address)
    except UnauthenticatedError:
        page = login_page("There is no such token, or it has expired: expected one that begins with nas_.")
        return HTMLResponse(page, status_code=HTTPStatus.UNAUTHORIZED)
    answer = _to("/")
    answer.set_cookie(
        cookie_name(request),
        secret,
        max_age=_DAY_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@pages.post("/logout")
def log_out(request: Request, fields: Fields) -> Response:
    """Delete the cookie."""
    del fields
    answer = _to("/")
    answer.delete_cookie(cookie_name(request))
    return answer


@pages.post("/searches")
def submit_form(request: Request, service: The, fields: Fields) -> Response:
    """Submit the search of the form, or show it again with what is wrong."""
    token = _sent_by(request, fields)
    try:
        job = submit(service, token, _options(fields))
    except StorageError:  # its line says where the database is
        raise
    except UserError as error:
        page = _home(service, token, fields["key"], given=fields, problem=str(error))
        return HTMLResponse(page, status_code=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _to(f"/searches/{job.id}")


@pages.get("/jobs/{id}")
@pages.get("/searches/{id}")
def show_job(id: str, request: Request, service: The) -> Response:  # noqa: A002 -- its name in the path
    """Return the page of one job, or lead to the address of its kind, or to the page to log in."""
    try:
        token, key = _reader(request)
    except UnauthenticatedError:
        return _to("/")
    job = own_job(service, token, id)
    if request.url.path != address_of(job):
        return _to(address_of(job))
    if job.kind == "search":
        return HTMLResponse(search_page(token, key, job, service.reader.result(job)))
    return HTMLResponse(job_page(token, key, job, log_of(service, job)))


@pages.post("/jobs/{id}/cancel")
@pages.post("/searches/{id}/cancel")
def cancel_form(id: str, request: Request, service: The, fields: Fields) -> Response:  # noqa: A002
    """End a job."""
    how: Cancel = "now" if fields.get("now") == "1" else "drain"
    return _to(address_of(cancel(service, _sent_by(request, fields), id, how)))


@pages.get("/page.css")
def style() -> Response:
    """Return the style sheet."""
    return Response(STYLE, media_type="text/css")


@pages.get("/favicon.ico", status_code=HTTPStatus.NO_CONTENT)
def icon() -> Response:
    """Return that there is no icon, which browsers ask for."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


@pages.get("/page.js")
def script() -> Response:
    """Return the script."""
    return Response(SCRIPT, media_type="text/javascript")


def _home(
    service: Service,
    token: Token,
    key: str,
    *,
    before: int | None = None,
    given: Mapping[str, str] = DEFAULTS,
    problem: str = "",
) -> str:
    jobs = service.table.page(user=seen_user(token), before=before, limit=_PAGE)
    form = Form(
        spaces=sorted(current_names()),
        data=sorted(allowed_for(service, token.user).data),
        recipes=sorted(current_recipes()),
        given=given,
        problem=problem,
    )
    return home_page(token, key, jobs, form, following=jobs[-1].number if len(jobs) == _PAGE else None)


def _options(fields: dict[str, str]) -> SearchOptions:
    """Return the options that a form names.

    Raises:
        InvalidValueError: if they cannot be used.
    """
    given: dict[str, Any] = {
        name: fields[name] for name in ("space", "data", "recipe", "study") if fields.get(name)
    }
    given["budget"] = fields.get("budget", "").replace(",", " ").split()
    trials = fields.get("trials", "")
    if trials:
        given["trials"] = int(trials) if trials.isascii() and trials.isdigit() and len(trials) < 9 else trials
    try:
        return SearchOptions.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidValueError(f"Cannot use what was given as {place}: {first['msg']}.") from None


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=HTTPStatus.SEE_OTHER)
