"""Generates the augmentation code of train.py: our functions with the recipe's values folded in."""

import re
from pathlib import Path
from typing import Final

from nas.exports.codegen.call_sites import callee, positional, without_arguments, without_parameters
from nas.exports.codegen.constant_folding import folded
from nas.exports.codegen.docstrings import described
from nas.exports.codegen.extract import definitions_in
from nas.exports.codegen.names_used import closure, names_in
from trials.training import augmentation
from trials.training.recipe import Recipe

_SHAPED: Final = re.compile(r'(?:Float|Int64)\[Tensor, "[^"]*"\]')


def augmentation_source(recipe: Recipe) -> str:
    """Return the source of `augment(images, generator)` for a recipe, with the functions it calls."""
    text = Path(str(augmentation.__file__)).read_text(encoding="utf-8")
    found = {d.name: _plain(d.text) for d in definitions_in(text)}
    known = {f"recipe.{name}": (getattr(recipe, name),) for name in type(recipe).model_fields}
    for name, definition in list(found.items()):
        function = callee(definition) if "def " in definition else None
        if function is None or "recipe" not in positional(function):
            continue
        for other, text_there in found.items():
            found[other] = without_arguments(text_there, name, positional(function), {"recipe"})
        specialised = without_parameters(folded(found[name], {name: known}, {}), {"recipe"})
        found[name] = described(specialised, {"recipe": None})
    needed = closure("augment", {name: names_in(text) for name, text in found.items()})
    return "\n".join(text for name, text in found.items() if name in needed)


def _plain(text: str) -> str:
    """Return a definition without annotations and words that make sense in this project only."""
    return _SHAPED.sub("Tensor", text).replace(": Final =", " =").replace(" as `recipe` asks", "")
