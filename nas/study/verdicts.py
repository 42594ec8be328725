"""Stores what came of measuring a winner again: one that missed its latency is not delivered later."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import optuna

_VERDICT: Final = "nas:verdict:"  # and the number of the trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was decided on one network after its training.

    Attributes:
        trial: Number of its trial.
        excess: Share by which each latency budget, as written, was exceeded; 0 or less fits.
        reason: Why it is not delivered, in words.
        decided_at: When, ISO 8601 with a time zone; a stable measurement after that counts instead.
    """

    trial: int
    excess: dict[str, float]
    reason: str
    decided_at: str

    def stands(self, measured_at: datetime | None) -> bool:
        """Return whether no stable measurement came after it."""
        return measured_at is None or measured_at <= datetime.fromisoformat(self.decided_at)


def store(study: optuna.Study, verdict: Verdict) -> None:
    """Store a verdict; the latest of a network counts."""
    study.set_user_attr(f"{_VERDICT}{verdict.trial}", asdict(verdict))


def verdicts_of(user_attrs: Mapping[str, Any]) -> dict[int, Verdict]:
    """Return the verdicts among the attributes of a study, by trial."""
    found = (Verdict(**fields) for key, fields in user_attrs.items() if key.startswith(_VERDICT))
    return {verdict.trial: verdict for verdict in found}
