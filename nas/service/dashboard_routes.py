"""The paths of the Optuna dashboard: behind the login, for reading alone, with studies of the caller.

The dashboard's page asks for absolute paths, so it lies at the root of the server, beside ``/v1``. There are
routes for ``GET`` alone: nothing that the dashboard can change is reached.
"""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response

from nas.service.access import Bearer, Reader, The, own_search, reader, seen_user
from nas.service.refusals import NotFoundError, UnauthenticatedError
from nas.service.tokens import Token
from nas.service.user_dashboards import UserDashboards

dashboard: Final = APIRouter(include_in_schema=False)
_POLICY: Final = "; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_KEPT: Final = frozenset(
    {"content-type", "content-encoding", "content-disposition", "content-security-policy"}
)
_BUNDLE: Final = {"Cache-Control": "private, max-age=86400"}


def _dashboards(request: Request) -> UserDashboards:
    made: UserDashboards = request.app.state.dashboards
    return made


Dashboards = Annotated[UserDashboards, Depends(_dashboards)]


@dashboard.get("/searches/{id}/dashboard")
def open_study(id: str, token: Reader, service: The, dashboards: Dashboards) -> Response:  # noqa: A002
    """Lead to the page of a search in the dashboard."""
    study = dashboards.study_id(own_search(service, token, id).study)
    path = "/dashboard" if study is None else f"/dashboard/studies/{study}"
    return RedirectResponse(path, status_code=HTTPStatus.SEE_OTHER)


@dashboard.get("/dashboard")
@dashboard.get("/dashboard/{path:path}")
def show_dashboard(request: Request, service: The, bearer: Bearer, dashboards: Dashboards) -> Response:
    """Return the page of the dashboard, or lead to the page to log in."""
    try:
        token = reader(request, service, bearer)
    except UnauthenticatedError:
        if "authorization" in request.headers:
            raise
        return RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER)
    return _page(request, token, dashboards)


@dashboard.get("/api/{path:path}")
@dashboard.get("/csv/{path:path}")
@dashboard.get("/static/{path:path}")
@dashboard.get("/nas/{path:path}")
def ask_dashboard(request: Request, token: Reader, dashboards: Dashboards) -> Response:
    """Return what the page of the dashboard asks for."""
    return _page(request, token, dashboards)


def _page(request: Request, token: Token, dashboards: UserDashboards) -> Response:
    path = request.url.path
    asked = dashboards.page(
        seen_user(token), request.scope["path"], request.url.query, request.headers.get("accept-encoding", "")
    )
    if asked.status == HTTPStatus.NOT_FOUND:
        raise NotFoundError("There is no such page of the dashboard: expected one of your studies.")
    headers = {name: value for name, value in asked.headers.items() if name.lower() in _KEPT}
    for name in headers:
        if name.lower() == "content-security-policy":
            headers[name] += _POLICY
    if path.startswith("/static/") and asked.status == HTTPStatus.OK:
        headers |= _BUNDLE
    return Response(asked.body, status_code=asked.status, headers=headers)
