"""Writes text to a terminal or file whose encoding lacks some of its characters."""

import codecs
import io
import sys
from typing import Final

_PLAIN: Final = {
    "±": "+-",
    "×": "x",
    "·": "*",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "µ": "u",
    "μ": "u",
    "²": "^2",
    "…": "...",
    "–": "-",
    "—": "-",
    "−": "-",
    "→": "->",
    "‘": "'",
    "’": "'",
    "“": '"',
    "”": '"',
    "•": "*",
    "█": "#",
}
_HANDLER: Final = "nas.plain"


def write_any_text() -> None:
    """Let standard output and error write characters that their encoding lacks in a plain form."""
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_plain_character, lacking)), error.end


def _plain_character(character: str) -> str:
    known = _PLAIN.get(character)
    return known if known is not None else character.encode("ascii", "backslashreplace").decode("ascii")
