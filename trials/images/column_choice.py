"""Chooses the columns of images and labels in a table, and says so where others were possible."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa

from search_spaces.errors import DataError
from trials.images.notes import listed

IMAGES: Final = ("image", "img", "images", "picture", "photo", "jpg", "jpeg", "png", "webp", "pixel_values")
LABELS: Final = ("label", "labels", "fine_label", "class", "target", "cls", "category")
"""Usual names of columns, the most usual first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of the columns of a table.

    Attributes:
        image: Column of the images.
        label: Column of the labels; None in a table without labels.
        notes: What else could have been chosen, one line each.
    """

    image: str
    label: str | None
    notes: tuple[str, ...] = ()


def choose_columns(
    schema: Any, features: Mapping[str, Any], chosen: Mapping[str, str], where: str
) -> Columns:
    """Return the columns of images and labels.

    Args:
        schema: Arrow schema of the table.
        features: Hugging Face's description of the columns; may be empty.
        chosen: Columns that the user chose for ``image`` and ``label``.
        where: Name of the table in messages.

    Raises:
        DataError: if there is no such column, or there are several and none has a usual name.
    """
    image, image_notes = _image(schema, features, chosen.get("image"), where)
    label, label_notes = _label(schema, features, chosen.get("label"), where)
    return Columns(image=image, label=label, notes=(*image_notes, *label_notes))


def is_class_label(feature: Any) -> bool:
    """Return whether Hugging Face describes a column as one of classes."""
    return isinstance(feature, dict) and feature.get("_type") == "ClassLabel"


def plain_type(kind: Any) -> Any:
    """Return the type of the values in a column: of dictionaries and extensions, that of what they hold."""
    while isinstance(kind, pa.BaseExtensionType) or pa.types.is_dictionary(kind):
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind.storage_type
    return kind


def _image(
    schema: Any, features: Mapping[str, Any], wanted: str | None, where: str
) -> tuple[str, tuple[str, ...]]:
    if wanted is not None:
        kind = plain_type(schema.field(_present(schema, wanted, "image", where)).type)
        if not (_may_hold_images(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise DataError(
                f"The column '{wanted}' of {where} holds {kind}: expected images as struct{{bytes, path}}, "
                f"as bytes or as paths. Choose another column."
            )
        return wanted, ()
    possible = [field.name for field in schema if _may_hold_images(plain_type(field.type))]
    described = [n for n in possible if _type_of(features.get(n)) == "Image"]
    usual = _usual(possible, IMAGES)
    structs = [n for n in possible if pa.types.is_struct(plain_type(schema.field(n).type))]
    if possible:
        return _one_of("image", (usual[:1], described, structs, possible), possible, where)
    raise DataError(
        f"No image column in {where}: expected struct{{bytes, path}} or bytes among the columns "
        f"{', '.join(schema.names)}. For paths of images, choose the column with --data 'PATH?image=COLUMN'."
    )


def _label(
    schema: Any, features: Mapping[str, Any], wanted: str | None, where: str
) -> tuple[str | None, tuple[str, ...]]:
    if wanted is not None:
        return _present(schema, wanted, "label", where), ()
    described = [name for name in schema.names if is_class_label(features.get(name))]
    usual = _usual(schema.names, LABELS)
    both = [name for name in usual if name in described]
    possible = list(dict.fromkeys([*usual, *described]))
    return _one_of("label", (both[:1], usual[:1], described), possible, where) if possible else (None, ())


def _one_of(
    role: str, preferred: Sequence[Sequence[str]], possible: Sequence[str], where: str
) -> tuple[str, tuple[str, ...]]:
    """Return the column of the first preference that leaves one alone, and what to say of the others.

    Raises:
        DataError: if none does; asks which of the possible columns is meant.
    """
    for better in preferred:
        if len(better) == 1:
            return better[0], _said(role, better[0], possible)
    raise DataError(
        f"Several columns of {where} could hold the {role}s, {listed(possible)}: expected one. Choose it "
        f"with --data 'PATH?{role}={quote(possible[0])}'."
    )


def _present(schema: Any, wanted: str, role: str, where: str) -> str:
    if schema.names.count(wanted) != 1:
        raise DataError(
            f"Cannot take the column '{wanted}' of {where} as {role}: expected one of "
            f"{', '.join(schema.names)}. Choose it with --data 'PATH?{role}=COLUMN'."
        )
    return wanted


def _usual(names: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Return those names that are usual, the most usual first, whatever their capitals."""
    return [name for word in usual for name in names if name.lower() == word]


def _said(role: str, taken: str, possible: Sequence[str]) -> tuple[str, ...]:
    others = [name for name in possible if name != taken]
    if not others:
        return ()
    return (
        f"Took the {role}s from the column '{taken}', not from {listed(others)}; --data "
        f"'PATH?{role}={quote(others[0])}' would take that.",
    )


def _may_hold_images(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        inside = {kind.field(i).name: plain_type(kind.field(i).type) for i in range(kind.num_fields)}
        return "bytes" in inside and _is_bytes(inside["bytes"])
    return _is_bytes(kind)


def _is_bytes(kind: Any) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _type_of(feature: Any) -> str | None:
    return feature.get("_type") if isinstance(feature, dict) else None
