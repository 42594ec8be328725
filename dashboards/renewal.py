"""Makes the dashboard anew once a study was deleted or replaced: all it keeps goes by the number of a study.

SQLite gives the number of a deleted study to the next one, which may be that of somebody else.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from dashboards.web_access import Application
from search_spaces.errors import StorageError


class RenewedApplication:
    """An application that is made anew for each generation of the studies; thread-safe.

    Args:
        make: Function that returns the application, which knows no study yet.
        generation: Function that returns another number once a study was deleted or replaced.
    """

    def __init__(self, make: Callable[[], Application], generation: Callable[[], int]) -> None:
        self._make, self._generation = make, generation
        self._lock = threading.Lock()
        self._made: tuple[int, Application] | None = None

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        try:
            application = self._current()
        except StorageError:  # its line says where the database is
            start_response("503 Service Unavailable", [("Content-Type", "text/plain")])
            return [b"The database does not answer: try again later.\n"]
        return application(environ, start_response)

    def _current(self) -> Application:
        with self._lock:
            generation = self._generation()
            if self._made is None or self._made[0] != generation:
                _forget_importances()
                self._made = generation, self._make()
            return self._made[1]


def _forget_importances() -> None:
    """Empty what the Optuna dashboard keeps for all applications of a process, by number of a study too."""
    from optuna_dashboard import _importance  # noqa: PLC0415 -- imports torch, two seconds

    with _importance.param_importance_cache_lock:
        _importance.param_importance_cache.clear()
