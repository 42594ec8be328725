"""What a search has come to: as data, as a page, in the Optuna dashboard."""

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
    """Return the search so far, best network first.

    Args:
        study: Its name; by default the latest.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        pareto: Whether only networks are left that no other beats in every respect.
        fits: Budgets that those left keep, for example ``"100M-MACs"``.

    Raises:
        StudyError: if there is none; offers the nearest name.
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
    """Write down what a search found for somebody else, and return the files.

    Args:
        study: Its name; by default the latest.
        to: The file, or for pictures their folder; by default named for the study, in the working folder.
        format: A file in dashboards/reports: html, md, csv or png.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study; offers the nearest name.
        ExportError: if it cannot be written there.
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
    """Return the address of a study's page in the Optuna dashboard, and its server, which listens.

    ``server.serve_forever()`` serves until it is stopped; nothing can be changed through it.

    Args:
        study: Its name; by default the latest.
        storage: Database URL; by default ``$NAS_STORAGE`` or ``sqlite:///nas.db``.
        host: Address of this machine on which it listens.
        port: Where it listens; 0 for any free one.
        token: What readers give once; needed where other machines reach it.

    Raises:
        StudyError: if there is none; offers the nearest name.
        UserError: if the port is in use; offers the next free one.
    """
    url = storage_url(storage)
    opened = open_storage(url)
    found = find(opened, study)
    gatherer = FindingsCollector(get_storage(opened), Store(url), BackgroundExplainer().latest)
    server = dashboard_server(
        opened,
        host=host,
        port=port,
        token=token,
        gather=gatherer.by_id,
        fetch=gatherer.network,
        places=gatherer.places,
    )
    shown = f"[{host}]" if ":" in host else host
    asking = f"?token={token}" if token else ""
    page = f"/dashboard/studies/{found._study_id}{asking}"  # noqa: SLF001 -- what the page is called
    return f"http://{shown}:{server.server_port}{page}", server
