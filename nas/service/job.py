"""`Job`: a search, or work of another kind, that a user has submitted, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

State: TypeAlias = Literal["queued", "running", "done", "failed", "cancelled"]
Cancel: TypeAlias = Literal["drain", "now"]
Kind: TypeAlias = Literal["search", "retrain", "compare", "measure"]

OPEN: Final = frozenset({"queued", "running"})
STATES: Final[tuple[State, ...]] = ("queued", "running", "done", "failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A submitted search, or work of another kind.

    Attributes:
        number: Its place in the order of submission.
        id: Text of 16 hexadecimal digits, by which users name it.
        kind: What it does, called as the command: ``search``, ``retrain``, ``compare`` or ``measure``.
        user: User that it belongs to.
        state: ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
        cancel: ``drain`` or ``now`` once it is to end; None otherwise.
        priority: Place among the jobs of the same user; higher ones begin first.
        study: Name of its study in the storage.
        options: Options of the call of its kind, such as `nas.search`, by name.
        submitted_at: Time of submission.
        started_at: Time at which it first began to run; None before.
        ended_at: Time at which it ended; None before.
        used_s: Seconds for which it has held a worker, those of earlier attempts included.
        error: Why it failed, in one line; None otherwise.
        exit_status: What the command would have ended with; None before the end.
        result: What came of it, as ``--json`` prints it; None for a search, whose study has it.
    """

    number: int
    id: str
    kind: Kind
    user: str
    state: State
    cancel: Cancel | None
    priority: int
    study: str
    options: Mapping[str, Any]
    submitted_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    used_s: float
    error: str | None
    exit_status: int | None
    result: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        """The name of the study without that of the user."""
        return self.study.removeprefix(f"{self.user}.")

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in OPEN

    def to_json(self) -> dict[str, Any]:
        """Return what its user may see of it."""
        return {
            "id": self.id,
            "number": self.number,
            "kind": self.kind,
            "user": self.user,
            "study": self.name,
            "state": self.state,
            "cancel": self.cancel,
            "priority": self.priority,
            "options": dict(self.options),
            "submitted_at": self.submitted_at.isoformat(),
            "started_at": None if self.started_at is None else self.started_at.isoformat(),
            "ended_at": None if self.ended_at is None else self.ended_at.isoformat(),
            "used_s": round(self.used_s, 1),
            "error": self.error,
            "exit_status": self.exit_status,
        }


def study_of(user: str, name: str) -> str:
    """Return the name in the storage of a user's study: users' names have no dot, so none meet."""
    return f"{user}.{name}"
