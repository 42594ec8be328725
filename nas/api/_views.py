"""Implements ``nas.show``, ``nas.report`` and ``nas.dashboard``: results as data, as a page, in a browser."""

from collections.abc import Sequence
from pathlib import Path
from wsgiref.simple_server import WSGIServer

from optuna.storages import get_storage

from dashboards.dashboard_server import dashboard_server
from dashboards.network_filters import selected
from dashboards.reports import REPORTS
from dashboards.result import SearchResult
from nas.latency.latest_results import latest_result
from nas.reporting.background_explainer import BackgroundExplainer, insight
from nas.reporting.study_findings import FindingsCollector
from nas.storage.optuna_internals import study_id_of
from nas.storage.optuna_storage import open_storage, storage_url
from nas.storage.store import Store
from nas.study.study import find
from search_spaces.budget import Budget
from search_spaces.errors import ExportError
from search_spaces.paths import expanded


def show(
    study: str | None = None,
    *,
    storage: str | None = None,
    pareto: bool = False,
    fits: str | Sequence[str] = (),
) -> SearchResult:
    """Return the results of a search so far, best network first.

    Args:
        study: Name of the study; by default the latest.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        pareto: Whether to return only the Pareto front, see `dashboards.network_filters.unbeaten`.
        fits: Budgets that the returned networks meet, for example ``"100M-MACs"``.

    Raises:
        StudyError: if there is no such study; the message suggests the nearest name.
        BudgetError: if a budget cannot be read.
    """
    budgets = [Budget.parse(text) for text in ([fits] if isinstance(fits, str) else fits)]
    url = storage_url(storage)
    found = find(open_storage(url), study)
    with Store(url) as store:
        return selected(latest_result(found, store), pareto=pareto, fits=budgets)


def report(
    study: str | None = None,
    *,
    to: str | Path | None = None,
    format: str = "html",  # noqa: A002 -- what it is called on the command line
    storage: str | None = None,
) -> tuple[Path, ...]:
    """Write a report of a search, and return the files.

    Args:
        study: Name of the study; by default the latest.
        to: File to write, for ``png`` a folder; by default the name of the study, in the working folder.
        format: ``html``, ``md``, ``csv`` or ``png``.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study; the message suggests the nearest name.
        ExportError: if the file cannot be written.
    """
    write = REPORTS[format]
    url = storage_url(storage)
    opened = open_storage(url)
    found = find(opened, study)
    ending = "" if format == "png" else f".{format}"
    path = expanded(to) if to is not None else Path(f"{found.study_name}{ending}")
    with Store(url) as store:
        findings = FindingsCollector(opened, store, insight).of(found)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return write(findings, path)
    except OSError as error:
        raise ExportError(
            f"Cannot write the report to '{path}': {error.strerror or error}. Expected a file that can be "
            f"written, for example --to report.html."
        ) from error


def dashboard(
    study: str | None = None,
    *,
    storage: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    token: str | None = None,
) -> tuple[str, WSGIServer]:
    """Return the address of a study's page in the Optuna dashboard, and the listening server.

    ``server.serve_forever()`` serves the dashboard, read-only, until it is stopped.

    Args:
        study: Name of the study; by default the latest.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        host: Address of this machine to listen on.
        port: Port to listen on; 0 for any free one.
        token: Password that a browser sends once; required if other machines can reach `host`.

    Raises:
        StudyError: if there is no such study; the message suggests the nearest name.
        UserError: if the port is in use; the message suggests a free one.
    """
    url = storage_url(storage)
    opened = open_storage(url)
    found = find(opened, study)
    findings = FindingsCollector(get_storage(opened), Store(url), BackgroundExplainer().latest)
    server = dashboard_server(
        opened,
        host=host,
        port=port,
        token=token,
        gather=findings.by_id,
        fetch=findings.network,
        places=findings.places,
    )
    shown = f"[{host}]" if ":" in host else host
    asking = f"?token={token}" if token else ""
    page = f"/dashboard/studies/{study_id_of(found)}{asking}"
    return f"http://{shown}:{server.server_port}{page}", server
