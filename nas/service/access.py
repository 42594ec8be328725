"""Who calls: the token of a request, and what its role allows."""

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from nas.service.job import Job
from nas.service.job_table import JobTable
from nas.service.proxy_login import ProxyLogin
from nas.service.rate_limit import RateLimit
from nas.service.refusals import ForbiddenError, NotFoundError, UnauthenticatedError
from nas.service.search_options import Allowed
from nas.service.study_reader import StudyReader
from nas.service.tokens import AuditLog, Token, Tokens
from nas.service.workers import Workers

_READING: Final = ("GET", "HEAD")


@dataclass(frozen=True, kw_only=True)
class Service:
    """What the answers of one server rest on.

    Attributes:
        table: The jobs.
        tokens: The tokens.
        audit: Who did what.
        reader: The studies of the jobs.
        workers: What jobs run with.
        allowed: What users may name.
        requests: How often a token may ask.
        submissions: How often a user may submit.
        failures: How often an address may come without a valid token.
        proxy: Which proxies say who calls.
    """

    table: JobTable
    tokens: Tokens
    audit: AuditLog
    reader: StudyReader
    workers: Workers = field(default_factory=Workers)
    allowed: Allowed = field(default_factory=Allowed)
    requests: RateLimit = field(default_factory=lambda: RateLimit(100.0, 200))
    submissions: RateLimit = field(default_factory=lambda: RateLimit(2.0, 120))
    failures: RateLimit = field(default_factory=lambda: RateLimit(0.5, 20))
    proxy: ProxyLogin = field(default_factory=ProxyLogin)


def service_of(request: Request) -> Service:
    """Return what the answers of the server rest on."""
    service: Service = request.app.state.service
    return service


The = Annotated[Service, Depends(service_of)]
_bearer: Final = HTTPBearer(auto_error=False, description="A token from: nas tokens create USER")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def reader(
    request: Request,
    service: The,
    bearer: Bearer,
) -> Token:
    """Return the token of a request; that of the page's cookie serves for reading alone.

    Raises:
        UnauthenticatedError: if there is no valid one.
    """
    proxied = proxied_token(request, service)
    if proxied is not None:
        return proxied
    secret = None if bearer is None else bearer.credentials
    if secret is None and request.method in _READING:
        secret = request.cookies.get(cookie_name(request))
    return checked(service, secret, address=_address(request))


def writer(token: Annotated[Token, Depends(reader)]) -> Token:
    """Return the token of a request that may change something.

    Raises:
        ForbiddenError: if its role is that of a viewer.
    """
    if token.role == "viewer":
        raise ForbiddenError(
            "This token only reads: expected one with the role user or admin. Ask your administrator for one."
        )
    return token


def administrator(token: Annotated[Token, Depends(reader)]) -> Token:
    """Return the token of a request that may see what all users do.

    Raises:
        ForbiddenError: if its role is another.
    """
    if token.role != "admin":
        raise ForbiddenError("This is for administrators: expected a token with the role admin.")
    return token


Reader = Annotated[Token, Depends(reader)]
Writer = Annotated[Token, Depends(writer)]
Administrator = Annotated[Token, Depends(administrator)]


def checked(service: Service, secret: str | None, *, address: str) -> Token:
    """Return the valid token with a secret, whoever else fails at the same address.

    Args:
        service: What the answers rest on.
        secret: What the caller sent; None for nothing.
        address: Address of the caller, whose failures are counted: behind a proxy it is that of many.

    Raises:
        UnauthenticatedError: if there is none.
        TooManyError: if there is none and the address has failed too often, or the token asks too often.
    """
    token = None if secret is None else service.tokens.find(secret)
    if token is None:
        service.failures.take(address)
        raise UnauthenticatedError(
            "There is no valid token: expected the header 'Authorization: Bearer TOKEN'. An administrator "
            "makes one with: nas tokens create USER"
        )
    service.requests.take(token.id)
    return token


def proxied_token(request: Request, service: Service) -> Token | None:
    """Return who calls by the headers of a trusted proxy, None if there are none.

    Raises:
        ForbiddenError: if another address sent them, the user has no role, or another site made the browser
            ask for a change.
    """
    login, headers = service.proxy, request.headers
    users, groups = headers.getlist(login.user_header), headers.getlist(login.groups_header)
    token = login.token(users, groups, _address(request))
    if token is None:
        return None
    service.requests.take(f"{token.id} {token.user}")
    if request.method not in _READING:
        check_origin(request, service)
    service.tokens.keep(token.user)
    return token


def check_origin(request: Request, service: Service) -> None:
    """Raise if a page of another site made the browser send a request.

    Raises:
        ForbiddenError: if so.
    """
    origin, known = request.headers.get("origin"), {request.url.netloc}
    if service.proxy.trusts(_address(request)):
        known |= {host.strip() for host in request.headers.getlist("x-forwarded-host")}
    if origin is not None and _host_of(origin) not in known:
        raise ForbiddenError("Another site has sent this form: expected this page. Open it and try again.")


def _host_of(origin: str) -> str:
    """Return host and port of an ``Origin``, empty if it has none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:  # brackets that do not close
        return ""


def own_job(service: Service, token: Token, id: str) -> Job:  # noqa: A002 -- what it is called in the API
    """Return a job that the caller may see.

    Raises:
        NotFoundError: if there is none, or it is another user's.
    """
    return service.table.get(id[:64].replace("\0", ""), user=seen_user(token))


def own_search(service: Service, token: Token, id: str) -> Job:  # noqa: A002 -- what it is called in the API
    """Return a search that the caller may see.

    Raises:
        NotFoundError: if there is none, it is a job of another kind, or another user's.
    """
    job = own_job(service, token, id)
    if job.kind != "search":
        raise NotFoundError("There is no such job: expected the id of one of yours. List them with: nas jobs")
    return job


def seen_user(token: Token) -> str | None:
    """Return the user whose jobs a token may see, None for all."""
    return None if token.role == "admin" else token.user


def cookie_name(request: Request) -> str:
    """Return the name of the page's cookie: browsers send those of a host to all of its ports."""
    return f"nas_service_{request.url.port or 0}"


def form_key(secret: str) -> str:
    """Return what a form of the page has to send: only who has the cookie's token can compute it."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def _address(request: Request) -> str:
    return "" if request.client is None else request.client.host
