"""What a search was asked for, and what can be read of it without images or a device."""

from collections.abc import Sequence
from dataclasses import dataclass

from nas.orchestration.deployed_form import deploy_dtype_of
from nas.orchestration.deployed_space import deployed_space
from nas.orchestration.evaluator_choice import check_evaluator
from nas.orchestration.search_input import check_learning, check_names, check_numbers
from nas.orchestration.search_recipe import search_recipe
from nas.orchestration.teacher_choice import taught
from nas.storage.optuna_storage import storage_url
from nas.study.naming import checked_name
from search_spaces.budget import Budget
from search_spaces.loading import load
from search_spaces.space import SearchSpace
from trials.recipes import load_recipe
from trials.training.recipe import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """The options of a search, as `nas.search` describes them; what is None has its default chosen later."""

    budget: Sequence[str]
    trials: int
    space: str | None = None
    data: str = "digits"
    hours: float | None = None
    study: str | None = None
    storage: str | None = None
    sampler: str = "factor_gp"
    recipe: str | None = None
    seed: int = 0
    storage_path: str = "nas-runs"
    seed_with: Sequence[str] = ()
    learn_from: Sequence[str] = ()
    evaluator: str = "train"
    supernet: str | None = None
    teacher: str | None = None
    weights: str | None = None
    metric: str = "accuracy"
    keep_checkpoints: int = 10
    log_to: str | None = None
    reproducible: bool | None = None
    deploy_dtype: str | None = None

    @property
    def url(self) -> str:
        """Database URL of its storage."""
        return storage_url(self.storage)

    @property
    def around_a_donor(self) -> bool:
        """Whether its space is made around the network whose trained weights it begins with."""
        return self.space is None and self.weights is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """Options of a search, read and checked.

    Attributes:
        budgets: The most that networks may take.
        recipe: Training recipe, with its teacher.
        targets: Names of the devices on which a budget asks for a latency.
        space: Search space; None where images and budgets choose it.
        deploy_dtype: Numbers in which networks are deployed: ``fp32`` or ``int8``.
    """

    budgets: tuple[Budget, ...]
    recipe: Recipe
    targets: tuple[str, ...]
    space: SearchSpace | None
    deploy_dtype: str


def read_request(request: SearchRequest) -> ReadRequest:
    """Return the options of a search, read and checked as far as that needs neither images nor a device.

    Raises:
        UserError: if any of them cannot be read or used.
    """
    budgets = tuple(Budget.parse(text) for text in request.budget)
    check_numbers(
        budgets,
        trials=request.trials,
        hours=request.hours,
        seed=request.seed,
        keep_checkpoints=request.keep_checkpoints,
    )
    check_names(metric=request.metric, log_to=request.log_to, sampler=request.sampler)
    check_evaluator(request.evaluator, request.sampler, request.storage_path, weights=request.weights)
    check_learning(request.learn_from, request.sampler)
    recipe = load_recipe(search_recipe(request.recipe, request.weights))
    targets = dict.fromkeys(str(budget.target) for budget in budgets if not budget.counted)
    form = deploy_dtype_of(request.deploy_dtype, budgets)
    read = ReadRequest(
        budgets=budgets,
        recipe=taught(recipe, request.teacher, request.url),
        targets=tuple(targets),
        space=None
        if request.space is None
        else deployed_space(load(request.space), form, targets=tuple(targets), evaluator=request.evaluator),
        deploy_dtype=form,
    )
    if request.study is not None:
        checked_name(request.study)
    return read
