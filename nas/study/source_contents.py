"""Distinguishes trainings whose weights to begin with, or whose teacher, were replaced at the same path.

A training is named by the path of what it begins with. With the study stand the content that a path had
first, by which nothing is added to that name, and the one that it had last, for a path that is gone.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import optuna

from nas.study.study import Attributed

_CONTENTS: Final = "nas:contents:"  # and the path
_OF_A_FOLDER: Final = ("config.json", "architecture.json", "*.safetensors")


def content_marks(study: Attributed, source: str | None) -> list[str]:
    """Return what the name of a training has beside a source: nothing for the first content of its path.

    Args:
        study: Its study.
        source: Absolute path of a file or folder; None or any other text for what has no content.
    """
    first, last = study.user_attrs.get(f"{_CONTENTS}{source}", (None, None))
    found = _content(source) or last
    return [] if found is None or first in {None, found} else [found]


def note_content(study: optuna.Study, source: str | None) -> None:
    """Store the content of a source, as `content_marks` takes it, before something is trained with it."""
    found = _content(source)
    first, last = study.user_attrs.get(f"{_CONTENTS}{source}", (found, None))
    if found is not None and found != last:
        study.set_user_attr(f"{_CONTENTS}{source}", (first, found))


def _content(source: str | None) -> str | None:
    """Return sixteen hexadecimal digits of what is at an absolute path; None where nothing is."""
    if source is None or not Path(source).is_absolute():
        return None
    files = list(_files(Path(source)))
    if not files:
        return None
    found = hashlib.sha256()
    for file in files:
        found.update(file.name.encode())
        with file.open("rb") as opened:
            found.update(hashlib.file_digest(opened, "sha256").digest())
    return found.hexdigest()[:16]


def _files(path: Path) -> Iterator[Path]:
    """Give the files of a source: itself and weights that lie outside of it, or those of an export."""
    if path.is_dir():
        yield from sorted(file for pattern in _OF_A_FOLDER for file in path.glob(pattern) if file.is_file())
    else:
        yield from (file for file in (path, path.with_name(f"{path.name}.data")) if file.is_file())
