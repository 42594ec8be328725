"""Loads a search space by its catalog name, from a YAML file or from ``module:NAME``."""

from typing import Final

from search_spaces.catalog import SPACES
from search_spaces.paths import expanded
from search_spaces.space import SearchSpace

_SUFFIXES: Final = frozenset({".yaml", ".yml"})


def load(name: str) -> SearchSpace:
    """Return the space in search_spaces/catalog, in a YAML file, or at ``module:NAME``.

    How a file is written stands in `search_spaces.yaml_space`.

    Raises:
        UnknownNameError: if there is none; offers the nearest name.
        SpaceError: if the file is absent or holds no space; says the line, the value and what is allowed.
    """
    path = expanded(name)
    if path.suffix.lower() not in _SUFFIXES:
        return SPACES[name]
    # Who takes a space of the catalog waits for neither pydantic nor yaml.
    from search_spaces.yaml_space import read_space  # noqa: PLC0415

    return read_space(path)
