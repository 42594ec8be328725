"""Evaluators: how a search learns what its networks are worth, one file each.

A file binds ``EVALUATOR``, an `Evaluator`; an entry point of the group ``nas.evaluators`` adds one from
another package. Whatever an evaluator expects of networks is evidence, whose weight the sampler learns from
trainings: the networks that a search delivers are trained and measured as ever. The contract, which tests
check on every file: it trains at least one network by default, its work travels as JSON, and doing the work
again in the same folder gives the same expected values.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from search_spaces.budget import Budget
from search_spaces.pricing import Prices
from search_spaces.shelf import Shelf
from search_spaces.space import SearchSpace
from trials.images.splits import Splits
from trials.training.recipe import Recipe

Report = Callable[[Mapping[str, Any]], None]
"""Receives what happens, as JSON has it: ``{"line": text}`` is shown to the user. Stored with the study
for its views are ``epochs_done``, ``images`` through networks, networks ``read`` and the ``forecast``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFacts:
    """What an evaluator knows of a search before it begins.

    Attributes:
        space: Search space.
        prices: The space with the costs of its networks.
        budgets: The most that networks may take.
        recipe: Recipe of the search's trainings.
        splits: The images.
        data: Name or path of the images.
        cache: Folder of decoded images.
        seed: Seed of every generator, at least 0.
        metric: Metric to maximise.
        trials: Number of networks that the search trains.
        device: Device as torch calls it.
        threads: CPU threads that the work may use.
        memory: Free bytes where the work is done; None if that is not known.
        weights: Weights of another study's supernet that is used; None for none.
        band: Least and most MACs of the networks with which the work has begun; None where it has not.
    """

    space: SearchSpace
    prices: Prices
    budgets: Sequence[Budget]
    recipe: Recipe
    splits: Splits
    data: str
    cache: str
    seed: int
    metric: str
    trials: int
    device: str
    threads: int
    memory: int | None = None
    weights: Path | None = None
    band: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What one worker does before the trainings of a search.

    Attributes:
        run: Function that does it, of a module that workers can import. It gets `config`, with the study's
            folder for it as ``folder`` and the name of this attempt as ``attempt``, and a function that
            reports; it goes on where an earlier attempt stopped. It returns what is expected of networks:
            ``codes``, rows of codes of the space, and ``values``, higher is better; and what more is known
            of them as ``about``.
        config: What it needs, as JSON has it.
        lines: What it will do, in lines for the user.
        about: What is stored with the study for its views, as JSON has it.
    """

    run: Callable[[Mapping[str, Any], Report], dict[str, Any]]
    config: dict[str, Any]
    lines: tuple[str, ...]
    about: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """How a search learns what its networks are worth.

    Attributes:
        trials: Number of networks that a search trains by default.
        work: Function from a search to what is done before its trainings; None for nothing. Raises a
            `UserError` if the search cannot be evaluated so.
    """

    trials: int
    work: Callable[[SearchFacts], Work | None]


EVALUATORS: Final[Shelf[Evaluator]] = Shelf(__name__, "EVALUATOR", "evaluator", Evaluator)
