"""Divides ``PATH?image=COLUMN&label=COLUMN`` into where images are and which columns hold them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from search_spaces.errors import DataError
from search_spaces.paths import expanded

COLUMNS: Final = ("image", "label")
_EXPECTED: Final = "expected PATH?image=COLUMN, PATH?label=COLUMN or PATH?image=COLUMN&label=COLUMN"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLocation:
    """Where images are.

    Attributes:
        place: Path, name or ``module:function``.
        columns: Names of the columns of ``image`` and ``label``, as far as they were chosen.
    """

    place: str
    columns: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "DataLocation":
        """Return the location in a text; a file or folder whose own name has a ``?`` is taken as it is.

        Names of columns are quoted as in URLs: ``%26`` stands for ``&``.

        Raises:
            DataError: if what follows the ``?`` does not choose columns.
        """
        place, mark, query = text.rpartition("?")
        if not mark or _exists(text):
            return cls(place=text)
        columns: dict[str, str] = {}
        for pair in query.split("&"):
            name, _, column = pair.partition("=")
            if name not in COLUMNS or not column or name in columns:
                raise DataError(f"Cannot read '?{query}' after '{place}': {_EXPECTED}.")
            columns[name] = unquote(column)
        return cls(place=place, columns=columns)

    @property
    def path(self) -> Path:
        """The place as a path, with the home folder for a leading ``~``."""
        return expanded(self.place)

    @property
    def is_there(self) -> bool:
        """Whether there is a file or folder."""
        return _exists(self.place)

    @property
    def query(self) -> str:
        """The choice of columns as it is written after the place; empty without one."""
        pairs = [f"{name}={quote(self.columns[name], safe='')}" for name in COLUMNS if name in self.columns]
        return f"?{'&'.join(pairs)}" if pairs else ""


def _exists(text: str) -> bool:
    try:
        return expanded(text).exists()
    except (OSError, ValueError):
        return False
