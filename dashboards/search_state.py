"""Whether a search runs, was interrupted or has ended, in words and for programs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchState:
    """State of a search, as far as its storage tells.

    Attributes:
        state: ``running``; ``interrupted``, by a kill, a crash or on request; or ``ended`` by itself.
        last_sign_s: Its last sign of life, in seconds since 1970.
        ago_s: Seconds since then.
    """

    state: Literal["running", "interrupted", "ended"]
    last_sign_s: float = field(compare=False)
    ago_s: float = field(compare=False)

    def __str__(self) -> str:
        """Return the state in words."""
        if self.state == "running":
            return "running"
        ago = f"{self.state} {_rough(self.ago_s)} ago"
        return f"{ago}; the same command goes on" if self.state == "interrupted" else ago

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, the last sign of life as ISO 8601 in UTC."""
        at = datetime.fromtimestamp(self.last_sign_s, UTC).isoformat(timespec="seconds")
        return {"state": self.state, "last_sign": at, "ago_s": round(self.ago_s, 1)}


def _rough(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for unit, most in (("s", 60), ("min", 60), ("h", 48)):
        if seconds < most:
            return f"{int(seconds)} {unit}"
        seconds /= 60 if unit != "h" else 24
    return f"{int(seconds)} days"
