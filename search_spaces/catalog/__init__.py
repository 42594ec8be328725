"""Catalog: search spaces ready to use, one file each.

A file binds ``SPACE`` and says in its docstring what to expect: for which images, how many networks,
what they cost.
"""

from typing import Final

from search_spaces.shelf import Shelf
from search_spaces.space import SearchSpace

SPACES: Final[Shelf[SearchSpace]] = Shelf(__name__, "SPACE", "search space", SearchSpace)
