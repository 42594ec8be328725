"""Chooses the job that runs next: users get equal shares of the workers' time while they wait.

The user who was charged least comes first. A user is charged the seconds for which jobs have held a worker
within the last `WINDOW`, and for a running job at least what jobs usually take, so that two workers that
become free together do not both go to the same user. That is deficit round robin in seconds (Shreedhar and
Varghese, 1995).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

WINDOW: Final = timedelta(days=1)
JOBS_AT_ONCE: Final = 2
"""Jobs of one user that run at once, where nothing else was set for the user or the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A queued job.

    Attributes:
        number: Its place in the order of submission.
        user: User that it belongs to.
        priority: Place among the jobs of the same user; higher ones begin first.
    """

    number: int
    user: str
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What jobs of all users have used lately.

    Attributes:
        ended_s: Seconds of ended and waiting jobs by user.
        running_s: Seconds so far of each running job, by user.
        typical_s: Seconds that a job usually takes, 0 if unknown.
    """

    ended_s: Mapping[str, float]
    running_s: Mapping[str, Sequence[float]]
    typical_s: float = 0.0

    def charged_s(self, user: str) -> float:
        """Return the seconds that a user is charged."""
        running = self.running_s.get(user, ())
        return self.ended_s.get(user, 0.0) + sum(max(used_s, self.typical_s) for used_s in running)


def next_job(
    waiting: Sequence[Waiting], usage: Usage, at_once: Mapping[str, int], default_at_once: int
) -> Waiting | None:
    """Return the job that runs next, None if there is none or every user's quota is used up.

    Args:
        waiting: Queued jobs.
        usage: What has been used lately.
        at_once: Most jobs at once of users that have a quota of their own.
        default_at_once: Most jobs at once of every other user.
    """

    def turn(job: Waiting) -> tuple[float, int, int, int]:
        running = len(usage.running_s.get(job.user, ()))
        return usage.charged_s(job.user), running, -job.priority, job.number

    def may_begin(job: Waiting) -> bool:
        return len(usage.running_s.get(job.user, ())) < at_once.get(job.user, default_at_once)

    allowed = [job for job in waiting if may_begin(job)]
    if not allowed:
        return None
    first = min(allowed, key=turn)
    own = (job for job in allowed if job.user == first.user)
    return min(own, key=lambda job: (-job.priority, job.number))
