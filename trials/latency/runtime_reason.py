"""Why a runtime could not run a file, in one short line."""

import re
from typing import Final

_LONGEST: Final = 200
# ONNX Runtime begins with the place in its own sources: its file, line and the signature of the function.
_PLACE: Final = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (?:\S+\.\w+:\d+ .*?\)(?: const)? )?")


def reason_of(error: Exception) -> str:
    """Return what an error says, without line breaks, the sources of the runtime and a full stop."""
    text = _PLACE.sub("", " ".join(str(error).split()))
    return text[:_LONGEST].rstrip(". ") or type(error).__name__
