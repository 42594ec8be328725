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
_ASCII: Final = "plain_ascii"


def write_any_text() -> None:
    """Let standard output and error write characters that their encoding lacks in a plain form."""
    codecs.register_error(_HANDLER, _plain)
    codecs.register(_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(errors=_HANDLER, encoding=_ASCII if ascii_only else None)


def _ascii(name: str) -> codecs.CodecInfo | None:
    """Return ASCII under a name of its own: in that of ASCII, typer sees an error and writes UTF-8."""
    if name != _ASCII:
        return None
    known = codecs.lookup("ascii")
    return codecs.CodecInfo(
        known.encode,
        known.decode,
        incrementalencoder=known.incrementalencoder,
        incrementaldecoder=known.incrementaldecoder,
        name=_ASCII,
    )


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_plain_character, lacking)), error.end


def _plain_character(character: str) -> str:
    known = _PLAIN.get(character)
    return known if known is not None else character.encode("ascii", "backslashreplace").decode("ascii")
