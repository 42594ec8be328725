"""Implements ``nas.compare``: trains a found network and published ones alike, and says which is better."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from dashboards.comparison import Comparison
from nas.api._process_state import process_left_as_found
from nas.comparison.comparison_plan import ComparisonPlan, plan_comparison
from nas.comparison.comparison_run import run_comparison
from nas.comparison.lone_training import train_alone
from nas.comparison.request import Request
from nas.orchestration.console_progress import ConsoleProgress
from nas.orchestration.retrain_result import RetrainResult
from nas.ray_backend.connection import cluster_for
from nas.ray_backend.ray_cluster import Cluster
from nas.resources import Capacity, Slots, slots_here
from nas.scaling.rules import RULES
from nas.storage.optuna_storage import storage_url
from nas.surrogates.torch_threads import torch_threads
from search_spaces.errors import InvalidValueError


@process_left_as_found()
def compare(
    networks: str | Sequence[str] = (),
    *,
    with_: str | Sequence[str] = (),
    data: str | None = None,
    recipe: str | None = None,
    weights: bool = False,
    seeds: int = 3,
    rule: str | None = None,
    final: bool = False,
    deploy_dtype: str | None = None,
    study: str | None = None,
    storage: str | None = None,
    storage_path: str = "nas-runs",
    gpus_per_trial: float | None = None,
    address: str | None = None,
    quiet: bool = False,
) -> Comparison:
    """Train networks on the same images by one recipe from the same seeds, and return how they differ.

    The same call goes on with an interrupted comparison. More seeds or other networks add to it: what has
    been trained is not trained again.

    Args:
        networks: A search, whose best network is compared with published ones, or ``STUDY#12`` for another
            one of its networks; or two networks or more, see `nas.study.network_lookup.find_network`. By
            default the latest search.
        with_: Networks, or families of published ones, to compare with. What exceeds the budgets of the
            search is scaled into them. By default each family of the catalog.
        data: Images where no search names them; by default those of the first study of which a network was
            named, else ``digits``.
        recipe: Name of a training recipe, or a YAML file; by default ``full``, with `weights` ``fine_tune``.
        weights: Whether each network begins with its own trained weights: those published, those of the
            search that found it, or those in an export folder. What was scaled inherits what fits.
        seeds: Number of seeds from which each network is trained, at least 1.
        rule: Scaling rule; by default ``tinynet`` to shrink and ``compound`` to grow.
        final: Whether networks are also evaluated on the test images, which nothing was chosen by.
        deploy_dtype: ``int8`` to train quantisation-aware and to compare the int8 forms, ``fp32`` not to; by
            default as networks of the search are deployed, ``fp32`` without a search.
        study: Name of the study that holds the trainings; by default made of what is compared.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        storage_path: Folder or URL for checkpoints and weights.
        gpus_per_trial: GPUs for each training; by default 1 if there are GPUs.
        address: Address of a running Ray cluster that trains; by default the one that this process is
            connected to, else this machine.
        quiet: Whether progress is hidden.

    Raises:
        UserError: if something given cannot be used, or there is nothing to compare with.
    """
    if rule is not None:
        RULES[rule]  # an unknown name is an error before anything slow
    request = Request(
        networks=(networks,) if isinstance(networks, str) else tuple(networks),
        others=(with_,) if isinstance(with_, str) else tuple(with_),
        data=data,
        recipe=recipe,
        weights=weights,
        seeds=seeds,
        rule=rule,
        study=study,
        url=storage_url(storage),
        storage_path=storage_path,
        final=final,
        deploy_dtype=deploy_dtype,
    )
    with _planned(request, gpus_per_trial, address, quiet=quiet) as (plan, slots, cluster):
        return run_comparison(plan, slots, quiet=quiet, cluster=cluster)


def retrain_alone(
    network: str, url: str, *, recipe: str, teacher: str | None, data: str | None, quiet: bool, alone: bool
) -> RetrainResult:
    """Train a network that is no search's on the training images, and test it once.

    Args:
        network: What names it.
        url: Database URL.
        recipe: Name of a training recipe, or a YAML file.
        teacher: Network to learn from besides the labels; None for that of the recipe.
        data: Images; None for ``digits``.
        quiet: Whether progress is hidden.
        alone: Whether nothing was given that only networks of a search have.

    Raises:
        InvalidValueError: if something was.
        UserError: if the network cannot be trained.
    """
    if not alone:
        raise InvalidValueError(
            f"Cannot use --trial, --top, --seeds, --soup, --weights, --from-weights or --deploy-dtype with "
            f"'{network}': expected a search for them. Leave them out."
        )
    request = Request(
        networks=(network,),
        others=(),
        data=data,
        recipe=recipe,
        seeds=1,
        rule=None,
        study=None,
        url=url,
        storage_path="nas-runs",
        final=True,
        alone=True,
        teacher=teacher,
    )
    with _planned(request, None, None, quiet=quiet) as (plan, slots, cluster):
        return train_alone(plan, slots, quiet=quiet, cluster=cluster)


@contextmanager
def _planned(
    request: Request, gpus_per_trial: float | None, address: str | None, *, quiet: bool
) -> Iterator[tuple[ComparisonPlan, Slots, Cluster | None]]:
    """Plan a comparison and give the block what it runs on."""
    with ExitStack() as stack:
        stack.enter_context(torch_threads(1))  # pricing runs beside the trainings and must not crowd them
        cluster = stack.enter_context(cluster_for(address))
        plan = plan_comparison(request, ConsoleProgress(Capacity(1), quiet=quiet).say)
        wanted = len(plan.entrants) * plan.seeds
        yield (
            plan,
            slots_here(wanted, gpus_per_trial) if cluster is None else cluster.slots(wanted, gpus_per_trial),
            cluster,
        )
