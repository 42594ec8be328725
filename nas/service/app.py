"""Puts the web application together: the paths of version 1, the page, problem details and their guard."""

from typing import Final

from fastapi import FastAPI

from nas.service.access import Service
from nas.service.answer_routes import answers
from nas.service.dashboard_routes import dashboard
from nas.service.guard import Guard
from nas.service.job_routes import jobs
from nas.service.metrics import Metrics
from nas.service.metrics_route import metrics
from nas.service.pages import pages
from nas.service.problems import answer_problems
from nas.service.routes import v1
from nas.service.upload_routes import uploads
from nas.service.user_dashboards import UserDashboards
from search_spaces.own_version import own_version

_ABOUT: Final = (
    "Searches for the most accurate vision network that fits a budget, with the words of the command nas. "
    "Errors are problem details (RFC 9457) with the line that the command would print."
)


def application(service: Service, hosts: frozenset[str] | None = None) -> Guard:
    """Return the ASGI application of a server.

    Args:
        service: What its answers rest on.
        hosts: Names by which it may be asked; None for any.
    """
    app = FastAPI(
        title="nas",
        version=own_version(),
        description=_ABOUT,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # its scripts would come from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    for router in (v1, answers, jobs, uploads):
        app.include_router(router)
    app.include_router(pages)
    app.include_router(dashboard)
    app.include_router(metrics)
    answer_problems(app)
    app.state.dashboards = UserDashboards(service.table.url)
    app.state.metrics = Metrics(service.table)
    return Guard(app.state.metrics.measured(app), hosts)
