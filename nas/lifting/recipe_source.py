"""Lifts the code that a recipe runs on images, with the recipe's numbers in it."""

import re
from pathlib import Path
from typing import Final

from nas.lifting.calling import called, positional, without_arguments, without_parameters
from nas.lifting.folding import folded
from nas.lifting.lifting import definitions_in
from nas.lifting.naming import closure, names_in
from trials import augmentation
from trials.recipe import Recipe

_SHAPED: Final = re.compile(r'(?:Float|Int64)\[Tensor, "[^"]*"\]')


def augmentation_source(recipe: Recipe) -> str:
    """Return the functions that `augment(images, generator)` needs to change images as a recipe does."""
    text = Path(str(augmentation.__file__)).read_text(encoding="utf-8")
    found = {d.name: _plain(d.text) for d in definitions_in(text)}
    known = {f"recipe.{name}": (getattr(recipe, name),) for name in type(recipe).model_fields}
    for name, definition in list(found.items()):
        function = called(definition) if "def " in definition else None
        if function is None or "recipe" not in positional(function):
            continue
        for other, text_there in found.items():
            found[other] = without_arguments(text_there, name, positional(function), {"recipe"})
        found[name] = without_parameters(folded(found[name], {name: known}, {}), {"recipe"})
    needed = closure("augment", {name: names_in(text) for name, text in found.items()})
    return "\n".join(text for name, text in found.items() if name in needed)


def _plain(text: str) -> str:
    """Return a definition without the annotations and words that only make sense where it comes from."""
    return _SHAPED.sub("Tensor", text).replace(": Final =", " =").replace(" as `recipe` asks", "")
