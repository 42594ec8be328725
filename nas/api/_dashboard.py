"""Implements ``nas.dashboard``: serves the Optuna dashboard of a study, read-only."""

from wsgiref.simple_server import WSGIServer

from dashboards.dashboard_server import dashboard_server
from nas.api._process_state import process_left_as_found
from nas.reporting.background_explainer import BackgroundExplainer
from nas.reporting.study_findings import FindingsCollector
from nas.storage.current_studies import CurrentStudies
from nas.storage.optuna_internals import study_id_of
from nas.storage.optuna_storage import existing_storage, storage_url
from nas.storage.store import Store
from nas.study.study import find


@process_left_as_found()
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
    opened = existing_storage(url)
    found = find(opened, study)
    studies = CurrentStudies(opened)
    findings = FindingsCollector(studies, Store(url), BackgroundExplainer().latest)
    server = dashboard_server(
        studies,
        host=host,
        port=port,
        token=token,
        gather=findings.by_id,
        fetch=findings.network,
        places=findings.places,
        generation=studies.generation,
    )
    shown = f"[{host}]" if ":" in host else host
    asking = f"?token={token}" if token else ""
    page = f"/dashboard/studies/{study_id_of(found)}{asking}"
    return f"http://{shown}:{server.server_port}{page}", server
