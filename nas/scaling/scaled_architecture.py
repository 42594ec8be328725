"""Scales a network by factors on resolution, depth, width and expansion; finds the width for a budget."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import torch

from search_spaces.architecture import Architecture, Option, Stage, options_of
from search_spaces.building import block_factory
from search_spaces.counting import total_stride
from search_spaces.options import kind_of, repeated_of, routed

_DIVISOR: Final = 8  # of channels, as published networks round them
_FINER: Final = (8, 4, 2, 1)  # channels added to single stages at the end
_NARROWEST, _WIDEST = 1e-3, 64.0  # range of the width factor
_HALVINGS: Final = 24  # steps of the bisection for the width
_FULL: Final = 0.98  # share of the budget from which no stage is widened further
_TRIED: Final = 48  # steps from channels that a block cannot have, in which others are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingFactors:
    """Factors on a network, each 1 for no change.

    Attributes:
        resolution: Factor on the side of the images.
        width: Factor on all channels; a starting value where the width is solved for.
        conv_depth: Factor on the numbers of blocks of convolution stages.
        attention_depth: Factor on the numbers of blocks of attention stages.
        expansion: Factor on the expansion inside the blocks.
        multiple: Divisor of the resolution, in pixels.
        up: Whether depths are rounded up, as EfficientNet does, instead of to the nearest.
        ends: Whether stem and head are widened too, which TinyNet does not do.
    """

    resolution: float = 1.0
    width: float = 1.0
    conv_depth: float = 1.0
    attention_depth: float = 1.0
    expansion: float = 1.0
    multiple: int = 2
    up: bool = False
    ends: bool = True


def scaled(base: Architecture, factors: ScalingFactors) -> Architecture:
    """Return a network with `factors` applied and channels in multiples of 8."""
    side = max(round(base.resolution * factors.resolution / factors.multiple), 1) * factors.multiple
    least = total_stride(base.network, base.options, tuple(stage.stride for stage in base.stages))
    options = dict(base.options)
    if factors.ends:
        for name in ("stem_channels", "head_channels", "head_hidden"):
            if options.get(name):
                options[name] = _channels(options[name], factors.width, 1)
    return replace(
        base,
        resolution=max(side, least),
        stages=tuple(_stage(stage, factors) for stage in base.stages),
        options=options_of(options),
    )


def scaled_to_build(base: Architecture, factors: ScalingFactors) -> Architecture:
    """Return a scaled network whose stages have the nearest channels that their blocks can have."""
    network = scaled(base, factors)
    return replace(network, stages=tuple(map(_nearest_that_builds, network.stages)))


def fit_to_budget(
    base: Architecture, factors: ScalingFactors, share: Callable[[Architecture], float]
) -> tuple[Architecture, float, float] | None:
    """Return the widest network within the budget, its share of it and its width; None if none fits.

    The width is the largest factor whose counted cost fits, found by bisection. If rounding leaves more
    than 2 % of the budget unused, single stages are widened by 8 channels, then by 4, 2 and 1. Where a block
    cannot have the channels that come out, as some divide them evenly, both keep to those that it can.

    Args:
        base: Base network.
        factors: Scaling factors; the width is replaced.
        share: Function from a network to its cost as a share of the budget; at most 1 fits.
    """
    made = _fit(base, factors, share, scaled, _wider)
    if made is None or all(map(_builds, made[0].stages)):
        return made
    return _fit(base, factors, share, scaled_to_build, _next_that_builds)


def _fit(
    base: Architecture,
    factors: ScalingFactors,
    share: Callable[[Architecture], float],
    scale: Callable[[Architecture, ScalingFactors], Architecture],
    wider: Callable[[Stage, int], Stage],
) -> tuple[Architecture, float, float] | None:
    """Return what `fit_to_budget` does, by functions that scale a network and widen a stage by a step."""

    def at(width: float) -> Architecture:
        return scale(base, replace(factors, width=width))

    low, high = _NARROWEST, _WIDEST
    if share(at(low)) > 1:
        return None
    guess = min(max(factors.width, low), high)
    if share(at(guess)) <= 1:
        low = guess
        while low < high and share(at(2 * low)) <= 1:
            low *= 2
        high = min(2 * low, high)
    else:
        high = guess
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if share(at(middle)) <= 1 else (low, middle)
    return (*_widen_single_stages(at(low), share, wider), low)


def _widen_single_stages(
    network: Architecture, share: Callable[[Architecture], float], wider: Callable[[Stage, int], Stage]
) -> tuple[Architecture, float]:
    taken = share(network)
    for step in _FINER:
        while taken < _FULL:
            found = [
                (share(other), other)
                for i, stage in enumerate(network.stages)
                if step % _unit(stage) == 0 or step == _FINER[0]
                for other in [_with_stage(network, i, wider(stage, max(step, _unit(stage))))]
            ]
            if dict(network.options).get("head_channels"):
                options = {**dict(network.options)}
                options["head_channels"] = int(options["head_channels"] or 0) + step
                head = replace(network, options=options_of(options))
                found.append((share(head), head))
            fitting = [pair for pair in found if taken < pair[0] <= 1]
            if not fitting:
                break
            taken, network = max(fitting, key=lambda pair: pair[0])
    return network, taken


def _with_stage(network: Architecture, i: int, stage: Stage) -> Architecture:
    return replace(network, stages=(*network.stages[:i], stage, *network.stages[i + 1 :]))


def _wider(stage: Stage, step: int) -> Stage:
    return replace(stage, channels=stage.channels + step)


def _next_that_builds(stage: Stage, step: int) -> Stage:
    """Return a stage widened by the fewest steps at which it can be built, unchanged if by none."""
    found = (_wider(stage, count * step) for count in range(1, _TRIED + 1))
    return next(filter(_builds, found), stage)


def _nearest_that_builds(stage: Stage) -> Stage:
    """Return a stage with the nearest channels that its blocks can have, unchanged if none are near.

    Of a mixer with channels of its own inside the block, these change.
    """
    options = dict(stage.options)
    inner, heads = int(options.get("inner_channels") or 0), 1
    if inner and "head_channels" in options:
        heads = inner // int(options["head_channels"] or 1)
    step = math.lcm(_DIVISOR, heads if inner else _unit(stage))
    for more in (0, *(sign * step * count for count in range(1, _TRIED + 1) for sign in (1, -1))):
        if (inner or stage.channels) + more < step:
            continue
        if not inner:
            other = _wider(stage, more)
        else:
            changed = {**options, "inner_channels": inner + more}
            if "head_channels" in options:
                changed["head_channels"] = (inner + more) // heads
            other = replace(stage, options=options_of(changed))
        if _builds(other):
            return other
    return stage


def _builds(stage: Stage) -> bool:
    """Return whether the blocks of a stage can have its channels."""
    return all(_block_builds(replace(run, depth=1)) for run in stage.runs)


@lru_cache(maxsize=2**14)
def _block_builds(stage: Stage) -> bool:
    try:
        with torch.device("meta"):
            block_factory(stage)(stage.channels, stage.channels, stride=stage.stride)
    except (TypeError, ValueError, ArithmeticError, RuntimeError):
        return False
    return True


def _stage(stage: Stage, factors: ScalingFactors) -> Stage:
    if stage.overrides:
        return _varied(stage, factors)
    factor = factors.attention_depth if kind_of(stage.mixer) == "attention" else factors.conv_depth
    options: dict[str, Option] = dict(stage.options)
    depth = stage.depth
    repeated = repeated_of(stage.block)
    if repeated in options:  # a block with its depth inside
        options[repeated] = _times(int(options[repeated] or 1), factor, up=factors.up)
    else:
        depth = _times(stage.depth, factor, up=factors.up)
    if options.get("expansion") and factors.expansion != 1.0:
        options["expansion"] = max(1, round(float(options["expansion"] or 1) * factors.expansion))
    if options.get("inner_channels"):
        _widen_inside(options, factors.width)
    channels = _channels(stage.channels, factors.width, _unit(stage))
    return replace(stage, channels=channels, depth=depth, options=options_of(options))


def _varied(stage: Stage, factors: ScalingFactors) -> Stage:
    """Return a scaled stage whose blocks differ; the first and the last keep their place."""
    attends = any(kind_of(run.mixer) == "attention" for run in stage.runs)
    factor = factors.attention_depth if attends else factors.conv_depth
    depth = _times(stage.depth, factor, up=factors.up)
    same_depth = replace(factors, conv_depth=1.0, attention_depth=1.0)
    blocks = [options for run in stage.runs for options in [_stage(run, same_depth).options] * run.depth]
    step = (stage.depth - 1) / max(depth - 1, 1)
    kept = [blocks[-1 if depth == 1 else round(number * step)] for number in range(depth)]
    channels = _channels(stage.channels, factors.width, _unit(stage))
    return Stage.made_of(stage.block, channels, stage.stride, kept)


def _widen_inside(options: dict[str, Option], width: float) -> None:
    """Widen the inner channels of a block's mixer, with the same number of heads."""
    inner = int(options["inner_channels"] or 0)
    heads = inner // int(options["head_channels"] or 1) if "head_channels" in options else 1
    wide = _channels(inner, width, heads)
    options["inner_channels"] = wide
    if "head_channels" in options:
        options["head_channels"] = wide // heads


def _unit(stage: Stage) -> int:
    """Return the divisor of a stage's channels that its mixer requires."""
    if stage.overrides:
        return math.lcm(*map(_unit, stage.runs))
    if stage.mixer is None or dict(stage.options).get("inner_channels"):
        return 1
    _, mixer = routed(stage)
    order = mixer.get("order")
    halvings = 2 ** (order - 1) if isinstance(order, int) else 1
    divisors: list[Any] = [mixer.get(name, 1) for name in ("head_channels", "reduction", "branch", "part")]
    return math.lcm(halvings, *(int(d) for d in divisors))


def _channels(channels: int | float | str | bool | None, factor: float, unit: int) -> int:
    """Return channels x factor in multiples of 8 and of `unit`, at least 90 % of it, as MobileNetV2 does."""
    step = math.lcm(_DIVISOR, unit)
    exact = float(channels or 0) * factor
    rounded = max(step, int(exact + step / 2) // step * step)
    return rounded if rounded >= 0.9 * exact else rounded + step


def _times(depth: int, factor: float, *, up: bool) -> int:
    exact = depth * factor
    return max(1, math.ceil(exact - 1e-9) if up else int(exact + 0.5))
