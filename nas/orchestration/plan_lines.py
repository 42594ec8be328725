"""Says in lines what a search is about to search: images, space and budgets."""

from collections.abc import Iterator
from typing import Final

from nas.orchestration.search_plan import SearchPlan
from search_spaces.catalog_fit import fitting_spaces, in_words, share_in_words
from search_spaces.costs import format_cost, label_of
from search_spaces.units import format_count, format_seconds

_MANY_BYTES: Final = 1e9
_LONG_S: Final = 30.0
_FEW: Final = 0.01  # share of a space that fits below which there is a warning


def plan_lines(plan: SearchPlan) -> Iterator[str]:
    """Yield lines about the images, the space and the budgets of a search, and what is odd about them."""
    splits = plan.splits
    side = "x".join(map(str, splits.train.images.shape[1:3]))
    colours = "grey" if splits.channels == 1 else "colour"
    yield (
        f"Images   {plan.settings.data}: {len(splits.train):,} to train on, "
        f"{len(splits.validation):,} to compare by, {len(splits.classes)} classes, {side} {colours}"
    )
    for note in (*splits.notes, *_resizing(plan)):
        yield f"         {note}"
    yield f"Space    {plan.space.name}: {format_count(plan.space.size)} networks, {_ranges(plan)}"
    yield from plan.teacher_lines
    share = share_in_words(plan.share_that_fits)
    yield (
        f"Budget   {' and '.join(map(str, plan.budgets))}: {share} of the space fits"
        + (" what is known; latency is measured before each training" if plan.targets else "")
    )
    if plan.share_that_fits < _FEW:
        wider = in_words(_wider_spaces(plan))
        more = f" More fits of: {wider}" if wider else ""
        yield f"         Hardly any network fits, and none but small ones.{more}"
    for name, network in plan.published.items():
        yield f"         Begins with {name} at the size of the budget, {network.resolution} pixels"


def _resizing(plan: SearchPlan) -> Iterator[str]:
    """Yield what resizing the images for networks takes, or that it is done as an earlier version did."""
    if not plan.settings.resized_once:
        yield "Resized in two steps, as this study was begun; new studies resize once, as timm does"
    sides = plan.later_resolutions
    size_bytes = sum(map(plan.splits.bytes_at, sides))
    seconds = len(sides) * plan.splits.decoding_s
    if size_bytes >= _MANY_BYTES or seconds >= _LONG_S:
        yield (
            f"Decoded again for each of {len(sides)} resolutions when a network first takes it: up to "
            f"{size_bytes / 1e9:.1f} GB of disk and {format_seconds(seconds)} in all"
        )


def _wider_spaces(plan: SearchPlan) -> dict[str, float]:
    """Return the catalog spaces of which a larger share fits, with that share."""
    table = plan.prices
    shares = fitting_spaces(
        plan.budgets,
        num_classes=table.num_classes,
        in_channels=table.in_channels,
        besides=plan.space.name,
    )
    return {name: share for name, share in shares.items() if share > plan.share_that_fits}


def _ranges(plan: SearchPlan) -> str:
    """Return the smallest and largest network in each budgeted resource, in words."""
    resources = dict.fromkeys(["macs", *(b.resource for b in plan.budgets if b.counted)])
    ranges = []
    for resource in resources:
        low, high = plan.prices.extremes(resource)
        ranges.append(f"{format_cost(resource, low)} to {format_cost(resource, high)} {label_of(resource)}")
    return ", ".join(ranges)
