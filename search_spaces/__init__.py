"""Search spaces: describes, counts, samples and builds architectures, without training anything.

From a space to a network:

    space = search_spaces.load("hybrid_small")
    architecture = space.sample(np.random.default_rng(0))
    costs = search_spaces.count(architecture, num_classes=10, in_channels=1)
    network = search_spaces.build(architecture, num_classes=10, in_channels=1)

Everything a user can mend is raised as a `search_spaces.errors.UserError`.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from search_spaces.architecture import Architecture as Architecture
    from search_spaces.architecture import Stage as Stage
    from search_spaces.budget import Budget as Budget
    from search_spaces.building import build as build
    from search_spaces.costs import Costs as Costs
    from search_spaces.counting import count as count
    from search_spaces.loading import load as load
    from search_spaces.published import reference as reference
    from search_spaces.published import references as references
    from search_spaces.space import SearchSpace as SearchSpace

# Taken when first asked for, because half of these need torch and `nas --help` must not.
_HOMES: Final = {
    "Architecture": "architecture",
    "Stage": "architecture",
    "Budget": "budget",
    "Costs": "costs",
    "SearchSpace": "space",
    "build": "building",
    "count": "counting",
    "load": "loading",
    "reference": "published",
    "references": "published",
}
__all__ = [
    "Architecture",
    "Budget",
    "Costs",
    "SearchSpace",
    "Stage",
    "build",
    "count",
    "load",
    "reference",
    "references",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'search_spaces' has no attribute '{name}'")
    return getattr(importlib.import_module(f"search_spaces.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
