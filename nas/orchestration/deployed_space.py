"""Fits a search space to the numbers in which its networks are deployed: bits of weights are of int8."""

from collections.abc import Sequence
from typing import Final

from nas.orchestration.deployed_form import INT8
from search_spaces.errors import SpaceError
from search_spaces.space import SearchSpace
from search_spaces.whole_weights import offers_four_bits, with_whole_weights
from trials.target_names import find_target

_LITERT: Final = "litert"


def deployed_space(
    space: SearchSpace, deploy_dtype: str, *, targets: Sequence[str] = (), evaluator: str = "train"
) -> SearchSpace:
    """Return a space whose networks can be deployed: without bits of weights where that is in fp32.

    Args:
        space: The space that was asked for.
        deploy_dtype: Numbers in which its networks are deployed.
        targets: Devices on which budgets ask for a latency.
        evaluator: How networks are valued.

    Raises:
        SpaceError: if it has weights of 4 bits that a target or the evaluator does not know.
    """
    if deploy_dtype != INT8:
        return with_whole_weights(space)
    if not offers_four_bits(space):
        return space
    for target in targets:
        if dict(find_target(target).options).get("runtime") == _LITERT:
            raise SpaceError(
                f"The space '{space.name}' offers weight_bits 4, but the target '{target}' runs LiteRT, "
                f"which is given weights of 8 bits alone. Leave weight_bits out, or use another target."
            )
    if evaluator != "train":
        raise SpaceError(
            f"The space '{space.name}' offers weight_bits 4, which the evaluator '{evaluator}' does not "
            f"know. Leave weight_bits out of the space, or use --evaluator train."
        )
    return space
