"""Published families scaled into a budget, also with a stem for small images, and networks of no family."""

from dataclasses import replace
from typing import Final

import search_spaces
from nas.scaling.family import base_of, family
from nas.scaling.rules import RULES
from nas.scaling.scaled_architecture import fit_to_budget
from nas.scaling.small_stem import with_small_stem
from nas.study.network_lookup import FoundNetwork, find_network
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.budget import Budget

RULE: Final = "compound"
FAMILIES: Final = (
    "efficientnet_b0_224",
    "tinynet_e_106",
    "mobilenet_v2_1.0_224",
    "mobilenet_v3_small_224",
    "mobilenet_v3_large_224",
    "mobilevit_xxs_256",
    "mobilevit_v2_0.5_256",
    "fasternet_t0_224",
    "convnext_atto_224",
    "inceptionnext_atto_224",
)
"""One network of each published family."""


def designed(budget: Budget, *, classes: int, side: int) -> dict[str, Architecture]:
    """Return each family scaled into a budget as `nas scale` does, and with a stem for small images.

    Args:
        budget: A budget on a counted cost.
        classes: Class scores of the networks.
        side: Side of the images in pixels.
    """
    found: dict[str, Architecture] = {}
    for name in FAMILIES:
        published = replace(find_network(name, ""), num_classes=classes, in_channels=3)
        found[name] = family(published, base_of(published, None), [budget], RULE)[0].architecture
        small = with_small_stem(published.architecture, side)
        assert small is not None
        found[f"{name}, small stem"] = _scaled_at(published, budget, small)
    return found


def _scaled_at(published: FoundNetwork, budget: Budget, network: Architecture) -> Architecture:
    """Return a network with the depth of the rule and the width that fits the budget, at its resolution."""

    def share(other: Architecture) -> float:
        costs = search_spaces.count(other, num_classes=published.num_classes, deploy=True)
        return 1.0 + budget.excess(costs[budget.resource])

    base = base_of(replace(published, architecture=network), None)
    factors = replace(RULES[RULE](base, 1 / share(network)), resolution=1.0)
    made = fit_to_budget(network, factors, share)
    if made is None:
        raise SystemExit(f"Nothing of {published.name} with a small stem fits {budget}: leave it out.")
    return made[0]


def of_no_family(budget: Budget, *, classes: int) -> dict[str, Architecture]:
    """Return two networks of no published family and no space of the catalog, for fixing a recipe."""
    plain = Stage(
        block="optional_inverted_residual", channels=32, options=options_of({"form": "k3_e2"}), depth=1
    )
    mixed = Stage(block="convnext", channels=32, options=options_of({"mixer": "inception_conv"}), depth=1)
    made = {}
    for name, stage, side in (("plain residuals", plain, 40), ("inception convolutions", mixed, 48)):
        stages = tuple(
            replace(stage, channels=channels, depth=depth, stride=2)
            for channels, depth in ((32, 1), (64, 3), (128, 2))
        )
        network = Architecture(
            network="pyramid", resolution=side, stages=stages, options=options_of({"stem_stride": 1})
        )
        published = FoundNetwork(name=name, architecture=network, num_classes=classes, in_channels=3)
        made[name] = _scaled_at(published, budget, network)
    return made
