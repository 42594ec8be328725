"""Says which users have used up their quota of disk."""

import time
from collections.abc import Callable
from typing import Final, Literal

from nas.service.job_table import JobTable
from nas.service.quotas import Quotas
from nas.service.user_files import disk_bytes
from nas.service.workers import Workers

PAUSE_S: Final = 60.0  # files of all studies are looked at


class FullDisks:
    """The users without room on disk: one answer is kept for `PAUSE_S`, for the other one looks again.

    So no job begins or ends by an old answer.

    Args:
        table: The jobs.
        workers: Where the files of their users are.
        kept: Whether it is kept that a user has no room, or that a user has some.
        clock: Returns monotonic time in seconds.
    """

    def __init__(
        self,
        table: JobTable,
        workers: Workers,
        *,
        kept: Literal["full", "room"],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table, self._workers, self._keeps_full, self._clock = table, workers, kept == "full", clock
        self._quotas = Quotas(table, workers.quota)
        self._looked: dict[str, tuple[float, str | None]] = {}

    def reason(self, user: str) -> str | None:
        """Return in one line that a user has no room left, None if there is any."""
        looked_s, reason = self._looked.get(user, (float("-inf"), None))
        if self._clock() - looked_s < PAUSE_S:
            return reason
        self._looked.pop(user, None)
        quota = self._quotas.of(user)
        if quota.disk_gib is None:
            return None
        reason = quota.exceeded_disk(disk_bytes(self._table.url, self._workers, user))
        if (reason is not None) == self._keeps_full:
            self._looked[user] = (self._clock(), reason)
        return reason
