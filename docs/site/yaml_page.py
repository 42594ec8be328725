"""Makes the reference of YAML files: every field of spaces, recipes and targets, from what reads them."""

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from docs.site.command_pages import escaped
from search_spaces.patterns import PATTERNS
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from search_spaces.yaml_space import space_model
from trials.targets import TARGETS
from trials.training.recipe import Recipe

_ATTRIBUTE = re.compile(r"^    (\w+): (.*)$")


def yaml_page() -> str:
    """Return the page."""
    space = space_model().model_json_schema()
    stage = next(v for name, v in space["$defs"].items() if "channels" in v.get("properties", {}))
    stage_words = attributes(StageSpace) | _OF_STAGES | {name: _pattern(name) for name in PATTERNS}
    return "\n".join([
        "# Which fields do YAML files have?",
        "",
        "This page lists every field of space, recipe and target files with its values and default. A",
        "wrong value or a",
        "mistyped field is reported with its line and the nearest field that exists.",
        "",
        "## Spaces",
        "",
        "`--space my.yaml`; [spaces](../spaces.md#a-space-of-your-own) has whole files. A list is a",
        "choice, a single value is none.",
        "",
        *_table(space, attributes(SearchSpace) | _OF_FILES),
        "",
        "### Stages",
        "",
        *_table(stage, stage_words),
        "",
        "## Recipes",
        "",
        "`--recipe my.yaml`; see [recipes](../recipes.md). `base` names the recipe, or the file, whose",
        "values hold where a field",
        "is left out.",
        "",
        *_table(Recipe.model_json_schema(), attributes(Recipe)),
        "",
        "## Targets",
        "",
        "`targets.yaml` in the working folder, with `version: 1` and `targets:`; see",
        "[latency](../latency.md#devices).",
        "",
        *_targets(),
        "",
    ])  # fmt: skip


_OF_FILES = {
    "version": "Version of the format; 2 has the choices of each stage and of the skeleton.",
    "stages": "The stages, see below.",
    "weight_bits": "Bits of the weights of all stages that do not say their own, for networks in int8.",
}

_OF_STAGES = {"weight_bits": "Bits of the weights of its convolutions in int8; both make it a choice."}


def attributes(kind: type) -> dict[str, str]:
    """Return what the docstring of a class says of each attribute."""
    found: dict[str, str] = {}
    name = ""
    text = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    for line in text.splitlines():
        if (start := _ATTRIBUTE.match(line)) is not None:
            name = start[1]
            found[name] = start[2]
        elif name:
            found[name] += " " + line.strip()
    return found


def _pattern(name: str) -> str:
    values = ", ".join(f"`{value}`" for value in getattr(PATTERNS[name], "values", ()))
    first = (inspect.getdoc(importlib.import_module(f"search_spaces.patterns.{name}")) or "").split("\n\n")[0]
    return f"{first} {values}".strip()


def _table(schema: Mapping[str, Any], words: Mapping[str, str]) -> Iterator[str]:
    yield from ("| field | values | default | meaning |", "| --- | --- | --- | --- |")
    for name, field in schema["properties"].items():
        default = "required" if name in schema.get("required", ()) else f"`{_plain(field.get('default'))}`"
        yield f"| `{name}` | {_values(field)} | {default} | {escaped(words.get(name, ''))} |"


def _plain(value: object) -> str:
    words = {None: "none", True: "true", False: "false", "": '""'}
    return words[value] if isinstance(value, str | bool | None) and value in words else str(value)


def _values(field: Mapping[str, Any]) -> str:
    """Return what a field may hold, of its JSON schema."""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_values(one) for one in field["anyOf"]))
    if "const" in field or "enum" in field:
        return " or ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return "list of mappings" if "$ref" in field["items"] else f"list of {_values(field['items'])}"
    if field.get("type") == "object":
        return "mapping"
    kind = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "true or false",
        "null": "none",
    }
    return " ".join([kind.get(str(field.get("type")), "see meaning"), *_limits(field)])


def _limits(field: Mapping[str, Any]) -> Iterator[str]:
    signs = {"minimum": "≥", "exclusiveMinimum": "above", "maximum": "≤", "exclusiveMaximum": "below"}
    yield from (f"{sign} {field[name]}" for name, sign in signs.items() if name in field)


def _targets() -> Iterator[str]:
    yield from ("| kind | address | options and their defaults | device |", "| --- | --- | --- | --- |")
    for kind in TARGETS:
        target = TARGETS[kind]
        options = ", ".join(f"`{name}: {_plain(value)}`" for name, value in sorted(target.defaults.items()))
        module = inspect.getdoc(inspect.getmodule(type(target))) or ""
        address = "required" if target.addressed else "none"
        yield f"| `{kind}` | {address} | {options} | {escaped(module.split(chr(10) * 2)[0])} |"
