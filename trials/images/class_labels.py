"""Finds the classes of a data set in its labels: numbers or texts, with or without names of the classes."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from jaxtyping import Int64

from search_spaces.errors import DataError
from search_spaces.units import counted
from trials.images.notes import listed

Label: TypeAlias = int | str | bool | None
NO_LABEL: Final = -1
"""The number that stands for "no label", by the custom of Hugging Face's ``datasets``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The labels of one split as they are stored.

    Attributes:
        values: Label of each image; None, -1 and an empty text stand for none.
        names: Names of the classes that numbers stand for; None where they have none.
    """

    values: Sequence[Label]
    names: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """The classes of a data set.

    Attributes:
        classes: Name of each class.
        labels: Class of each image of each split that has labels; -1 for images without one.
        notes: What was left out, one line each.
    """

    classes: tuple[str, ...]
    labels: dict[str, Int64[np.ndarray, " n"]]
    notes: tuple[str, ...]


def numbered_classes(labels: Mapping[str, Int64[np.ndarray, " _"]], where: str) -> Classes:
    """Return the classes whose numbers are in arrays of labels."""
    return find_classes({name: Labels(values=part.tolist()) for name, part in labels.items()}, where)


def find_classes(parts: Mapping[str, Labels], where: str) -> Classes:
    """Return the classes of a data set: those that have training images.

    They are in the order of their names in the data set, else of their numbers or texts. Texts are compared
    in the composed form of Unicode (NFC), and called as they are written.

    Args:
        parts: Labels of each split; ``train`` is among them.
        where: Name of the data set in messages.

    Raises:
        DataError: if no training image has a label, splits have labels of different kinds, or a split has a
            class that the training images lack.
    """
    keys = {name: _keys(name, part, where) for name, part in parts.items()}
    used = {name: part for name, part in keys.items() if name == "train" or any(k is not None for k in part)}
    _check_kinds(used, where)
    names = parts["train"].names if "train" in parts else None
    written = _written(parts["train"]) if "train" in parts else {}
    order = _order(used.get("train", []), names, written)
    if not order:
        raise DataError(f"No training image in {where} has a label: expected some. Add labels.")
    _check_known(used, order, where)
    place = {key: index for index, key in enumerate(order)}
    labels = {
        name: np.array([NO_LABEL if key is None else place[key] for key in part], dtype=np.int64)
        for name, part in used.items()
    }
    notes = [*_unlabelled(keys, used), *_absent(order, names), *_merged(parts)]
    called = tuple(written[key] if isinstance(key, str) else str(key) for key in order)
    return Classes(classes=called, labels=labels, notes=tuple(notes))


def composed(text: str) -> str:
    """Return a text in the composed form, in which an accented letter is one character (NFC)."""
    return unicodedata.normalize("NFC", text)


def _keys(part: str, labels: Labels, where: str) -> list[Label]:
    """Return what the classes of images are compared by: names where there are some."""
    if labels.names is None:
        return [_key(value, part, where) for value in labels.values]
    names = [composed(name) for name in labels.names]
    keys: list[Label] = []
    for value in labels.values:
        if value is None or value == NO_LABEL:
            keys.append(None)
        elif isinstance(value, int) and 0 <= value < len(names):
            keys.append(names[value])
        elif isinstance(value, str) and composed(value) in names:
            keys.append(composed(value))
        else:
            raise DataError(
                f"The '{part}' split of {where} has the label {str(value)[:60]!r}: expected 0 to "
                f"{len(names) - 1} for its {len(names)} named classes. Correct it."
            )
    return keys


def _key(value: Label, part: str, where: str) -> Label:
    if isinstance(value, str):
        return composed(value) if value.strip() else None
    if value is None or isinstance(value, bool) or value >= 0:
        return value
    if value == NO_LABEL:
        return None
    raise DataError(
        f"The '{part}' split of {where} has labels out of range, the first {value}: expected 0 or more, or "
        f"{NO_LABEL} for no label. Correct them."
    )


def _written(train: Labels) -> dict[str, str]:
    """Return how names of classes are written, the first form of each, by their composed form."""
    texts = train.names if train.names is not None else [v for v in train.values if isinstance(v, str)]
    return {composed(text): text for text in sorted(set(texts), reverse=True)}


def _order(keys: Sequence[Label], names: tuple[str, ...] | None, written: Mapping[str, str]) -> list[Label]:
    found = {key for key in keys if key is not None}
    if names is not None:
        return list(dict.fromkeys(name for name in map(composed, names) if name in found))
    numbers = sorted(key for key in found if isinstance(key, int))
    texts = sorted((key for key in found if isinstance(key, str)), key=lambda text: written[text])
    return [*numbers, *texts]


def _check_kinds(keys: Mapping[str, Sequence[Label]], where: str) -> None:
    kinds = {name: {type(key).__name__ for key in part if key is not None} for name, part in keys.items()}
    words = {"int": "numbers", "str": "texts", "bool": "true or false"}
    if len(set().union(*kinds.values())) > 1:
        said = [f"{words[kind]} in '{name}'" for name, found in kinds.items() for kind in sorted(found)]
        raise DataError(
            f"The labels of {where} are {' and '.join(said)}: expected one kind. Write them alike."
        )


def _check_known(keys: Mapping[str, Sequence[Label]], order: Sequence[Label], where: str) -> None:
    known = set(order)
    for name, part in keys.items():
        new = {str(key) for key in part if key is not None and key not in known}
        if new:
            raise DataError(
                f"The '{name}' split of {where} has {listed(sorted(new))} among its classes, but the "
                f"training images do not: expected only {listed([str(key) for key in order])}. Correct the "
                f"labels or remove these images."
            )


def _unlabelled(keys: Mapping[str, Sequence[Label]], used: Mapping[str, object]) -> list[str]:
    return [
        f"Left out {counted(missing, 'image')} of the {len(part):,} in '{name}', which have no label."
        for name, part in keys.items()
        if (missing := sum(key is None for key in part)) or name not in used
    ]


def _absent(order: Sequence[Label], names: tuple[str, ...] | None) -> list[str]:
    found = set(order)
    absent = [name for name in names or () if composed(name) not in found]
    if not absent:
        return []
    return [f"{len(absent)} of {len(names or ())} named classes have no images: {listed(absent)}."]


def _merged(parts: Mapping[str, Labels]) -> list[str]:
    texts = {value for part in parts.values() for value in part.values if isinstance(value, str)}
    twice = len(texts) - len({composed(text) for text in texts})
    return [f"{counted(twice, 'class name')} in two forms of Unicode, taken as one."] if twice else []
