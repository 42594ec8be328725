"""Counts failed trainings by cause, and decides when a search gives up."""

import re
from typing import Final

from search_spaces.errors import UserError
from search_spaces.units import counted

_ROW: Final = 3  # times as many failures in a row as there may be causes
_CHANGING: Final = re.compile(r"0x[0-9a-f]+|'[^']*'|\"[^\"]*\"|[\d.,]*\d")
_SIZE: Final = (
    "OutOfMemoryError",
    "what trained it died",
)  # as a network that is too large for a device fails


class FailureCounter:
    """Counts the failed trainings of one driver.

    Networks that fail for one reason, such as those too large for a device, are a part of the space that the
    sampler learns to avoid: they count once. A search gives up on many causes, on a long row of failures, and
    where nothing was ever trained and size is not the reason: then it is not the networks that fail.

    Args:
        most_causes: Number of different causes at which it gives up, at least 1.
    """

    def __init__(self, most_causes: int) -> None:
        self._most_causes: Final = most_causes
        self._causes: set[str] = set()
        self._row = self._count = self._trained = 0

    def failed(self, reason: str, trained: int) -> UserError | None:
        """Note a failure and return why to give up; None to go on.

        Args:
            reason: Why the training failed, in words.
            trained: Number of trained networks that the study has by now.
        """
        if trained > self._trained:
            self._row, self._trained = 0, trained
        self._causes.add(_CHANGING.sub("#", reason))
        self._row += 1
        self._count += 1
        hopeless = not trained and not reason.startswith(_SIZE)
        most = self._most_causes * (1 if hopeless else _ROW)
        if len(self._causes) < self._most_causes and self._row < most:
            return None
        last = f"{counted(self._count, 'training')} failed, the last because of: {reason}"
        return UserError(f"{last} Mend that, then give the same command again to go on.")
