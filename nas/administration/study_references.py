"""Lets what names a study follow when it is renamed: settings, commands and teachers of other studies."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nas.study.reproduce_command import REQUEST
from nas.study.study import COMPARISON, EARLIER, SETTINGS
from search_spaces.published import references

_NAMING: Final = {
    SETTINGS: ("learn_from", "supernet", "teacher", "weights"),
    REQUEST: ("learn_from", "seed_with"),
}
"""Fields by attribute that hold studies and networks of studies, as texts or lists of texts."""
_MAY_BE_PUBLISHED: Final = ("weights", "seed_with")
"""Fields in which the name of a published network means that one, also where a study is called so."""
_NAMING_OPTIONS: Final = ("--with", "--teacher", "--study")
"""Options of commands whose values name studies; those of other options never do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """A study's names, and its folders as they are stored, before and after it is renamed."""

    old: str
    new: str
    old_folder: str
    new_folder: str

    def changes(self, user_attrs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield the attributes of another study that change, with their values.

        They are read as they are stored, so that studies of later versions keep what this one does not know.
        """
        for key, value in user_attrs.items():
            changed = self._changed(key, value)
            if changed != value:
                yield key, changed

    def _changed(self, key: str, value: Any) -> Any:
        if key == COMPARISON:
            of = value.get("of")
            subject = of if of is None else {**of, "study": self._named(of["study"])}
            return {**value, "of": subject, "command": self._command(value["command"])}
        if key == EARLIER:
            records = value.get("studies")
            if records is None:
                return {**value, "study": self._named(value.get("study"))}
            return {**value, "studies": [{**one, "study": self._named(one.get("study"))} for one in records]}
        if key not in _NAMING:
            return value
        fields = {name: self._field(name, value[name]) for name in _NAMING[key] if name in value}
        recipe = {"recipe": self._taught(value["recipe"])} if key == SETTINGS and "recipe" in value else {}
        return {**value, **fields, **recipe}

    def _field(self, name: str, value: Any) -> Any:
        if name in _MAY_BE_PUBLISHED and self.old in references():
            return value
        return [self._named(one) for one in value] if isinstance(value, list) else self._named(value)

    def _named(self, text: Any) -> Any:
        """Return a text with the new name if it is the study or a network of it, any other as it is."""
        if not isinstance(text, str):
            return text
        name, mark, number = text.partition("#")
        return f"{self.new}{mark}{number}" if name == self.old else text

    def _taught(self, recipe: Any) -> Any:
        """Return a recipe whose teacher has moved along with the folder."""
        teacher = recipe.get("teacher") if isinstance(recipe, Mapping) else None
        if not isinstance(teacher, str) or not teacher.startswith(f"{self.old_folder}/"):
            return recipe
        return {**recipe, "teacher": self.new_folder + teacher.removeprefix(self.old_folder)}

    def _command(self, command: str) -> str:
        words = shlex.split(command)
        before = ["", *words]
        return shlex.join(
            word if option.startswith("--") and option not in _NAMING_OPTIONS else self._named(word)
            for option, word in zip(before, words, strict=False)
        )
