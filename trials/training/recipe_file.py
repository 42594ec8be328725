"""Reads a recipe from a YAML file, which may be based on another recipe."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from search_spaces.errors import RecipeError, UnknownNameError
from search_spaces.paths import expanded
from search_spaces.yaml_document import line_of, read
from trials.training.recipe import Recipe, checked

_TEACHERS: Final = (".onnx", ".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")  # files


def recipe_from_yaml(path: Path, base_of: Callable[[str], Recipe]) -> Recipe:
    """Return the recipe in a YAML file; its default name is that of the file.

    Its ``base`` names another recipe, whose fields it takes where it has none of its own. The path of a
    teacher is relative to the folder of the file.

    Args:
        path: Path of the file.
        base_of: Returns the recipe that a ``base`` names.

    Raises:
        RecipeError: if the file is missing, is not YAML or holds no recipe; names the line.
    """
    fields, lines = read(path, "recipe", RecipeError)
    if not isinstance(fields, dict):
        raise RecipeError(
            f"Cannot use the recipe '{path}': expected 'field: value' lines, for example "
            f"'epochs: 6', with the fields of trials/training/recipe.py."
        )
    if "base" in fields:
        try:
            base = base_of(str(fields["base"]))
        except UnknownNameError as error:
            line = line_of(lines, ("base",))
            raise RecipeError(f"Cannot use the recipe '{path}', line {line}: {error}") from error
        fields = _inherited(base, {name: value for name, value in fields.items() if name != "base"})
    recipe = checked(Recipe, {"name": path.stem, **fields}, f"'{path}'", lines)
    return recipe if recipe.teacher is None else recipe.model_copy(update={"teacher": _placed(recipe, path)})


def _placed(recipe: Recipe, path: Path) -> str:
    """Return the teacher of a recipe in a file: a path from the folder of that file, or a name as it is."""
    teacher = str(recipe.teacher)
    beside = path.parent / expanded(teacher)
    return str(beside.resolve()) if teacher.endswith(_TEACHERS) or beside.exists() else teacher


def _inherited(base: Recipe, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a file with those of its base, whose rungs end where the epochs of the file do."""
    # what the base leaves to its default is left to it here too: a later choice may tell both apart
    inherited = base.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"name"})
    epochs = fields.get("epochs")
    if isinstance(epochs, int) and base.rungs and "rungs" not in fields:
        inherited["rungs"] = [*(rung for rung in base.rungs[:-1] if rung < epochs), epochs]
    return {**inherited, **fields}
