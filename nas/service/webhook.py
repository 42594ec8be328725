"""Tells another server when a job has ended: signed, tried again until it was taken, beside the queue.

A job is reported at least once: its receiver drops what it has by the id. The server that ran the job reports
it; after `OWN_S` any other server of the same database does.
"""

import hashlib
import hmac
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import or_, select
from sqlalchemy.exc import SQLAlchemyError

from nas.service.connection import StayHere
from nas.service.job import OPEN, Job
from nas.service.job_table import JobTable, change, job_of
from nas.storage.schema import JobRow
from search_spaces.errors import InvalidValueError, UserError

_log = logging.getLogger(__name__)

PAUSE_S: Final = 1.0
OWN_S: Final = 60.0
LONGEST: Final = timedelta(days=1)
"""Age of an end from which it is reported no more."""
_TIMEOUT_S: Final = 10.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 2.0, 300.0
_AT_ONCE: Final = 100
_SHORTEST_SECRET: Final = 16


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where ends of jobs are reported to.

    Attributes:
        url: Address, http or https; answers that lead elsewhere are not followed.
        secret: What reports are signed with.
    """

    url: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
            raise InvalidValueError(
                f"Cannot use --webhook '{self.url[:80]}': expected an address such as https://host/path, "
                f"without a password."
            )
        if len(self.secret) < _SHORTEST_SECRET:
            raise InvalidValueError(
                f"Cannot sign what --webhook sends: expected a secret of at least {_SHORTEST_SECRET} "
                f"characters in $NAS_WEBHOOK_SECRET, for example from: openssl rand -hex 32"
            )

    def signature(self, sent_at: str, body: bytes) -> str:
        """Return the hexadecimal HMAC-SHA256 of time, dot and body."""
        return hmac.new(self.secret.encode(), sent_at.encode() + b"." + body, hashlib.sha256).hexdigest()

    def send(self, job: Job) -> None:
        """Report a job.

        Raises:
            OSError: if it was not taken.
        """
        body, sent_at = (
            json.dumps({"version": 1, "event": "ended", "job": job.to_json()}).encode(),
            str(int(time.time())),
        )
        headers = {
            "Content-Type": "application/json",
            "X-Nas-Delivery": job.id,
            "X-Nas-Timestamp": sent_at,
            "X-Nas-Signature": f"sha256={self.signature(sent_at, body)}",
        }
        request = urllib.request.Request(self.url, data=body, headers=headers, method="POST")
        with urllib.request.build_opener(StayHere).open(request, timeout=_TIMEOUT_S) as answer:
            answer.read(1)


class Webhook:
    """A thread that reports ends of jobs; use it in a ``with`` block.

    Args:
        table: The jobs.
        receiver: Where to; None for a thread that does nothing.
        clock: Returns monotonic time in seconds.
    """

    def __init__(
        self, table: JobTable, receiver: Receiver | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._table, self._receiver, self._clock = table, receiver, clock
        self._failures: dict[str, tuple[int, float]] = {}  # how often by job, and when it is tried again
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def __enter__(self) -> "Webhook":
        if self._receiver is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._receiver is not None:
            self._thread.join(_TIMEOUT_S)

    def step(self) -> None:
        """Report what has ended and was not reported."""
        if self._receiver is None:
            return
        waiting = self._waiting()
        self._failures = {job.id: self._failures[job.id] for job in waiting if job.id in self._failures}
        for job in waiting:
            count, again_s = self._failures.get(job.id, (0, float("-inf")))
            if self._ended.is_set() or self._clock() < again_s:
                continue
            try:
                self._receiver.send(job)
            except (OSError, HTTPException) as error:
                pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**count)
                self._failures[job.id] = count + 1, self._clock() + pause_s
                if not count:
                    _log.warning("The end of job %s was not reported: %s. It is tried again.", job.id, error)
            else:
                with self._table.writing() as session:
                    change(session, (JobRow.id == job.id,), reported_at=datetime.now(UTC))

    def _waiting(self) -> list[Job]:
        now = datetime.now(UTC)
        mine = or_(
            JobRow.host.is_(None),
            JobRow.host == socket.gethostname()[:255],
            JobRow.ended_at < now - timedelta(seconds=OWN_S),
        )
        new = (
            JobRow.reported_at.is_(None),
            JobRow.ended_at >= now - LONGEST,
            JobRow.state.not_in(sorted(OPEN)),
        )
        wanted = select(JobRow).where(*new, mine).order_by(JobRow.ended_at).limit(_AT_ONCE)
        with self._table.writing() as session:
            return [job_of(row) for row in session.scalars(wanted)]

    def _run(self) -> None:
        while not self._ended.wait(PAUSE_S):
            try:
                self.step()
            except (UserError, SQLAlchemyError) as error:  # the database is away
                _log.warning("Ends of jobs are not reported: %s", error)
            except Exception:  # the thread has to live
                _log.exception("Ends of jobs are not reported")
