"""Errors that a user can fix, with messages of one line and exit statuses.

    UserError                     printed as one line, exit status 2
    ├── UnknownNameError          a name that no registry has; offers the nearest (also a KeyError)
    ├── BudgetError               a budget that cannot be read or used (also a ValueError)
    │   └── NothingFitsError      a readable budget that no network meets; exit status 3
    ├── SpaceError                a search space that contradicts itself (also a ValueError)
    ├── ArchitectureError         an architecture that cannot be read or built (also a ValueError)
    ├── DataError                 images that are missing, unreadable or too few (also a ValueError)
    ├── RecipeError               a training recipe that cannot be used (also a ValueError)
    ├── WeightsError              weights that cannot be read or are of another network (also a ValueError)
    ├── StudyError                a study that is absent, busy or asks for something else
    ├── StorageError              a storage that cannot be reached or was written by another version
    ├── FilesError                a place of checkpoints that cannot be reached or used
    ├── TargetError               a device that is unknown, does not answer or talks nonsense
    ├── ScoreError                a network that a training-free score is not defined for
    ├── ExportError               a folder, name or checkpoint that cannot be exported
    └── InvalidValueError         an option outside its range (also a ValueError)

Every other exception is a defect of this project and keeps its traceback.
"""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user can fix: says what was given, what was expected and what to do next.

    Attributes:
        exit_status: Exit status of the command line.
    """

    exit_status: int = 2

    def __str__(self) -> str:
        """Return the message on one line, whatever it was made of."""
        return " ".join(str(self.args[0]).split()) if self.args else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the question after the known name that is nearest to `name`; empty if none is near."""
    by_lower = {other.lower(): other for other in sorted(known)}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return f" Did you mean '{by_lower[near[0]]}'?" if near else ""


def reason_of(error: BaseException) -> str:
    """Return why something failed: of an error of the operating system its words, without number and path."""
    return getattr(error, "strerror", None) or str(error)


class UnknownNameError(UserError, KeyError):
    """A name that no registry has."""

    @classmethod
    def of(cls, kind: str, name: str, known: Iterable[str]) -> "UnknownNameError":
        """Return the error for `name`, offering the nearest of the `known` names."""
        names = sorted(known)
        return cls(
            f"No {kind} is called '{name}'.{did_you_mean(name, names)} Known: {', '.join(names) or 'none'}."
        )


class BudgetError(UserError, ValueError):
    """A budget that cannot be read or used."""


class NothingFitsError(BudgetError):
    """A budget that no network of the space meets."""

    exit_status = 3


class SpaceError(UserError, ValueError):
    """A search space that contradicts itself.

    Attributes:
        at: Where in the space, by names and positions from 0, such as ``("stages", 2, "depth")``.
    """

    def __init__(self, message: str, *, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.at = at


class ArchitectureError(UserError, ValueError):
    """An architecture that cannot be read or built."""


class DataError(UserError, ValueError):
    """Images that are missing, unreadable or too few."""


class RecipeError(UserError, ValueError):
    """A training recipe that cannot be used."""


class WeightsError(UserError, ValueError):
    """Weights that cannot be read, or are of another network than was expected."""


class StudyError(UserError):
    """A study that is absent, busy or asks for something else."""


class StorageError(UserError):
    """A storage that cannot be reached or was written by another version."""


class FilesError(UserError):
    """A place of checkpoints that cannot be reached or used.

    Attributes:
        passing: Whether it may soon answer again.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


class TargetError(UserError):
    """A device that is unknown, does not answer or talks nonsense."""


class ScoreError(UserError):
    """A network that a training-free score is not defined for."""


class ExportError(UserError):
    """A folder, name or checkpoint that cannot be exported."""


class InvalidValueError(UserError, ValueError):
    """An option outside its range."""
