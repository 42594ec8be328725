"""`UserDashboards`: the Optuna dashboard for each user of a service, with studies of the user, read-only."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from dashboards.dashboard_server import dashboard_application
from dashboards.web_access import Application
from nas.reporting.study_findings import FindingsCollector
from nas.service.turns import Turns
from nas.storage.current_studies import CurrentStudies
from nas.storage.optuna_storage import open_storage
from nas.storage.reader_view import ReaderView
from nas.storage.store import Store

_MOST: Final = 32
_PAGES: Final = Turns("answers of the dashboard", 16, each=8, waiting=32, wait_s=30.0)


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the dashboard.

    Attributes:
        status: HTTP status.
        headers: Headers by name.
        body: Body.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class UserDashboards:
    """The dashboards of one database; methods are thread-safe.

    Args:
        url: URL of the database.
    """

    def __init__(self, url: str) -> None:
        self._url: Final = url
        self._lock: Final = threading.Lock()
        self._studies: CurrentStudies | None = None
        self._store: Final = Store(url)
        self._made: Final[dict[str, Application]] = {}

    def page(self, user: str | None, path: str, query: str, accepted: str) -> Page:
        """Return what the dashboard of a user answers to a request that reads.

        Args:
            user: The user; None for studies of all users.
            path: Path, decoded.
            query: What follows the question mark.
            accepted: Encodings that the browser takes.

        Raises:
            TooManyError: if the user, or all users together, ask for too much at once.
        """
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path.encode().decode("latin-1"),  # as PEP 3333 has it
            "QUERY_STRING": query,
            "HTTP_ACCEPT_ENCODING": accepted,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
        }
        with _PAGES.turn(user or ""):
            return _asked(self._of(user), environ)

    def study_id(self, name: str) -> int | None:
        """Return the number of a study, None if it has not begun."""
        try:
            return self._opened().get_study_id_from_name(name)
        except KeyError:
            return None

    def _of(self, user: str | None) -> Application:
        prefix = "" if user is None else f"{user}."
        studies = self._opened()
        with self._lock:
            made = self._made.pop(prefix, None) or _application(studies, prefix, self._store)
            self._made[prefix] = made  # the latest comes last
            while len(self._made) > _MOST:
                del self._made[next(iter(self._made))]
            return made

    def _opened(self) -> CurrentStudies:
        with self._lock:
            if self._studies is None:  # its tables are made before the first search: the page shows no study
                self._studies = CurrentStudies(open_storage(self._url))
            return self._studies


def _application(studies: CurrentStudies, prefix: str, store: Store) -> Application:
    view = ReaderView(studies, prefix)
    findings = FindingsCollector(view, store)
    return dashboard_application(
        view,
        gather=lambda study: findings.by_id(study) if view.has(study) else None,
        fetch=lambda study, trial: findings.network(study, trial) if view.has(study) else None,
        generation=studies.generation,
    )


def _asked(application: Application, environ: dict[str, Any]) -> Page:
    begun: list[Any] = []

    def begin(status: str, headers: Iterable[tuple[str, str]], _exception: object = None) -> None:
        begun[:] = [int(status.split(maxsplit=1)[0]), dict(headers)]

    answered = application(environ, begin)
    try:
        body = b"".join(answered)
    finally:
        if hasattr(answered, "close"):
            answered.close()
    status, headers = begun
    return Page(status, headers, body)
