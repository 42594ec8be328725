"""The path ``/metrics``, for this machine and for administrators."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from nas.service.access import The, checked, proxied_token
from nas.service.metrics import MEDIA_TYPE, Metrics
from nas.service.refusals import ForbiddenError

metrics: Final = APIRouter(include_in_schema=False)
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
_FORWARDED: Final = ("forwarded", "x-forwarded-", "x-real-ip", "via")  # what names of headers begin with
_bearer: Final = HTTPBearer(auto_error=False)


@metrics.get("/metrics")
def get_metrics(
    request: Request,
    service: The,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> PlainTextResponse:
    """Return the figures for Prometheus; a proxy on this machine asks for others, and needs a token."""
    address = "" if request.client is None else request.client.host
    here = address in _LOOPBACK and not any(name.startswith(_FORWARDED) for name in request.headers)
    token = proxied_token(request, service)
    if token is None and (not here or bearer is not None):
        token = checked(service, None if bearer is None else bearer.credentials, address=address)
    if token is not None and token.role != "admin":
        raise ForbiddenError("This is for administrators: expected a token with the role admin.")
    figures: Metrics = request.app.state.metrics
    return PlainTextResponse(figures.text(), headers={"Content-Type": MEDIA_TYPE})
