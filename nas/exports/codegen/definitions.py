"""What is lifted from one file: the imports and definitions that a class needs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported name: ``from module import name as bound``, or ``import module`` without a name."""

    module: str
    name: str | None
    bound: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A class, function or constant at the top of a file.

    Attributes:
        name: What it binds.
        text: Its source, with the comment lines above it.
        uses: Every name that occurs in it.
    """

    name: str
    text: str
    uses: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifted:
    """The part of one file that a class needs.

    Attributes:
        name: Of the class.
        about: The docstring of the file, which names the paper.
        imports: What its definitions import.
        definitions: In the order of the file.
    """

    name: str
    about: str
    imports: tuple[Import, ...]
    definitions: tuple[Definition, ...]
