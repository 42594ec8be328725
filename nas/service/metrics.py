"""Figures for Prometheus: jobs, what users have used, and how long requests take.

Figures of the queue are read from the database when they are asked for, so that every server of one database
gives the same. Requests are those of one server, by the path as the description has it: no id and no name of
a user's is in a label but the user's own.
"""

import time
from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from typing_extensions import override

from nas.service.guard import Application, Message, Receive, Send
from nas.service.job import OPEN
from nas.service.job_table import JobTable
from nas.storage.schema import JobRow

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The figures of one server.

    Args:
        table: The jobs.
    """

    def __init__(self, table: JobTable) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Jobs(table))
        self._requests = Histogram(
            "nas_request_seconds",
            "Seconds until a request was answered, by path, method and status.",
            ("path", "method", "status"),
            buckets=_SECONDS,
            registry=self._registry,
        )

    def text(self) -> str:
        """Return the figures as Prometheus reads them."""
        return generate_latest(self._registry).decode()

    def measured(self, application: Application) -> Application:
        """Return an application whose requests are counted."""

        async def counted(scope: Message, receive: Receive, send: Send) -> None:
            begun_s = time.perf_counter()

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":  # a stream of events lasts as long as a search
                    path = getattr(scope.get("route"), "path", "other")
                    method = scope["method"] if path != "other" else "other"
                    labelled = self._requests.labels(path, method, str(message["status"]))
                    labelled.observe(time.perf_counter() - begun_s)
                await send(message)

            await application(scope, receive, sent if scope["type"] == "http" else send)

        return counted


class _Jobs(Collector):
    """Reads the figures of the queue."""

    def __init__(self, table: JobTable) -> None:
        self._table = table

    @override
    def collect(self) -> Iterable[Metric]:
        """Return the figures as they are now."""
        jobs = GaugeMetricFamily("nas_jobs", "Jobs by state.", labels=("state",))
        for state, count in self._table.counts().items():
            jobs.add_metric((state,), count)
        waiting = GaugeMetricFamily(
            "nas_open_jobs", "Jobs that wait or run, by user.", labels=("user", "state")
        )
        used = CounterMetricFamily(
            "nas_used_seconds", "Seconds for which jobs have held workers, by user.", labels=("user",)
        )
        counted = select(JobRow.user, JobRow.state, func.count(), func.sum(JobRow.used_s))
        with self._table.writing() as session:
            found = session.execute(counted.group_by(JobRow.user, JobRow.state)).all()
        seconds: dict[str, float] = {}
        for user, its_state, count, used_s in found:
            seconds[user] = seconds.get(user, 0.0) + used_s
            if its_state in OPEN:
                waiting.add_metric((user, its_state), count)
        for user, used_s in sorted(seconds.items()):
            used.add_metric((user,), used_s)
        return (jobs, waiting, used)
