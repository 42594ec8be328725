"""Lists the names that an option accepts, for its help, without importing what they name.

Help needs no torch: registries are listed by their files. Names that lie in a module which imports torch are
written here again; a test compares them.
"""

from collections.abc import Sequence
from typing import Final

from search_spaces.shelf import Shelf

EMBEDDED_DATA: Final = ("digits",)
METRICS: Final = ("accuracy", "balanced_accuracy", "macro_f1")
LOGS: Final = ("tensorboard",)


def names_of(package: str, *, first: str | None = None) -> list[str]:
    """Return the names in a registry.

    Args:
        package: Package of the registry, for example ``"nas.samplers"``.
        first: Name that comes before the others, usually the default.
    """
    return sorted(Shelf[object](package, "", ""), key=lambda name: name != first)


def any_of(names: Sequence[str]) -> str:
    """Return names as an enumeration: ``a, b or c``."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


SAMPLERS: Final = any_of(names_of("nas.samplers", first="factor_gp"))
EVALUATORS: Final = any_of(names_of("nas.evaluators", first="train"))
SPACES: Final = any_of(names_of("search_spaces.catalog"))
RECIPES: Final = any_of(names_of("trials.recipes", first="proxy"))
COSTS: Final = names_of("search_spaces.costs")
RULES: Final = any_of(names_of("nas.scaling.rules"))
FORMATS: Final = any_of(names_of("dashboards.reports", first="html"))
