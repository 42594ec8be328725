"""Implements ``nas.report``: the results of a search as a page, as Markdown, CSV or pictures."""

from pathlib import Path
from typing import Final

from dashboards.reports import REPORTS
from nas.api._process_state import process_left_as_found
from nas.files.staging import output_file, output_folder, staged_file, staged_folder
from nas.reporting.background_explainer import insight
from nas.reporting.study_findings import FindingsCollector
from nas.storage.optuna_storage import existing_storage, storage_url
from nas.storage.store import Store
from nas.study.study import find
from search_spaces.errors import ExportError
from search_spaces.paths import expanded

_DOING: Final = "write the report to"


@process_left_as_found()
def report(
    study: str | None = None,
    *,
    to: str | Path | None = None,
    format: str | None = None,  # noqa: A002 -- what it is called on the command line
    storage: str | None = None,
) -> tuple[Path, ...]:
    """Write a report of a search, and return the files.

    Args:
        study: Name of the study; by default the latest.
        to: File to write, for ``png`` a folder; by default the name of the study, in the working folder.
        format: ``html``, ``md``, ``csv`` or ``png``; by default that of the file's name, else ``html``.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Raises:
        StudyError: if there is no such study; the message suggests the nearest name.
        ExportError: if the file cannot be written, or its name is one of another format.
    """
    format = format_of(to, format)  # noqa: A001 -- what it is called on the command line
    write = REPORTS[format]
    url = storage_url(storage)
    opened = existing_storage(url)
    found = find(opened, study)
    ending = "" if format == "png" else f".{format}"
    path = expanded(to) if to is not None else Path(f"{found.study_name}{ending}")
    place = output_folder(path, _DOING) if format == "png" else output_file(path, _DOING)
    with Store(url) as store:
        findings = FindingsCollector(opened, store, insight).of(found)
    with staged_folder(place, _DOING) if format == "png" else staged_file(place, _DOING) as draft:
        written = write(findings, draft)
    return tuple(path / file.relative_to(draft) for file in written)


def format_of(to: str | Path | None, given: str | None) -> str:
    """Return the format of a report.

    Args:
        to: File to write; None for the default one.
        given: Format that was asked for; None to go by the file's name.

    Raises:
        ExportError: if the name ends like a file of another format.
    """
    ending = "" if to is None else Path(to).suffix.lower().removeprefix(".")
    named = {"htm": "html", "markdown": "md"}.get(ending, ending)
    if given is not None:
        REPORTS[given]  # an unknown one is an error
        if named == given or named not in set(REPORTS):
            return given
    elif not named or named in set(REPORTS) - {"png"}:
        return named or "html"
    known = ", ".join(f".{name}" for name in REPORTS if name != "png")
    asked = f" as {given}" if given else ""
    raise ExportError(
        f"Cannot write the report{asked} to '{to}': expected a name that ends in {known}, or --format png "
        f"with a folder. Choose another name."
    )
