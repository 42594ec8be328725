"""Implements ``nas.report``: the results of a search as a page, as Markdown, CSV or pictures."""

from pathlib import Path

from dashboards.reports import REPORTS
from nas.api._process_state import process_left_as_found
from nas.reporting.background_explainer import insight
from nas.reporting.study_findings import FindingsCollector
from nas.storage.optuna_storage import open_storage, storage_url
from nas.storage.store import Store
from nas.study.study import find
from search_spaces.errors import ExportError
from search_spaces.paths import expanded


@process_left_as_found()
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
