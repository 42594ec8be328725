"""Answers of the service as OpenAPI describes them."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class JobRecord(BaseModel):
    """A submitted job."""

    id: str
    number: int
    """Its place in the order of submission."""
    kind: Literal["search", "retrain", "compare", "measure"]
    """What it does, called as the command."""
    user: str
    study: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    cancel: Literal["drain", "now"] | None
    """How it is to end, once that was asked for."""
    priority: int
    options: dict[str, Any]
    submitted_at: str
    started_at: str | None
    ended_at: str | None
    used_s: float
    """Seconds for which it has held a worker."""
    error: str | None
    exit_status: int | None


class JobPage(BaseModel):
    """Searches, latest first."""

    searches: list[JobRecord]
    next: int | None = Field(description="Value of `before` for the next page; null at the end.")


class AnyJobPage(BaseModel):
    """Jobs of every kind, latest first."""

    jobs: list[JobRecord]
    next: int | None = Field(description="Value of `before` for the next page; null at the end.")


class JobResult(BaseModel):
    """What came of a job."""

    output: str
    """What the command printed."""
    result: Any = None
    """The same as data, if it was asked for as JSON."""


class Answered(BaseModel):
    """What a command printed and wrote."""

    output: str
    messages: str
    """What it said beside its output."""
    sha256: str | None
    """Hash of the archive of its files, which ``/v1/exports/SHA256`` returns."""


class Networks(BaseModel):
    """Networks of a search so far, best first."""

    version: int
    study: str
    metric: str
    trained: int
    budgets: list[str]
    networks: list[dict[str, Any]]


class Profile(BaseModel):
    """What fits budgets, before anything is trained."""

    version: int
    space: str
    size: int
    budgets: list[str]
    share: float
    costs: dict[str, Any]
    factors: dict[str, Any]
    unconsidered: list[str]
    """Budgets that have to be measured: networks may exceed them."""


class Me(BaseModel):
    """Who calls."""

    user: str
    role: Literal["viewer", "user", "admin"]
    data: list[str]
    """Data sets that a search can name."""


class ActRecord(BaseModel):
    """One act of a user."""

    number: int
    at: str
    user: str
    token: str
    act: str
    subject: str


class ActPage(BaseModel):
    """Acts, latest first."""

    acts: list[ActRecord]
    next: int | None = Field(description="Value of `before` for the next page; null at the end.")


class Health(BaseModel):
    """Whether the service and its database answer."""

    status: Literal["ok"]
