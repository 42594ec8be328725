"""Data classes of extracted source: imports, definitions, and a class with all it needs of its file."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """Imported name: ``from module import name as bound``, or ``import module`` without a name."""

    module: str
    name: str | None
    bound: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """Class, function or constant at the top level of a file.

    Attributes:
        name: Name that it binds.
        text: Source with the comment lines above it.
        uses: Names that occur in it.
    """

    name: str
    text: str
    uses: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractedClass:
    """Class with the imports and definitions of its file that it needs.

    Attributes:
        name: Name of the class.
        about: Docstring of the file, which names the paper.
        imports: Imports that the definitions use.
        definitions: Definitions in the order of the file.
    """

    name: str
    about: str
    imports: tuple[Import, ...]
    definitions: tuple[Definition, ...]
